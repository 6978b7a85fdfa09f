"""What the calls about tenants, their keys and their credentials answer."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.answers import Answer
from shared.contracts.tenant import TenantStatus


class TenantShown(Answer):
    """A tenant, as its own record says."""

    tenant_id: str
    status: TenantStatus
    admin_email: str
    variables: Annotated[dict[str, str], Field(description="What the operator has set for the tenant.")]
    enabled_templates: Annotated[list[str], Field(description="What the tenant may run; empty: everything.")]
    created_at: dt.datetime | None
    updated_at: dt.datetime | None


class RemovedDataset(Answer):
    """A dataset that is gone."""

    dataset: str
    tables: list[str]


class OffBoarded(Answer):
    """What this call removed. A call that completes another one names only what was left."""

    tenant_id: str
    datasets: list[RemovedDataset]
    was_registered: Annotated[bool, Field(description="Whether the registry of tenants had a row, now removed.")]


class KeyShown(Answer):
    """An API key, without its secret."""

    key_id: str
    status: Annotated[
        Literal["active", "grace", "revoked", "expired"],
        Field(description="`grace`: replaced, good for runs until `expires_at`, not for managing keys."),
    ]
    created_at: dt.datetime
    created_by: Annotated[str, Field(description="`onboarding`, `admin`, or `key` and the id of the tenant's key.")]
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None


class KeysShown(Answer):
    """All keys of a tenant that are good, and the last ones that were, newest first."""

    api_keys: list[KeyShown]


class KeyMade(Answer):
    """A new API key."""

    tenant_id: str
    key_id: str
    api_key: Annotated[str, Field(description="The key; shown this once.")]
    created_at: dt.datetime
    others_expire_at: Annotated[
        dt.datetime, Field(description="Until when, at the latest, the keys before it are good.")
    ]


class CredentialsKept(Answer):
    """Credentials were encrypted and stored; nothing of them is ever shown."""

    tenant_id: str
    provider: str
    external_id: Annotated[
        str | None,
        Field(description="For a role: the external id that its trust policy must ask for. It stays the same."),
    ]
    updated_at: dt.datetime
