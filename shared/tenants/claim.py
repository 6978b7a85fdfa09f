"""The claim on a tenant's dataset, by which one onboarding at a time works on it.

It is a label of the dataset with a lease, changed with the dataset's etag: there is no lock store, and what a crash
leaves behind ends by itself.
"""

from datetime import datetime, timedelta

from shared.contracts.tables import DatasetRef
from shared.contracts.tenant import TENANT_LABEL
from shared.errors import AlreadyOnboarded, OnboardingInProgress, TenantIdRefused
from shared.ports import Catalog, Dataset

# Who is onboarding and until when: `{epoch seconds}-{run}`; `done` once the tenant is registered.
LEASE_LABEL = "convergence_onboarding"
DONE = "done"
# Longer than the calls of an onboarding take, shorter than an operator's patience after a crash.
LEASE_S = 60


def claim(dataset: DatasetRef, catalog: Catalog, *, run: str, now: datetime, location: str) -> bool:
    """Make the tenant's dataset, or take over an onboarding that was cut short; True if it was made now.

    Raises OnboardingInProgress while another call holds it, AlreadyOnboarded when it is done, TenantIdRefused when the
    dataset is no tenant's.
    """
    tenant_id = dataset.dataset
    until = int((now + timedelta(seconds=LEASE_S)).timestamp())
    labels = {TENANT_LABEL: tenant_id, LEASE_LABEL: f"{until}-{run}"}
    description = f"Metadata of tenant {tenant_id}"
    if catalog.create_dataset(dataset, location=location, labels=labels, description=description):
        return True
    found = catalog.get_dataset(dataset)
    busy = OnboardingInProgress(f"{tenant_id} is being onboarded by another call; ask again in a minute")
    if found is None:
        raise busy
    if found.labels.get(TENANT_LABEL) != tenant_id:
        raise TenantIdRefused(f"dataset {tenant_id} exists and is no tenant's: choose another tenant_id")
    if found.labels.get(LEASE_LABEL) == DONE:
        raise AlreadyOnboarded(f"{tenant_id} is onboarded already; rotate its key if it was lost")
    if is_claimed(found, now, but_by=run) or not catalog.set_labels(found, labels):
        raise busy
    return False


def is_claimed(dataset: Dataset, now: datetime, *, but_by: str = "") -> bool:
    """Whether an onboarding, other than the run `but_by`, is at work on the dataset."""
    expiry, _, holder = dataset.labels.get(LEASE_LABEL, DONE).partition("-")
    return expiry != DONE and holder != but_by and int(expiry) > now.timestamp()


def confirm_claim(dataset: DatasetRef, catalog: Catalog, run: str) -> None:
    """Raise OnboardingInProgress when another call has taken this run's claim over, because it took too long.

    Asked before what the other call would not survive: a second key, a second row in the registry.
    """
    found = catalog.get_dataset(dataset)
    if found is None or not _is_held(found, run):
        raise OnboardingInProgress(f"another call has taken over onboarding {dataset.dataset}; ask again in a minute")


def release(dataset: DatasetRef, catalog: Catalog, run: str, *, done: bool) -> None:
    """End the claim of this run: `done`, or free for the next attempt. A claim of another run is left alone."""
    found = catalog.get_dataset(dataset)
    if found is not None and _is_held(found, run):
        catalog.set_labels(found, {**found.labels, LEASE_LABEL: DONE if done else "0"})


def _is_held(dataset: Dataset, run: str) -> bool:
    return dataset.labels.get(LEASE_LABEL, "").endswith(f"-{run}")
