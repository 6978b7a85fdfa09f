"""Off-board a tenant: remove all that is its own, and nothing else; cut short anywhere, the same call completes it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from shared.contracts.tables import DatasetRef
from shared.contracts.tenant import TENANT_LABEL, Tenant, is_tenant_id, owner_of_dataset
from shared.errors import OnboardingInProgress, RunsLive, TenantUnknown, Unavailable
from shared.logs import log
from shared.ports import Catalog, Clock, Dataset, Jobs
from shared.settings import Settings
from shared.tenants.claim import is_claimed
from shared.tenants.records import TenantRecords
from shared.tenants.registry import Registry

# A run that was under way can make a dataset between two looks; that there is always another one is no tenant's doing.
_LOOKS = 5


class LiveRuns(Protocol):
    """Knows which runs of a tenant have not ended."""

    def of_tenant(self, tenant_id: str) -> Sequence[str]:
        """Ids of runs that live; some of them are enough."""
        ...


@dataclass(frozen=True)
class Removed:
    """What this call removed: datasets with their tables, and whether the registry had the tenant."""

    datasets: dict[str, list[str]]
    was_registered: bool


class OffBoarding:
    """Removes tenants. What is a tenant's is found by its label and its name; the registry's row goes last.

    A dataset is removed only where its label names the tenant *and* its name parses to exactly this tenant: a
    neighbour whose id begins alike, and whatever bears no label, is never touched (rules 3).

    What was there when the call began is removed, and no other onboarding of the id: a call that is held up may be
    overtaken by another one that completes it, and the id be onboarded anew. Every change is bound to what was seen:
    the record's and the registry's rows by their onboarding epoch, each dataset by its etag, and the etag counts only
    while the tenant's own dataset, which every onboarding makes or claims, is as it was at first.
    """

    def __init__(
        self,
        catalog: Catalog,
        jobs: Jobs,
        records: TenantRecords,
        live_runs: LiveRuns,
        *,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._catalog, self._jobs, self._records = catalog, jobs, records
        self._live_runs, self._clock, self._settings = live_runs, clock, settings

    def remove(self, tenant_id: str, *, force: bool, request: str) -> Removed:
        """Suspend the tenant, then remove its datasets, its own `{tenant_id}` last, then its row of the registry.

        Raises TenantUnknown where there is nothing to remove, or no longer what there was when the call began;
        OnboardingInProgress; RunsLive unless `force`: the tenant stays suspended then, so that no run begins any more.
        """
        if not is_tenant_id(tenant_id):
            raise TenantUnknown(f"there is no tenant {tenant_id[:64]!r}")
        registry = Registry(self._jobs, self._settings)
        # Before all else: what is read after it belongs to the same onboarding for as long as this stays as it is.
        own = self._catalog.get_dataset(DatasetRef(self._settings.data_project, tenant_id))
        record = self._records.get(tenant_id)
        epoch = record.tenant.epoch if record else registry.epoch(tenant_id)
        found = self._inventory(tenant_id)
        if not found and epoch is None:
            raise TenantUnknown(f"there is no tenant {tenant_id!r}")
        if own and is_claimed(own, self._clock.now()):
            raise OnboardingInProgress(f"{tenant_id} is being onboarded; ask again in a minute")
        self._confirm(tenant_id, own)
        if record:
            self._suspend(record.tenant, registry, request)
        live = [] if force else self._live_runs.of_tenant(tenant_id)
        if live:
            raise RunsLive(
                f"{tenant_id} has runs that have not ended, such as {live[0]}; it is suspended now, so that none is"
                " added: ask again when they have ended, or add ?force=true"
            )
        removed: dict[str, list[str]] = {}
        for _ in range(_LOOKS):
            for dataset in found:
                self._remove(dataset.ref, tenant_id, own, removed)
            found = self._inventory(tenant_id)
            if not found:
                was_registered = epoch is not None and registry.remove(tenant_id, epoch, request=request)
                log("tenant_off_boarded", datasets=len(removed))
                return Removed(removed, was_registered)
        raise Unavailable(f"datasets of {tenant_id} are made while they are removed; try again")

    def _inventory(self, tenant_id: str) -> list[Dataset]:
        """The tenant's datasets, the one of its record last: until the end that says that it is suspended."""
        labelled = self._catalog.datasets(self._settings.data_project, labels={TENANT_LABEL: tenant_id})
        ours = [dataset for dataset in labelled if owner_of_dataset(dataset.ref.dataset) == tenant_id]
        return sorted(ours, key=lambda dataset: (dataset.ref.dataset == tenant_id, dataset.ref.dataset))

    def _confirm(self, tenant_id: str, own: Dataset | None) -> None:
        """Raise TenantUnknown where the tenant's own dataset is neither as it was seen at first nor gone.

        A tenant has no other dataset before it has that one.
        """
        now = self._catalog.get_dataset(DatasetRef(self._settings.data_project, tenant_id))
        if now and (own is None or now.etag != own.etag):
            raise _overtaken(tenant_id)

    def _suspend(self, seen: Tenant, registry: Registry, request: str) -> None:
        def suspended(tenant: Tenant) -> Tenant:
            if tenant.epoch != seen.epoch:
                raise _overtaken(seen.tenant_id)
            return replace(tenant, status="suspended")

        self._records.change(seen.tenant_id, suspended, request=request)
        registry.follow(seen.tenant_id, self._records, request=request)

    def _remove(self, ref: DatasetRef, tenant_id: str, own: Dataset | None, removed: dict[str, list[str]]) -> None:
        """Remove the dataset if it is still the tenant's, and no new tenant's, at this moment."""
        dataset = self._catalog.get_dataset(ref)
        if dataset is None or dataset.labels.get(TENANT_LABEL) != tenant_id:
            return
        tables = self._catalog.tables(ref)
        self._confirm(tenant_id, own)  # after the etag was read, which then is not a new tenant's
        if self._catalog.delete_dataset(dataset):
            removed.setdefault(ref.dataset, tables)


def _overtaken(tenant_id: str) -> TenantUnknown:
    return TenantUnknown(
        f"{tenant_id} is no longer the tenant that it was when this call began: its dataset was removed or changed"
        " meanwhile. If it was onboarded anew, that is left alone; to remove what is there now, ask again"
    )
