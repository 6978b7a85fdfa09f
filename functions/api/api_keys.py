"""`/api/v1/customers/{tenant_id}/api-keys`."""

import secrets

import flask

from functions.api import body
from functions.api.acting import key_manager, recorded
from functions.api.calls import TENANT_OR_ADMIN, Parameter, call
from functions.api.tenant_examples import KEY_ID, KEY_MADE, KEYS_SHOWN
from shared.contracts.http.api_keys import KeyMade, KeyShown, KeysShown, RotateRequest
from shared.errors import Fault, KeyInGrace, KeyNotFound, LastKey, RequestInvalid, TenantUnknown, TooManyKeys
from shared.tenants.key_ring import KeyRecord
from shared.wiring import instance

tenant_or_admin = flask.Blueprint("api_keys", __name__, url_prefix="/api/v1/customers/<tenant_id>/api-keys")


@tenant_or_admin.get("")
@call(who=TENANT_OR_ADMIN, answer=KeysShown, raises=(KeyInGrace, TenantUnknown), example=KEYS_SHOWN)
def list_keys(tenant_id: str) -> KeysShown:
    """List a tenant's API keys.

    Without their secrets: those that are good, and the last ones that were. A tenant asks with its active key.
    """
    services = instance()
    recorded(key_manager(flask.request, tenant_id, services), "api_keys.list", tenant_id, services)
    now = services.clock.now()

    def shown(record: KeyRecord) -> KeyShown:
        return KeyShown(
            key_id=record.key_id,
            status=record.status(now),
            created_at=record.created_at,
            created_by=record.created_by,
            expires_at=record.expires_at,
            revoked_at=record.revoked_at,
        )

    return KeysShown(api_keys=[shown(record) for record in services.key_ring.listed(tenant_id)])


@tenant_or_admin.post("")
@call(
    who=TENANT_OR_ADMIN,
    body=RotateRequest,
    answer=KeyMade,
    status=201,
    raises=(KeyInGrace, TenantUnknown, TooManyKeys),
    example=KEY_MADE,
)
def rotate_key(tenant_id: str) -> KeyMade:
    """Rotate: make a new API key in place of the others.

    The answer shows the new key, this once. The keys before it stay good for a grace period, for runs only. If the
    answer is lost, the operator makes the call again: a key that nobody has seen is replaced like any other.
    """
    services = instance()
    caller = key_manager(flask.request, tenant_id, services)
    asked = body.read(flask.request, RotateRequest)
    most = services.settings.api_key_grace_s
    grace_s = most if asked.grace_s is None else asked.grace_s
    if grace_s > most:
        fault = Fault("body.grace_s", "less_than_equal", f"must be at most {most}, as the platform is set")
        raise RequestInvalid(f"{fault.where}: {fault.message}", faults=[fault])
    request = recorded(caller, "api_keys.rotate", tenant_id, services, fields=sorted(asked.model_fields_set))
    made = services.key_ring.rotate(
        tenant_id, key_id=secrets.token_hex(8), created_by=caller.name, grace_s=grace_s, request=request
    )
    services.api_keys.forget(tenant_id)
    return KeyMade(
        tenant_id=tenant_id,
        key_id=made.key_id,
        api_key=made.api_key.get_secret_value(),
        created_at=made.created_at,
        others_expire_at=made.others_expire_at,
    )


@tenant_or_admin.delete("/<key_id>")
@call(
    who=TENANT_OR_ADMIN,
    answer=None,
    path={"key_id": Parameter("key_id", "The key, as the list names it.", r"^[0-9a-f]{16}$", KEY_ID)},
    raises=(KeyInGrace, TenantUnknown, KeyNotFound, LastKey),
)
def revoke_key(tenant_id: str, key_id: str) -> None:
    """Revoke an API key.

    It is refused within a minute everywhere. A tenant cannot revoke its last active key, by which it would lock itself
    out: rotating with `"grace_s": 0` ends that one at once and gives another. The operator can.
    """
    services = instance()
    caller = key_manager(flask.request, tenant_id, services)
    request = recorded(caller, "api_keys.revoke", tenant_id, services, subject=key_id[:64])
    services.key_ring.revoke(tenant_id, key_id, keep_last=caller.actor == "tenant", request=request)
    services.api_keys.forget(tenant_id)
