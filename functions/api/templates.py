"""`/api/v1/templates`: what can be run."""

import flask

from functions.api.access import require_admin, require_tenant
from functions.api.calls import TENANT_OR_ADMIN, call
from functions.api.examples import TEMPLATE, TEMPLATES
from shared.contracts.faults import nearest
from shared.contracts.http.templates import TemplateDetails, Templates
from shared.contracts.template_address import TemplateAddress
from shared.contracts.tenant import Tenant
from shared.errors import KeyRejected, TemplateNotFound
from shared.runs.runnable import details, runnable, summary
from shared.tenants.api_keys import tenant_of_key
from shared.wiring import Instance, instance

tenant_or_admin = flask.Blueprint("templates", __name__, url_prefix="/api/v1/templates")


@tenant_or_admin.get("")
@call(who=TENANT_OR_ADMIN, answer=Templates, example=TEMPLATES)
def list_templates() -> Templates:
    """List what can be run.

    For a tenant, the templates that are enabled for it; for the operator, all. A broken template is listed as such; the
    operator is told its faults.
    """
    services = instance()
    caller = _caller(flask.request, services)
    found = runnable(services.templates.addresses(), caller)
    return Templates(templates=[summary(one, services.templates, with_faults=caller is None) for one in found])


@tenant_or_admin.get("/<provider>/<domain>/<template_name>")
@call(who=TENANT_OR_ADMIN, answer=TemplateDetails, raises=(TemplateNotFound,), example=TEMPLATE)
def show_template(provider: str, domain: str, template_name: str) -> TemplateDetails:
    """Show a template.

    Its variables, which of them the body of a run may set, and its steps. Values that the operator or a tenant has set
    are not shown, only whether there is one.
    """
    services = instance()
    caller = _caller(flask.request, services)
    address = TemplateAddress(provider, domain, template_name)
    found = runnable(services.templates.addresses(), caller)
    if address not in found:
        raise TemplateNotFound(f"no template {str(address)!r}; {nearest(str(address), map(str, found))}")
    known = {
        **services.settings.operator_variables,
        **(caller.variables if caller else {}),
        "admin_email": "the tenant's",
    }
    given = {name for name, value in known.items() if value}  # an empty one counts as not set
    return details(address, services.templates, set_by_operator=given, with_faults=caller is None)


def _caller(request: flask.Request, services: Instance) -> Tenant | None:
    """The tenant whose key the request bears; None for the operator."""
    if "X-Admin-Key" in request.headers:
        require_admin(request, services)
        return None
    named = tenant_of_key(request.headers.get("X-API-Key", ""))
    if named is None:
        raise KeyRejected("send a tenant's API key in the header X-API-Key, or the admin key in X-Admin-Key")
    return require_tenant(request, named, services)
