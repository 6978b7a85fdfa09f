"""A real project under test: names that nobody else uses, and the removal of everything that bears one."""

import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress

from google.api_core import exceptions as google
from test_utils.prefixer import Prefixer

from shared.adapters import bigquery, pubsub, secret_manager
from shared.contracts.tables import DatasetRef
from shared.contracts.tenant import TENANT_LABEL, owner_of_dataset
from tests.contract.ports.cloud import Warehouse, subscriber
from tests.system.admin_api import AdminApi
from tests.system.settled import SYSTEM_LABEL, Moments, SettledCatalog, SettledJobs, SettledRows
from tests.system.target import Target

# Without a separator what Prefixer makes has room in a tenant id, before its one underscore: 17 letters and a time of
# 14 digits, of 31 that the grammar takes.
PREFIXER = Prefixer("convergence", "system", separator="")
_STEM = len("convergencesystem") + len("20251115010203")


class Project:
    """`Cloud`, while a `with` lasts: what earlier runs left more than a day ago goes first, its own at the end.

    Datasets, topics, subscriptions and secrets are found by their names, so that what a test forgot, or did not come to
    remove, goes too; a dataset only if its label says that it is the suites'. A tenant of the demo run is off-boarded
    by the platform, where that is given: the registry's row alone would have a run that fails each night. Keys stay: a
    key goes only when its versions were destroyed for days, so there is one for all runs
    (`tests/contract/ports/test_cipher.py`).
    """

    def __init__(self, target: Target) -> None:
        self.project, self.location, self.region = target.project, target.location, target.region
        self.bigquery, self.pubsub = target.bigquery, target.pubsub
        self.kms, self.secret_manager = target.kms, target.secret_manager
        made = PREFIXER.create_prefix()
        self.prefix = f"{made[:_STEM]}_{made[_STEM:].zfill(6)}"
        """What every name of this run begins with."""
        self._bigquery = bigquery.client(self.project, self.location, self.bigquery)
        self._catalog = bigquery.BigQueryCatalog(self._bigquery)
        self._platform = target.platform

    def __enter__(self) -> "Project":
        self.remove(PREFIXER.should_cleanup)
        return self

    def __exit__(self, *_: object) -> None:
        self.remove(lambda name: name.startswith(self.prefix))
        self._bigquery.close()  # type: ignore[no-untyped-call]  # it has no types

    def name(self) -> str:
        """A tenant id that nobody has: 31 characters, an underscore, 12 characters."""
        return f"{self.prefix}{uuid.uuid4().hex[:6]}"

    def warehouse(self) -> Warehouse:
        """The adapters on this BigQuery, with a dataset that is not there yet."""
        moments = Moments()
        return Warehouse(
            SettledCatalog(self._bigquery, moments),
            SettledRows(self._bigquery, moments),
            SettledJobs(self._bigquery, moments),
            DatasetRef(self.project, f"{self.name()}_silver"),
            location=self.location,
        )

    def datasets(self) -> list[str]:
        """The datasets of this project."""
        return [each.dataset_id for each in self._bigquery.list_datasets(self.project)]

    def remove(self, is_to_go: Callable[[str], bool]) -> list[str]:
        """Remove whatever has a name to go; the names. What somebody else removes meanwhile is no error."""
        topics, subscriptions = pubsub.client(self.pubsub), subscriber(self.pubsub)
        secrets = secret_manager.client(self.secret_manager)
        parent = f"projects/{self.project}"
        kinds: tuple[tuple[Iterable[str], Callable[[str], None]], ...] = (
            # A subscription before its topic: without, it would be left behind as one of `_deleted-topic_`.
            (
                [each.name for each in subscriptions.list_subscriptions(project=parent)],
                lambda name: subscriptions.delete_subscription(subscription=name),
            ),
            (
                [each.name for each in topics.list_topics(project=parent)],
                lambda name: topics.delete_topic(topic=name),
            ),
            (
                [each.name for each in secrets.list_secrets(parent=parent)],
                lambda name: secrets.delete_secret(name=name),
            ),
        )
        removed = self._off_boarded(is_to_go)
        removed += [name for name in self.datasets() if is_to_go(name) and self._delete_dataset(name)]
        for names, delete in kinds:
            for name in names:
                if is_to_go(name.rpartition("/")[2]):
                    with suppress(google.NotFound):
                        delete(name)
                    removed.append(name)
        return removed

    def _off_boarded(self, is_to_go: Callable[[str], bool]) -> list[str]:
        """Off-board tenants with what they have; their ids."""
        if self._platform is None:
            return []
        with AdminApi(self._platform) as admin:
            leaving = [tenant_id for tenant_id in admin.tenants() if is_to_go(tenant_id)]
            for tenant_id in leaving:
                answer = admin.off_board(tenant_id, force=True)
                assert answer.status_code in (200, 404), f"{tenant_id} cannot be off-boarded: {answer.text}"
        return leaving

    def _delete_dataset(self, name: str) -> bool:
        """Whether it was ours, and is gone.

        A tenant's is ours where the platform has just said that there is no such tenant: its onboarding was cut short.
        """
        found = self._catalog.get_dataset(DatasetRef(self.project, name))
        if found is None:
            return False
        of_tenant = self._platform is not None and found.labels.get(TENANT_LABEL) == owner_of_dataset(name)
        return (of_tenant or SYSTEM_LABEL in found.labels) and self._catalog.delete_dataset(found)
