"""`/api/v1/customers`."""

import flask

from functions.api import body
from functions.api.access import require_admin
from shared.contracts.requests import OnboardRequest
from shared.pipeline.onboard import onboard
from shared.wiring import instance

admin = flask.Blueprint("customers", __name__, url_prefix="/api/v1/customers")


@admin.post("/onboard")
def onboard_customer() -> tuple[flask.Response, int]:
    """Onboard a tenant; the answer shows its API key, this once."""
    here = instance()
    require_admin(flask.request, here, open_here=here.settings.open_onboarding)
    request = body.read(flask.request, OnboardRequest)
    done = onboard(request, services=here, resolver=here.resolver, run_log=here.run_log)
    here.directory.forget(request.tenant_id)
    here.api_keys.forget(request.tenant_id)
    answer = {
        "tenant_id": done.tenant_id,
        "api_key": done.api_key.get_secret_value(),
        "dataset_created": done.dataset_created,
        "tables_created": list(done.tables_created),
    }
    return flask.jsonify(answer), 201
