"""`/api/v1/customers/{tenant_id}/credentials/{provider}`."""

import secrets

import flask

from functions.api import acting, body
from functions.api.acting import recorded
from functions.api.calls import TENANT, Parameter, call
from functions.api.tenant_examples import CREDENTIALS_KEPT
from shared.contracts.credentials import PROVIDERS, AwsCredentials
from shared.contracts.faults import nearest
from shared.contracts.http.credentials import CredentialsKept
from shared.errors import KeyRejected, ProviderUnknown
from shared.tenants.credentials import external_id
from shared.wiring import instance

tenant = flask.Blueprint("credentials", __name__, url_prefix="/api/v1/customers/<tenant_id>/credentials")

_PROVIDER = {"provider": Parameter("provider", "The cloud that they are for.", rf"^({'|'.join(PROVIDERS)})$", "aws")}


@tenant.put("/<provider>")
@call(
    who=TENANT,
    body=AwsCredentials,
    path=_PROVIDER,
    answer=CredentialsKept,
    raises=(ProviderUnknown,),
    example=CREDENTIALS_KEPT,
)
def put_credentials(tenant_id: str, provider: str) -> CredentialsKept:
    """Store credentials at a cloud provider.

    They take the place of those that were there. They are encrypted, used by pipelines of this tenant alone, and never
    shown again. For a role, the answer names the external id that the role's trust policy must ask for.
    """
    services = instance()
    caller = acting.tenant(flask.request, tenant_id, services)
    given = body.read(flask.request, _model(provider))
    fields = sorted(given.model_fields_set)
    request = recorded(caller, "credentials.put", tenant_id, services, subject=provider, fields=fields)
    owner = services.tenant_records.get(tenant_id)
    if owner is None:
        raise KeyRejected("this API key is not valid")
    kept = services.credentials.put(tenant_id, provider, given, credential_id=secrets.token_hex(8), request=request)
    return CredentialsKept(
        tenant_id=tenant_id,
        provider=provider,
        external_id=external_id(owner.tenant, provider) if given.role_arn else None,
        updated_at=kept,
    )


@tenant.delete("/<provider>")
@call(who=TENANT, path=_PROVIDER, answer=None, raises=(ProviderUnknown,))
def delete_credentials(tenant_id: str, provider: str) -> None:
    """Delete the credentials at a cloud provider.

    Where there are none, nothing happens.
    """
    services = instance()
    caller = acting.tenant(flask.request, tenant_id, services)
    _model(provider)
    request = recorded(caller, "credentials.delete", tenant_id, services, subject=provider)
    services.credentials.remove(tenant_id, provider, request=request)


def _model(provider: str) -> type[AwsCredentials]:
    if provider not in PROVIDERS:
        raise ProviderUnknown(f"no credentials of {provider[:64]!r} are kept; {nearest(provider, PROVIDERS)}")
    return PROVIDERS[provider]
