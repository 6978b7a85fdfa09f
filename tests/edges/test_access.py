"""Who is let in where: every route and method, each kind of key, each value of ROUTES, by the two tables below.

The tables say what rules 2 say; nothing in them is taken from the code. A route that they lack fails a test.
"""

from datetime import timedelta

import pytest
from werkzeug.test import Client

from functions.api.main import create_app
from functions.api.openapi import path_of
from shared.contracts.tables import DatasetRef
from shared.tenants.api_keys import key_hash
from tests.builders import DATA, KEY, OTHER, OTHER_KEY, TENANT, make_control, make_tenant, put_record
from tests.builders import settings as settings_of
from tests.builders import tenant as tenant_of
from tests.edges.conftest import ADMIN_KEY, serve
from tests.edges.test_api import NEWCOMER
from tests.edges.test_openapi import CALLS, prepare, url_of
from tests.fakes import START, FakeServices

# Route: which rule holds for it, and the status of those who are let in. HEAD is asked wherever GET is.
ROUTES = {
    "POST /api/v1/pipelines/run/{tenant_id}/{provider}/{domain}/{template_name}": ("tenant", 202),
    "GET /api/v1/pipelines/status/{tenant_id}/{pipeline_logging_id}": ("tenant", 200),
    "GET /api/v1/pipelines/runs/{tenant_id}": ("tenant", 200),
    "PUT /api/v1/customers/{tenant_id}/credentials/{provider}": ("tenant", 200),
    "DELETE /api/v1/customers/{tenant_id}/credentials/{provider}": ("tenant", 204),
    "POST /api/v1/customers/onboard": ("admin", 201),
    "GET /api/v1/customers": ("admin", 200),
    "GET /api/v1/customers/{tenant_id}": ("admin", 200),
    "PATCH /api/v1/customers/{tenant_id}": ("admin", 200),
    "DELETE /api/v1/customers/{tenant_id}": ("admin", 200),
    "POST /api/v1/pipelines/batch": ("admin", 202),
    "GET /api/v1/pipelines/batch/{batch_id}": ("admin", 200),
    "POST /api/v1/pipelines/batch/{batch_id}/retry": ("admin", 202),
    "POST /api/v1/pipelines/replay": ("admin", 202),
    "GET /api/v1/customers/{tenant_id}/api-keys": ("keys", 200),
    "POST /api/v1/customers/{tenant_id}/api-keys": ("keys", 201),
    "DELETE /api/v1/customers/{tenant_id}/api-keys/{key_id}": ("keys", 204),
    "GET /api/v1/templates": ("either", 200),
    "GET /api/v1/templates/{provider}/{domain}/{template_name}": ("either", 200),
    "GET /healthz": ("anyone", 200),
    "GET /api/v1/healthz": ("anyone", 200),
    "GET /openapi.json": ("anyone", 200),
    "GET /docs": ("anyone", 200),
}
# Rule by caller: `in`, or why not. `other`: of another tenant. `both`: a good key of the tenant and the admin key.
# `half`: a good key of the tenant and a wrong admin key.
RULES = """
        nothing malformed wrong  expired revoked other suspended grace tenant admin not_admin both half
tenant  key     key       key    key     key     other suspended in    in     key   key       in   in
admin   key     key       key    key     key     key   key       key   key    in    key       in   key
keys    key     key       key    key     key     other suspended grace in     in    key       in   key
either  key     key       key    key     key     in    suspended in    in     in    key       in   key
anyone  in      in        in     in      in      in    in        in    in     in    in        in   in
"""
REFUSALS = {
    "key": (401, "key_rejected"),
    "other": (403, "wrong_tenant"),
    "suspended": (403, "tenant_suspended"),
    "grace": (403, "key_in_grace"),
    "absent": (404, "route_not_found"),
}
# A deployment of the tenants' routes takes no admin key at all, and has none of the admin's routes; and so on.
ABSENT = {"tenant": "admin", "admin": "tenant", "all": ""}

CALLERS, *_LINES = (line.split() for line in RULES.strip().splitlines())
WHY = {rule: dict(zip(CALLERS, reasons, strict=True)) for rule, *reasons in _LINES}
KEYS = {kind: f"{TENANT}_api_{kind:x<26}" for kind in ("wrong", "expired", "revoked", "grace")}
HEADERS = {
    "nothing": {},
    "malformed": {"X-API-Key": f"{TENANT}_api_short"},
    **{kind: {"X-API-Key": key} for kind, key in KEYS.items()},
    "other": {"X-API-Key": OTHER_KEY},
    "suspended": {"X-API-Key": KEY},
    "tenant": {"X-API-Key": KEY},
    "admin": {"X-Admin-Key": ADMIN_KEY},
    "not_admin": {"X-Admin-Key": ADMIN_KEY[:-1]},
    "both": {"X-API-Key": KEY, "X-Admin-Key": ADMIN_KEY},
    "half": {"X-API-Key": KEY, "X-Admin-Key": KEY},
}
ENDPOINTS = {
    f"{method} {path_of(rule)}": rule.endpoint
    for rule in create_app("all").url_map.iter_rules()
    for method in (rule.methods or set()) - {"HEAD"}
}
WITH_HEAD = [*ENDPOINTS, *(route.replace("GET", "HEAD", 1) for route in ENDPOINTS if route.startswith("GET"))]


