"""Who is calling, and how often they may: the admin key, or a tenant's API key. In the order of rules 2."""

import hmac
from math import ceil

import flask

from shared.contracts.tenant import Tenant
from shared.errors import KeyRejected, TenantSuspended, WrongTenant
from shared.logs import label
from shared.wiring import Instance


def require_tenant(request: flask.Request, tenant_id: str, instance: Instance, *, asks_for_run: bool = False) -> Tenant:
    """The tenant of the URL, if the request bears a valid key of it and is within its rate limit.

    Raises KeyRejected, WrongTenant, TenantSuspended or RateLimited, in this order: a stranger learns nothing about any
    tenant.
    """
    limits = instance.rate_limits
    address = caller_address(request, instance.settings.trusted_proxies)
    owner = instance.api_keys.tenant_of(
        request.headers.get("X-API-Key"), before_look_up=lambda: limits.look_up(address)
    )
    if owner != tenant_id:
        raise WrongTenant("this API key is for another tenant than the one in the URL")
    label(tenant_id=tenant_id)
    tenant = instance.directory.get(tenant_id)
    if tenant is None:
        raise KeyRejected("this API key is not valid")
    if tenant.status != "active":
        raise TenantSuspended(f"{tenant_id} is suspended; ask the operator")
    left = limits.run(tenant_id) if asks_for_run else limits.read(request.endpoint or "", tenant_id)
    flask.g.rate_limit = rate_limit_headers(left.limit, left.remaining, left.window_s, left.wait_s)
    return tenant


def require_admin(request: flask.Request, instance: Instance, *, open_here: bool = False) -> None:
    """Refuse a request without the admin key. `open_here`: none is needed, but a wrong one is refused even then.

    Raises KeyRejected or RateLimited, or Unavailable while nobody counts: the operator's calls make and remove things.
    """
    given = request.headers.get("X-Admin-Key")
    if given is not None and instance.settings.routes == "tenant":
        raise KeyRejected("this deployment serves tenants: it takes no admin key")
    is_open = given is None and open_here
    if not is_open and (given is None or not hmac.compare_digest(given.encode(), instance.admin_key().encode())):
        raise KeyRejected("send the admin key in the header X-Admin-Key")
    instance.rate_limits.admin(request.endpoint or "")


def caller_address(request: flask.Request, trusted_proxies: int) -> str:
    """The address that called. Each proxy adds the one that called it at the right end of X-Forwarded-For; what stands
    further left is the caller's own claim.
    """
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    if trusted_proxies and forwarded:
        return forwarded[-min(trusted_proxies, len(forwarded))]
    return request.remote_addr or "unknown"


def rate_limit_headers(limit: int, remaining: int, window_s: int, wait_s: float) -> dict[str, str]:
    """Headers of the IETF draft "RateLimit header fields for HTTP"; seconds are whole ones, rounded up."""
    return {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(ceil(wait_s)),
        "RateLimit-Policy": f"{limit};w={window_s}",
    }
