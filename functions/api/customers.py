"""`/api/v1/customers`: onboard, list, show, change and off-board tenants."""

from collections.abc import Mapping
from dataclasses import asdict, replace

import flask

from functions.api import body, query
from functions.api.access import require_admin
from functions.api.acting import Caller, operator, recorded
from functions.api.calls import ADMIN, call
from functions.api.tenant_examples import OFF_BOARDED, ONBOARDED, TENANT_CHANGED, TENANT_SHOWN, TENANTS_LISTED
from shared.contracts.fields import MAX_VARIABLES
from shared.contracts.http.tenants import (
    OffBoarded,
    OffBoardingQuery,
    Onboarded,
    OnboardRequest,
    RemovedDataset,
    TenantChange,
    TenantListed,
    TenantShown,
    TenantsListed,
    TenantsQuery,
)
from shared.contracts.tenant import Tenant
from shared.errors import (
    AlreadyOnboarded,
    Fault,
    OnboardingFailed,
    OnboardingInProgress,
    RunsLive,
    TenantIdRefused,
    TenantUnknown,
    VariablesInvalid,
)
from shared.runs.onboard import onboard
from shared.tenants.records import TenantRecord
from shared.tenants.settings import check_templates, check_variables
from shared.wiring import Instance, instance

admin = flask.Blueprint("customers", __name__, url_prefix="/api/v1/customers")


@admin.post("/onboard")
@call(
    who=ADMIN,
    body=OnboardRequest,
    answer=Onboarded,
    status=201,
    raises=(VariablesInvalid, TenantIdRefused, AlreadyOnboarded, OnboardingInProgress, OnboardingFailed),
    example=ONBOARDED,
)
def onboard_customer() -> Onboarded:
    """Onboard a tenant.

    The answer shows its API key, this once. A half-finished onboarding is completed by the same call; a minute after a
    crash, until which it answers 409 with `Retry-After`. If the answer is lost, rotate the tenant's key.
    """
    services = instance()
    require_admin(flask.request, services, open_here=services.settings.open_onboarding)
    caller = Caller("admin" if "X-Admin-Key" in flask.request.headers else "anyone")
    request = body.read(flask.request, OnboardRequest)
    check_variables(request.tenant_id, request.variables)
    check_templates(request.enabled_templates, services.templates.addresses())
    fields = _named(request.model_fields_set, request.variables)
    recorded(caller, "tenant.onboard", request.tenant_id, services, fields=fields)
    done = onboard(request, services=services, resolver=services.resolver, run_log=services.run_log)
    _forget(request.tenant_id, services)
    return Onboarded(
        tenant_id=done.tenant_id,
        api_key=done.api_key.get_secret_value(),
        dataset_created=done.dataset_created,
        tables_created=list(done.tables_created),
    )


@admin.get("")
@call(who=ADMIN, query=TenantsQuery, answer=TenantsListed, example=TENANTS_LISTED)
def list_customers() -> TenantsListed:
    """List the tenants, in the order of their ids.

    Those whose onboarding is complete, as the registry of tenants has them; no keys. Filters hold for the whole list:
    give them with each page's token again. A tenant that comes or goes meanwhile moves no other one.
    """
    services = instance()
    require_admin(flask.request, services)
    asked = query.read(flask.request, TenantsQuery)
    recorded(Caller("admin"), "tenant.list", None, services)
    found = services.registry.page(limit=asked.limit + 1, after=asked.page_token or "", status=asked.status)
    page = found[: asked.limit]
    return TenantsListed(
        tenants=[TenantListed.model_validate(asdict(tenant)) for tenant in page],
        next_page_token=page[-1].tenant_id if len(found) > asked.limit else None,
    )


@admin.get("/<tenant:tenant_id>")
@call(who=ADMIN, answer=TenantShown, raises=(TenantUnknown,), example=TENANT_SHOWN)
def show_customer(tenant_id: str) -> TenantShown:
    """Show a tenant.

    Its record as it is now; neither keys nor credentials.
    """
    services = instance()
    recorded(operator(flask.request, tenant_id, services), "tenant.show", tenant_id, services)
    found = services.tenant_records.get(tenant_id)
    if found is None:
        raise TenantUnknown(f"there is no tenant {tenant_id}")
    return _shown(found)


