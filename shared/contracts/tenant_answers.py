"""What the calls about tenants, their keys and their credentials answer."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.answers import Answer, TenantId
from shared.contracts.tenant import TenantStatus

KeyId = Annotated[str, Field(description="The key's id, which is no secret.")]
KeyMadeAt = Annotated[dt.datetime, Field(description="When the key was made.")]


class TenantShown(Answer):
    """A tenant, as its own record says."""

    tenant_id: TenantId
    status: Annotated[TenantStatus, Field(description="`suspended`: nothing runs, no key is taken.")]
    admin_email: Annotated[str, Field(description="Who is told what happens; mails go to its domain.")]
    variables: Annotated[dict[str, str], Field(description="What the operator has set for the tenant.")]
    enabled_templates: Annotated[list[str], Field(description="What the tenant may run; empty: everything.")]
    created_at: Annotated[dt.datetime | None, Field(description="When it was onboarded.")]
    updated_at: Annotated[dt.datetime | None, Field(description="When its record last changed.")]


class TenantListed(Answer):
    """A tenant, as the registry of tenants says."""

    tenant_id: TenantId
    status: Annotated[TenantStatus, Field(description="`suspended`: nothing runs, no key is taken.")]
    admin_email: Annotated[str, Field(description="Who is told what happens; mails go to its domain.")]
    enabled_templates: Annotated[list[str], Field(description="What the tenant may run; empty: everything.")]
    onboarded_at: Annotated[dt.datetime, Field(description="When its onboarding was complete.")]


class TenantsListed(Answer):
    """A page of tenants, in the order of their ids."""

    tenants: Annotated[list[TenantListed], Field(description="The tenants.")]
    next_page_token: Annotated[
        str | None, Field(description="Give it as `page_token` for the tenants after these; null: there are no more.")
    ]


class RemovedDataset(Answer):
    """A dataset that is gone."""

    dataset: Annotated[str, Field(description="Its name, in the project of the tenants' data.")]
    tables: Annotated[list[str], Field(description="The tables that went with it.")]


class OffBoarded(Answer):
    """What this call removed. A call that completes another one names only what was left."""

    tenant_id: TenantId
    datasets: Annotated[list[RemovedDataset], Field(description="What was removed, in this order.")]
    was_registered: Annotated[bool, Field(description="Whether the registry of tenants had a row, now removed.")]


class KeyShown(Answer):
    """An API key, without its secret."""

    key_id: KeyId
    status: Annotated[
        Literal["active", "grace", "revoked", "expired"],
        Field(description="`grace`: replaced, good for runs until `expires_at`, not for managing keys."),
    ]
    created_at: KeyMadeAt
    created_by: Annotated[str, Field(description="`onboarding`, `admin`, or `key` and the id of the tenant's key.")]
    expires_at: Annotated[dt.datetime | None, Field(description="From when it is refused, once it was replaced.")]
    revoked_at: Annotated[dt.datetime | None, Field(description="When it was revoked.")]


class KeysShown(Answer):
    """All keys of a tenant that are good, and the last ones that were, newest first."""

    api_keys: Annotated[list[KeyShown], Field(description="The keys.")]


class KeyMade(Answer):
    """A new API key."""

    tenant_id: TenantId
    key_id: KeyId
    api_key: Annotated[str, Field(description="The key; shown this once.")]
    created_at: KeyMadeAt
    others_expire_at: Annotated[
        dt.datetime, Field(description="Until when, at the latest, the keys before it are good.")
    ]


class CredentialsKept(Answer):
    """Credentials were encrypted and stored; nothing of them is ever shown."""

    tenant_id: TenantId
    provider: Annotated[str, Field(description="The cloud that they are for.")]
    external_id: Annotated[
        str | None,
        Field(description="For a role: the external id that its trust policy must ask for. It stays the same."),
    ]
    updated_at: Annotated[dt.datetime, Field(description="When they were stored.")]
