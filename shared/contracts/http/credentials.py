"""What the calls about a tenant's credentials answer."""

import datetime as dt
from typing import Annotated

from pydantic import Field

from shared.contracts.http.answers import Answer, TenantId


class CredentialsKept(Answer):
    """Credentials were encrypted and stored; nothing of them is ever shown."""

    tenant_id: TenantId
    provider: Annotated[str, Field(description="The cloud that they are for.")]
    external_id: Annotated[
        str | None,
        Field(description="For a role: the external id that its trust policy must ask for. It stays the same."),
    ]
    updated_at: Annotated[dt.datetime, Field(description="When they were stored.")]
