"""The claim on a tenant's dataset, by which one onboarding at a time works on it.

It is a label of the dataset with a lease, changed with the dataset's etag: there is no lock store, and what a crash
leaves behind ends by itself.
"""

from datetime import datetime, timedelta
from typing import Self

from shared.contracts.tables import DatasetRef
from shared.contracts.tenant import TENANT_LABEL, owner_of_dataset
from shared.errors import AlreadyOnboarded, ConvergenceError, OnboardingInProgress, TenantIdRefused
from shared.logs import log
from shared.ports import Catalog, Dataset

# Who is onboarding and until when: `{epoch seconds}-{run}`; `done` once the tenant is registered.
LEASE_LABEL = "convergence_onboarding"
DONE = "done"
# Longer than the calls of an onboarding take, shorter than an operator's patience after a crash.
LEASE_S = 60


class Claim:
    """One run's claim on its tenant's dataset: taken inside its `with` block, and ended by leaving it.

    It ends as done after `complete`, else free for the next attempt; also where taking it failed, which may have taken
    it all the same. The claim of another run is left alone. That it cannot be ended is only logged: it ends by itself.
    """

    def __init__(self, dataset: DatasetRef, catalog: Catalog, run: str) -> None:
        self._dataset = dataset
        self._catalog = catalog
        self._run = run
        self._is_complete = False

    def take(self, now: datetime, *, location: str) -> bool:
        """Make the tenant's dataset, or take over an onboarding that was cut short; True if it was made now.

        Raises OnboardingInProgress while another call holds it, AlreadyOnboarded when it is done, TenantIdRefused when
        the dataset is no tenant's, or another one that is no tenant's would be this one's by its name.
        """
        self._refuse_foreign()
        tenant_id = self._dataset.dataset
        until = int((now + timedelta(seconds=LEASE_S)).timestamp())
        labels = {TENANT_LABEL: tenant_id, LEASE_LABEL: f"{until}-{self._run}"}
        description = f"Metadata of tenant {tenant_id}"
        if self._catalog.create_dataset(self._dataset, location=location, labels=labels, description=description):
            return True
        found = self._catalog.get_dataset(self._dataset)
        busy = OnboardingInProgress(f"{tenant_id} is being onboarded by another call; ask again in a minute")
        if found is None:
            raise busy
        if found.labels.get(TENANT_LABEL) != tenant_id:
            raise TenantIdRefused(f"dataset {tenant_id} exists and is no tenant's: choose another tenant_id")
        if found.labels.get(LEASE_LABEL) == DONE:
            raise AlreadyOnboarded(f"{tenant_id} is onboarded already; rotate its key if it was lost")
        if is_claimed(found, now, but_by=self._run) or not self._catalog.set_labels(found, labels):
            raise busy
        return False

    def confirm(self) -> None:
        """Raise OnboardingInProgress when another call has taken the claim over, because this run took too long.

        Asked before what the other call would not survive: a second key, a second row in the registry.
        """
        found = self._catalog.get_dataset(self._dataset)
        if found is None or not self._is_held(found):
            tenant_id = self._dataset.dataset
            raise OnboardingInProgress(f"another call has taken over onboarding {tenant_id}; ask again in a minute")

    def complete(self) -> None:
        """The tenant is registered: the claim ends as done."""
        self._is_complete = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            found = self._catalog.get_dataset(self._dataset)
            if found is not None and self._is_held(found):
                self._catalog.set_labels(found, {**found.labels, LEASE_LABEL: DONE if self._is_complete else "0"})
        except ConvergenceError as error:
            # The registry has the last word: no reason to lose the key, or a better error.
            log("onboarding_claim_left", "WARNING", error_code=error.code)

    def _refuse_foreign(self) -> None:
        """A dataset that is not a tenant's, but would be this one's by its name, makes the id unusable (rules 3)."""
        tenant_id = self._dataset.dataset
        for found in self._catalog.datasets(self._dataset.project):
            ours = found.labels.get(TENANT_LABEL) == tenant_id
            if owner_of_dataset(found.ref.dataset) == tenant_id and not ours:
                message = f"dataset {found.ref.dataset} exists and is no tenant's: choose another tenant_id"
                raise TenantIdRefused(message)

    def _is_held(self, dataset: Dataset) -> bool:
        return dataset.labels.get(LEASE_LABEL, "").endswith(f"-{self._run}")


def is_claimed(dataset: Dataset, now: datetime, *, but_by: str = "") -> bool:
    """Whether an onboarding, other than the run `but_by`, is at work on the dataset."""
    expiry, _, holder = dataset.labels.get(LEASE_LABEL, DONE).partition("-")
    return expiry != DONE and holder != but_by and int(expiry) > now.timestamp()
