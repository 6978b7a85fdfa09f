"""What the calls about a tenant's API keys take and answer."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.http.answers import Answer, TenantId

# A key that is good for longer than this was not replaced.
MAX_GRACE_S = 30 * 86_400
KeyId = Annotated[str, Field(description="The key's id, which is no secret.")]
KeyMadeAt = Annotated[dt.datetime, Field(description="When the key was made.")]


class RotateRequest(BaseModel):
    """How a key is replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    grace_s: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=MAX_GRACE_S,
        description="For how many seconds the keys before it stay good, at most; 0: they end at once. No more than the"
        " platform's own setting, which holds if not given.",
    )


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