def expected(route: str, caller: str, routes: str) -> tuple[int, str]:
    rule, status = ROUTES[route.replace("HEAD", "GET", 1)]
    why = WHY[rule][caller]
    if ABSENT[routes] == rule:
        why = "absent"
    elif routes == "tenant" and rule in ("keys", "either") and caller in ("admin", "both"):
        why = "key"
    return (status, "") if why == "in" else REFUSALS[why]


def world_for(endpoint: str, caller: str, routes: str) -> FakeServices:
    """Two tenants, the first with keys of each kind, suspended where that is who calls; what the call is about."""
    world = FakeServices(settings_of(routes=routes))
    make_control(world.warehouse)
    make_tenant(world.warehouse, tenant_of(), KEY)
    make_tenant(world.warehouse, tenant_of(tenant_id=OTHER, admin_email="admin@bytefactory.example"), OTHER_KEY)
    past, soon = ((START + timedelta(hours=hours)).isoformat() for hours in (-1, 1))
    ends = {"expired": {"expires_at": past}, "revoked": {"revoked_at": past}, "grace": {"expires_at": soon}}
    stored = world.warehouse.tables[DatasetRef(DATA, TENANT).table("x_meta_api_keys")].stored
    stored += [{**stored[0], "key_id": kind, "key_hash": key_hash(KEYS[kind]), **end} for kind, end in ends.items()]
    serve(world)
    if endpoint != "customers.onboard_customer":  # that one is for a newcomer, beside these
        prepare(world, endpoint)
    if caller == "suspended":
        put_record(world.warehouse, tenant_of(status="suspended"))
    return world


def asked(api: Client, route: str, caller: str) -> tuple[int, str]:
    """Status, and the code of a problem where there is one to read."""
    method, endpoint = route.partition(" ")[0], ENDPOINTS[route.replace("HEAD", "GET", 1)]
    example = CALLS[endpoint].example
    body = NEWCOMER if endpoint == "customers.onboard_customer" else example.body
    response = api.open(
        url_of(endpoint), method=method, headers=HEADERS[caller], json=body, query_string=dict(example.query)
    )
    if method == "HEAD":
        assert response.data == b""
        return response.status_code, ""
    return response.status_code, "" if response.status_code < 400 else response.get_json()["code"]


def test_the_table_has_every_route_and_no_other() -> None:
    assert set(ROUTES) == set(ENDPOINTS)


def test_every_route_is_documented_for_those_whom_the_table_lets_in() -> None:
    keys = {"tenantKey": "tenant", "adminKey": "admin"}
    for route, endpoint in ENDPOINTS.items():
        declared = {keys[one] for one in CALLS[endpoint].who.keys} or {"nothing"}
        let_in = {caller for caller in ("nothing", "tenant", "admin") if WHY[ROUTES[route][0]][caller] == "in"}
        assert ({"nothing"} if "nothing" in let_in else let_in) == declared, route


@pytest.mark.parametrize("routes", ["tenant", "admin", "all"])
@pytest.mark.parametrize("route", WITH_HEAD)
def test_each_caller_gets_what_the_tables_say(api: Client, world: FakeServices, route: str, routes: str) -> None:
    said, due = {}, {}
    for caller in CALLERS:
        world_for(ENDPOINTS[route.replace("HEAD", "GET", 1)], caller, routes)
        said[caller] = asked(api, route, caller)
        status, code = expected(route, caller, routes)
        due[caller] = status, "" if route.startswith("HEAD") else code
    assert said == due


@pytest.mark.parametrize(
    ("route", "caller"),
    [(route, caller) for route, (rule, _) in ROUTES.items() for caller in CALLERS if WHY[rule][caller] != "in"],
)
def test_who_is_refused_has_done_nothing(api: Client, world: FakeServices, route: str, caller: str) -> None:
    world = world_for(ENDPOINTS[route], caller, "all")
    tables = {table: [*found.stored, *found.streamed] for table, found in world.warehouse.tables.items()}
    begun = world.calls()
    asked(api, route, caller)
    assert (world.calls() - begun).keys() <= {"stored"}
    assert world.bus.published == []
    assert {table: [*one.stored, *one.streamed] for table, one in world.warehouse.tables.items()} == tables
