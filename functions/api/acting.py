"""Who is acting on a tenant: established, then recorded in x_meta_audit, before anything is done."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import flask

from functions.api.access import caller_address, require_admin, require_tenant
from shared.contracts.tenant import is_tenant_id
from shared.errors import KeyInGrace, TenantUnknown
from shared.logs import label
from shared.tenants.audit import Act, Actor
from shared.trace import trace_of
from shared.wiring import Instance


@dataclass(frozen=True)
class Caller:
    """The operator, or a tenant with one of its keys."""

    actor: Actor
    key_id: str | None = None

    @property
    def name(self) -> str:
        """As it is kept of who made a key."""
        return f"key {self.key_id}" if self.key_id else self.actor


def operator(request: flask.Request, tenant_id: str, services: Instance) -> Caller:
    """The operator, about to act on a tenant. Raises KeyRejected, RateLimited, or TenantUnknown for what is no id."""
    require_admin(request, services)
    if not is_tenant_id(tenant_id):
        raise TenantUnknown(f"there is no tenant {tenant_id[:64]!r}")
    label(tenant_id=tenant_id)
    return Caller("admin")


def tenant(request: flask.Request, tenant_id: str, services: Instance) -> Caller:
    """The tenant of the URL, by which of its keys. Raises as `access.require_tenant` does."""
    require_tenant(request, tenant_id, services)
    return Caller("tenant", services.api_keys.as_it_is_now(request.headers["X-API-Key"]).key_id)


def key_manager(request: flask.Request, tenant_id: str, services: Instance) -> Caller:
    """Who may manage the tenant's keys: the operator, or the tenant with an active key.

    Raises as those two do, and KeyInGrace for a key that was replaced: whoever has found an old key must not be able to
    make a new one, nor to end those of the tenant.
    """
    if "X-Admin-Key" in request.headers:
        return operator(request, tenant_id, services)
    require_tenant(request, tenant_id, services)
    key = services.api_keys.as_it_is_now(request.headers["X-API-Key"])
    if key.expires_at is not None:
        raise KeyInGrace("this key was replaced: until it expires it is good for runs, not for managing keys")
    return Caller("tenant", key.key_id)


def recorded(
    caller: Caller,
    action: str,
    tenant_id: str | None,
    services: Instance,
    *,
    subject: str | None = None,
    fields: Sequence[str] = (),
) -> str:
    """Record what the caller is about to do; the id of the request, for what it is about to do.

    No `tenant_id` means all that there are. `fields` are names. Raises Unavailable where it cannot be recorded.
    """
    request = flask.request
    act = Act(
        audit_id=secrets.token_hex(16),
        action=action,
        tenant_id=tenant_id,
        actor=caller.actor,
        key_id=caller.key_id,
        source_address=caller_address(request, services.settings.trusted_proxies)[:100],
        subject=subject,
        fields=tuple(fields),
        trace=trace_of(request.headers.get("X-Cloud-Trace-Context")),
    )
    services.audit.record(act)
    return act.audit_id
