"""Who calls: anybody, or an account whose every need is checked and recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from emulators.bigquery.access import roles
from emulators.bigquery.access.grants import Account
from emulators.bigquery.access.resources import Resource, access_denied
from emulators.bigquery.errors import ApiError

NOBODY = "anonymous@embedded.invalid"
# The entries of `access` of a dataset: project and dataset → what its owner has set; [] for one that there is not.
DatasetAccess = Callable[[str, str], list[dict[str, Any]]]


class Caller(Protocol):
    """Whoever sent a request."""

    @property
    def email(self) -> str:
        """The account, as jobs name their creator."""

    @property
    def is_checked(self) -> bool:
        """Whether needs can be refused at all."""

    def need(self, permission: str, resource: Resource) -> None:
        """Raise accessDenied unless it is permitted."""

    def sees(self, permission: str, resource: Resource) -> bool:
        """Whether a list shows a resource; nothing is recorded."""

    def need_of_job(self, permission: str, project: str, job: str, creator: str) -> None:
        """Raise accessDenied for another's job (`job` as messages name it) unless the project permits it."""


class Anybody:
    """The caller where nothing is checked."""

    email = NOBODY
    is_checked = False

    def need(self, permission: str, resource: Resource) -> None:
        """Never raises."""

    def sees(self, permission: str, resource: Resource) -> bool:
        """Everything is shown."""
        del permission, resource
        return True

    def need_of_job(self, permission: str, project: str, job: str, creator: str) -> None:
        """Never raises."""


ANYBODY = Anybody()


class Uses:
    """What was asked for since the start. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: set[tuple[str, str, str, bool, str | None]] = set()

    def note(self, account: str, permission: str, resource: str, by: str | None) -> None:
        """An account asked; `by` says what permitted it, None that nothing did."""
        with self._lock:
            self._found.add((account, permission, resource, by is not None, by))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._found.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Each (account, permission, resource) once for each outcome, in order."""
        with self._lock:
            found = sorted(self._found, key=str)
        return [
            {"account": account, "permission": permission, "resource": resource, "granted": granted, "by": by}
            for account, permission, resource, granted, by in found
        ]


class CheckedCaller:
    """An account with its grants, and with what datasets' `access` gives it."""

    is_checked = True

    def __init__(self, account: Account, dataset_access: DatasetAccess, uses: Uses) -> None:
        self._account = account
        self._dataset_access = dataset_access
        self._uses = uses
        self.email = account.email

    def need(self, permission: str, resource: Resource) -> None:
        """Raise accessDenied unless it is permitted; recorded either way."""
        by = self._permitted_by(permission, resource)
        self._uses.note(self.email, permission, resource.name, by)
        if by is None:
            raise resource.denied(permission)

    def sees(self, permission: str, resource: Resource) -> bool:
        """Whether a list shows a resource; nothing is recorded."""
        return self._permitted_by(permission, resource) is not None

    def need_of_job(self, permission: str, project: str, job: str, creator: str) -> None:
        """Raise accessDenied for another's job unless the project permits it."""
        if creator == self.email:
            return
        resource = Resource(project)
        by = self._permitted_by(permission, resource)
        self._uses.note(self.email, permission, resource.name, by)
        if by is None:
            raise access_denied(f"Job {job}: Permission {permission} denied on job {job} (or it may not exist).")

    def _permitted_by(self, permission: str, resource: Resource) -> str | None:
        if self._account.may(permission, resource):
            return "grant"
        if not resource.dataset:
            return None
        names = {self.email, f"serviceAccount:{self.email}", f"user:{self.email}"}
        for entry in self._dataset_access(resource.project, resource.dataset):
            named = entry.get("userByEmail") or entry.get("iamMember")
            if named in names and permission in roles.of_dataset(entry.get("role") or ""):
                return "dataset access"
        return None


class Access:
    """Finds out who calls; `accounts` by bearer token, None where nothing is checked."""

    def __init__(self, accounts: Mapping[str, Account] | None, dataset_access: DatasetAccess) -> None:
        self._callers: dict[str, CheckedCaller] | None = None
        self.uses = Uses()
        if accounts is not None:
            self._callers = {t: CheckedCaller(account, dataset_access, self.uses) for t, account in accounts.items()}

    def caller(self, authorization: str | None) -> Caller:
        """Who sent a request with this header; raises 401 for nobody and for a token that is not known."""
        if self._callers is None:
            return ANYBODY
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ApiError(401, "required", _MISSING, "Authorization")
        found = self._callers.get(token.strip())
        if found is None:
            raise ApiError(401, "authError", _INVALID, "Authorization")
        return found


_EXPECTED = "Expected OAuth 2 access token, login cookie or other valid authentication credential."
_MISSING = f"Request is missing required authentication credential. {_EXPECTED}"
_INVALID = f"Request had invalid authentication credentials. {_EXPECTED}"
