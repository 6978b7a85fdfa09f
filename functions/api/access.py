"""Who is calling: the admin key, or a tenant's API key. In the order of PRODUCT 2."""

import hmac

import flask

from shared.contracts.tenant import Tenant
from shared.errors import KeyRejected, TenantSuspended, WrongTenant
from shared.wiring import Instance


def require_tenant(request: flask.Request, tenant_id: str, instance: Instance) -> Tenant:
    """The tenant of the URL, if the request bears a valid key of it.

    Raises KeyRejected, WrongTenant or TenantSuspended, in this order: a stranger learns nothing about any tenant.
    """
    owner = instance.api_keys.tenant_of(request.headers.get("X-API-Key"))
    if owner != tenant_id:
        raise WrongTenant("this API key is for another tenant than the one in the URL")
    tenant = instance.directory.get(tenant_id)
    if tenant is None:
        raise KeyRejected("this API key is not valid")
    if tenant.status != "active":
        raise TenantSuspended(f"{tenant_id} is suspended; ask the operator")
    return tenant


def require_admin(request: flask.Request, instance: Instance, *, open_here: bool = False) -> None:
    """Refuse a request without the admin key. `open_here`: none is needed, but a wrong one is refused even then."""
    given = request.headers.get("X-Admin-Key")
    if given is None and open_here:
        return
    if given is None or not hmac.compare_digest(given.encode(), instance.admin_key().encode()):
        raise KeyRejected("send the admin key in the header X-Admin-Key")
