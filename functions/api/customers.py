"""`/api/v1/customers`."""

import flask

from functions.api import body
from functions.api.access import require_admin
from functions.api.calls import ADMIN, Example, call
from shared.contracts.answers import Onboarded
from shared.contracts.requests import OnboardRequest
from shared.errors import AlreadyOnboarded, OnboardingFailed, OnboardingInProgress, TenantIdRefused
from shared.pipeline.onboard import onboard
from shared.wiring import instance

admin = flask.Blueprint("customers", __name__, url_prefix="/api/v1/customers")


@admin.post("/onboard")
@call(
    who=ADMIN,
    body=OnboardRequest,
    answer=Onboarded,
    status=201,
    raises=(TenantIdRefused, AlreadyOnboarded, OnboardingInProgress, OnboardingFailed),
    example=Example(
        body={"tenant_id": "acmeinc_23xv2", "admin_email": "admin@acmeinc.com"},
        answer={
            "tenant_id": "acmeinc_23xv2",
            "api_key": "acmeinc_23xv2_api_Kx9mPqR7sT2nV8wZb4cD6fGh1J",
            "dataset_created": True,
            "tables_created": ["x_meta_api_keys", "x_meta_cloud_credentials", "x_meta_pipeline_runs"],
        },
    ),
)
def onboard_customer() -> Onboarded:
    """Onboard a tenant.

    The answer shows its API key, this once. A half-finished onboarding is completed by the same call.
    """
    here = instance()
    require_admin(flask.request, here, open_here=here.settings.open_onboarding)
    request = body.read(flask.request, OnboardRequest)
    done = onboard(request, services=here, resolver=here.resolver, run_log=here.run_log)
    here.directory.forget(request.tenant_id)
    here.api_keys.forget(request.tenant_id)
    return Onboarded(
        tenant_id=done.tenant_id,
        api_key=done.api_key.get_secret_value(),
        dataset_created=done.dataset_created,
        tables_created=list(done.tables_created),
    )