@admin.patch("/<tenant:tenant_id>")
@call(
    who=ADMIN, body=TenantChange, answer=TenantShown, raises=(TenantUnknown, VariablesInvalid), example=TENANT_CHANGED
)
def change_customer(tenant_id: str) -> TenantShown:
    """Suspend or resume a tenant, set its variables, enable templates.

    What is given is changed, the rest stays. It holds everywhere within a minute. The same call, made again, changes
    nothing more, and completes one that was cut short.
    """
    services = instance()
    caller = operator(flask.request, tenant_id, services)
    asked = body.read(flask.request, TenantChange)
    check_variables(tenant_id, asked.variables)
    check_templates(asked.enabled_templates, services.templates.addresses())
    fields = _named(asked.model_fields_set, asked.variables)
    request = recorded(caller, "tenant.change", tenant_id, services, fields=fields)
    if not services.registry.has(tenant_id):
        raise TenantUnknown(f"there is no tenant {tenant_id}, or its onboarding is not complete")
    changed = services.tenant_records.change(tenant_id, lambda tenant: _changed(tenant, asked), request=request)
    services.registry.follow(tenant_id, services.tenant_records, request=request)
    services.directory.forget(tenant_id)
    return _shown(changed)


@admin.delete("/<tenant:tenant_id>")
@call(
    who=ADMIN,
    query=OffBoardingQuery,
    answer=OffBoarded,
    raises=(TenantUnknown, OnboardingInProgress, RunsLive),
    example=OFF_BOARDED,
)
def off_board_customer(tenant_id: str) -> OffBoarded:
    """Off-board a tenant: remove its datasets with all tables, keys and credentials, for good.

    The tenant is suspended first. While it has runs that have not ended, the answer is 409, unless forced. Only
    datasets that bear the tenant's label and name are removed; the answer names them. A call that was cut short is
    completed by the same call. If another call has completed it and the id was onboarded anew meanwhile, the new tenant
    is left alone, and the answer is 404.
    """
    services = instance()
    caller = operator(flask.request, tenant_id, services)
    asked = query.read(flask.request, OffBoardingQuery)
    fields = ["force"] if asked.force else []
    request = recorded(caller, "tenant.off_board", tenant_id, services, fields=fields)
    try:
        removed = services.off_boarding.remove(tenant_id, force=asked.force, request=request)
    finally:
        _forget(tenant_id, services)  # it was suspended, whatever came after
    return OffBoarded(
        tenant_id=tenant_id,
        datasets=[RemovedDataset(dataset=name, tables=tables) for name, tables in removed.datasets.items()],
        was_registered=removed.was_registered,
    )


def _changed(tenant: Tenant, asked: TenantChange) -> Tenant:
    merged = {**tenant.variables, **asked.variables}
    variables = {name: value for name, value in merged.items() if value is not None}
    if len(variables) > MAX_VARIABLES:
        fault = Fault("body.variables", "too_long", f"a tenant has at most {MAX_VARIABLES} variables")
        raise VariablesInvalid(f"{fault.where}: {fault.message}", faults=[fault])
    given = asked.model_fields_set
    enabled = asked.enabled_templates if "enabled_templates" in given else tenant.enabled_templates
    return replace(
        tenant,
        status=asked.status if "status" in given else tenant.status,
        variables=variables,
        enabled_templates=tuple(dict.fromkeys(enabled)),
    )


def _shown(record: TenantRecord) -> TenantShown:
    tenant = record.tenant
    return TenantShown(
        tenant_id=tenant.tenant_id,
        status=tenant.status,
        admin_email=tenant.admin_email,
        variables=dict(tenant.variables),
        enabled_templates=list(tenant.enabled_templates),
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def _named(fields: set[str], variables: Mapping[str, str | None]) -> list[str]:
    """The names of what was given, each variable's too; never a value."""
    return sorted({*fields, *(f"variables.{name}" for name in variables)} - {"variables"})


def _forget(tenant_id: str, services: Instance) -> None:
    services.directory.forget(tenant_id)
    services.api_keys.forget(tenant_id)
