"""Tenants, keys and credentials from outside: who may do what, what is answered, what is recorded, what is shown."""

import json
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from shared import settings as environment
from shared import wiring
from shared.contracts.tables import DatasetRef
from shared.errors import Unavailable
from shared.settings import Settings
from shared.wiring import Instance
from tests.builders import (
    ADMIN_SECRET,
    AUDIT,
    DATA,
    DAY,
    KEY,
    OTHER,
    OTHER_KEY,
    TENANT,
    TENANTS,
    make_control,
    make_tenant,
    put_record,
    settings,
    tenant,
)
from tests.edges.conftest import ADMIN_KEY, serve
from tests.fakes import START, FakeSecrets, FakeServices

CUSTOMERS = "/api/v1/customers"
CUSTOMER = f"{CUSTOMERS}/{TENANT}"
KEYS, AWS = f"{CUSTOMER}/api-keys", f"{CUSTOMER}/credentials/aws"
AS_ADMIN, AS_TENANT, AS_OTHER = {"X-Admin-Key": ADMIN_KEY}, {"X-API-Key": KEY}, {"X-API-Key": OTHER_KEY}
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
AWS_KEYS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": SECRET}
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/reader"}
TABLE_OF_KEYS = DatasetRef(DATA, TENANT).table("x_meta_api_keys")


def ask(api: Client, method: str, url: str, who: dict[str, str], body: Any = None, **headers: str) -> TestResponse:
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
    return api.open(url, method=method, data=data, headers={**who, **headers}, content_type="application/json")


def code(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["code"]


def run(api: Client, key: str) -> int:
    url = f"/api/v1/pipelines/run/{TENANT}/gcp/cost/cost_billing"
    return ask(api, "POST", url, {"X-API-Key": key}, {"date": str(DAY)}).status_code


def acts(world: FakeServices) -> list[tuple[str, str, str | None]]:
    return [(row["actor"], row["action"], row["subject"]) for row in world.warehouse.events(AUDIT)]


def in_grace(world: FakeServices, key: str = KEY) -> None:
    world.warehouse.tables[TABLE_OF_KEYS].stored.clear()
    make_tenant(world.warehouse, tenant(), key, expires_at=START + timedelta(hours=1))


# ── who may ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ROUTES: list[tuple[str, str, Any, str]] = [
    ("GET", KEYS, None, "keys"),
    ("POST", KEYS, {}, "keys"),
    ("DELETE", f"{KEYS}/key-9", None, "keys"),
    ("PUT", AWS, ROLE, "tenant"),
    ("DELETE", AWS, None, "tenant"),
    ("GET", CUSTOMERS, None, "admin"),
    ("GET", CUSTOMER, None, "admin"),
    ("PATCH", CUSTOMER, {"status": "active"}, "admin"),
    ("DELETE", CUSTOMER, None, "admin"),
]
each_route = pytest.mark.parametrize(
    ("method", "url", "body", "who"), ROUTES, ids=[f"{method} {url.rpartition('/')[2]}" for method, url, *_ in ROUTES]
)


@each_route
def test_who_may_make_the_call(world: FakeServices, api: Client, method: str, url: str, body: Any, who: str) -> None:
    keys = {
        "nobody": {}, "wrong": {"X-API-Key": f"{TENANT}_api_{'a' * 26}"}, "wrong admin": {"X-Admin-Key": "wrong"},
        "other": AS_OTHER, "tenant": AS_TENANT, "admin": AS_ADMIN,
        "both, one wrong": {**AS_TENANT, "X-Admin-Key": "wrong"},
    }  # fmt: skip
    refused = {name: code_of(ask(api, method, url, key, b"{not json")) for name, key in keys.items()}
    assert refused["nobody"] == refused["wrong"] == (401, "key_rejected")
    assert refused["other"] == ((401, "key_rejected") if who == "admin" else (403, "wrong_tenant"))
    if who != "tenant":
        assert refused["wrong admin"] == refused["both, one wrong"] == (401, "key_rejected")
    allowed = {"keys": ("tenant", "admin"), "tenant": ("tenant",), "admin": ("admin",)}[who]
    assert all((refused[name][0] not in (401, 403)) == (name in allowed) for name in ("tenant", "admin"))


def code_of(response: TestResponse) -> tuple[int, str]:
    return code(response) if response.status_code >= 400 else (response.status_code, "")


@each_route
def test_a_key_in_its_grace_period_manages_no_keys(
    world: FakeServices, api: Client, method: str, url: str, body: Any, who: str
) -> None:
    in_grace(world)
    expected = {
        "keys": (403, "key_in_grace"),
        "tenant": (200 if method == "PUT" else 204, ""),
        "admin": (401, "key_rejected"),
    }
    assert code_of(ask(api, method, url, AS_TENANT, body)) == expected[who]
    assert run(api, KEY) == 202


@each_route
def test_a_key_that_was_revoked_elsewhere_can_do_nothing_here_though_it_is_in_the_cache(
    world: FakeServices, api: Client, method: str, url: str, body: Any, who: str
) -> None:
    assert run(api, KEY) == 202
    world.warehouse.tables[TABLE_OF_KEYS].stored[0] = {
        **world.warehouse.tables[TABLE_OF_KEYS].stored[0],
        "revoked_at": START.isoformat(),
    }
    assert code_of(ask(api, method, url, AS_TENANT, body)) == (401, "key_rejected")


@each_route
def test_a_suspended_tenant_can_do_nothing_the_operator_can(
    world: FakeServices, api: Client, method: str, url: str, body: Any, who: str
) -> None:
    put_record(world.warehouse, tenant(status="suspended"))
    assert code_of(ask(api, method, url, AS_TENANT, body))[0] == (401 if who == "admin" else 403)
    if who != "tenant":
        assert code_of(ask(api, method, url, AS_ADMIN, body))[0] not in (401, 403, 500)


@each_route
@pytest.mark.parametrize("routes", ["tenant", "admin"])
def test_each_deployment_takes_its_own_keys(
    world: FakeServices, api: Client, routes: str, method: str, url: str, body: Any, who: str
) -> None:
    vars(world)["settings"] = settings(routes=routes)
    serve(world)
    key = AS_ADMIN if routes == "tenant" else AS_TENANT
    found = code_of(ask(api, method, url, key, body))
    if who == "keys":
        # An admin key that leaked is no way around the IAM of the admin deployment.
        assert found[0] == 401 if routes == "tenant" else found[0] != 401
    else:
        assert found[0] in (401, 404, 405)


@each_route
def test_nothing_is_done_that_could_not_be_recorded(
    world: FakeServices, api: Client, method: str, url: str, body: Any, who: str
) -> None:
    before = world.warehouse.events(TABLE_OF_KEYS), dict(world.warehouse.datasets)
    world.rows.fail("append", Unavailable("down"))
    response = ask(api, method, url, AS_ADMIN if who == "admin" else AS_TENANT, body)
    assert code(response) == (503, "service_unavailable")
    assert response.headers["Retry-After"]
    assert (world.warehouse.events(TABLE_OF_KEYS), dict(world.warehouse.datasets)) == before
    assert world.jobs.inserted == []


@pytest.mark.parametrize("tenant_id", ["nobody_1234", "no tenant", "a" * 3_000, "x_meta", "..", "convergence__control"])
def test_of_nobody_the_operator_learns_that_there_is_nobody(world: FakeServices, api: Client, tenant_id: str) -> None:
    url = f"/api/v1/customers/{tenant_id}"
    found = {
        code(ask(api, method, url + path, AS_ADMIN, body))
        for method, path, body in (
            ("GET", "", None), ("PATCH", "", {"status": "suspended"}), ("DELETE", "", None), ("GET", "/api-keys", None),
            ("POST", "/api-keys", {}), ("DELETE", "/api-keys/x", None),
        )
    }  # fmt: skip
    assert found <= {(404, "tenant_unknown"), (404, "route_not_found")}


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tenant_rotates_and_the_new_key_is_good_at_once(world: FakeServices, api: Client) -> None:
    response = ask(api, "POST", KEYS, AS_TENANT, {"grace_s": 60})
    made = response.get_json()
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    assert [run(api, key) for key in (made["api_key"], KEY)] == [202, 202]
    world.clock.advance(60)
    assert [run(api, key) for key in (made["api_key"], KEY)] == [202, 401]


def test_the_list_shows_who_made_which_key_and_how_it_stands(world: FakeServices, api: Client) -> None:
    made = ask(api, "POST", KEYS, AS_TENANT, {}).get_json()
    again = ask(api, "POST", KEYS, AS_ADMIN, {}).get_json()
    listed = ask(api, "GET", KEYS, {"X-API-Key": again["api_key"]}).get_json()["api_keys"]
    assert {(one["key_id"], one["status"], one["created_by"]) for one in listed} == {
        (again["key_id"], "active", "admin"),
        (made["key_id"], "grace", "key key-0"),
        ("key-0", "grace", "onboarding"),
    }
    assert not any(secret in json.dumps(listed) for secret in (made["api_key"], again["api_key"], KEY, "hash"))


def test_an_empty_body_means_the_platforms_grace(world: FakeServices, api: Client) -> None:
    made = ask(api, "POST", KEYS, AS_TENANT).get_json()
    assert made["others_expire_at"] == (START + timedelta(days=1)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    "body", [{"grace_s": -1}, {"grace_s": 86_401}, {"grace_s": "60"}, {"grace_s": True}, {"grace_s": 1.5}, {"x": 1}, []]
)
def test_a_wrong_grace_is_400(world: FakeServices, api: Client, body: Any) -> None:
    assert code(ask(api, "POST", KEYS, AS_TENANT, body)) == (400, "request_invalid")
    assert world.jobs.inserted == []


def test_a_tenant_revokes_an_old_key_but_not_its_last(world: FakeServices, api: Client) -> None:
    made = ask(api, "POST", KEYS, AS_TENANT, {}).get_json()
    with_new = {"X-API-Key": made["api_key"]}
    assert ask(api, "DELETE", f"{KEYS}/key-0", with_new).status_code == 204
    assert run(api, KEY) == 401
    assert code(ask(api, "DELETE", f"{KEYS}/{made['key_id']}", with_new)) == (409, "last_key")
    assert ask(api, "DELETE", f"{KEYS}/{made['key_id']}", AS_ADMIN).status_code == 204
    assert run(api, made["api_key"]) == 401


def test_the_operator_lets_a_tenant_in_again_that_lost_its_key(world: FakeServices, api: Client) -> None:
    ask(api, "DELETE", f"{KEYS}/key-0", AS_ADMIN)
    made = ask(api, "POST", KEYS, AS_ADMIN, {}).get_json()
    assert run(api, made["api_key"]) == 202


def test_another_tenants_key_id_is_not_found(world: FakeServices, api: Client) -> None:
    assert code(ask(api, "DELETE", f"{KEYS}/key-7", AS_TENANT)) == (404, "key_not_found")


# ── credentials ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_credentials_are_taken_and_only_a_roles_external_id_comes_back(world: FakeServices, api: Client) -> None:
    kept = ask(api, "PUT", AWS, AS_TENANT, AWS_KEYS).get_json()
    assert (kept["provider"], kept["external_id"]) == ("aws", None)
    first, again = (ask(api, "PUT", AWS, AS_TENANT, ROLE).get_json()["external_id"] for _ in range(2))
    assert first == again
    theirs = ask(api, "PUT", AWS.replace(TENANT, OTHER), AS_OTHER, ROLE).get_json()["external_id"]
    assert theirs != first


def test_deleting_is_done_once_and_said_as_often_as_asked(world: FakeServices, api: Client) -> None:
    ask(api, "PUT", AWS, AS_TENANT, ROLE)
    assert [ask(api, "DELETE", AWS, AS_TENANT).status_code for _ in range(2)] == [204, 204]
    assert world.warehouse.events(DatasetRef(DATA, TENANT).table("x_meta_cloud_credentials")) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_unknown_provider_is_404_before_the_body_is_looked_at(world: FakeServices, api: Client, method: str) -> None:
    response = ask(api, method, AWS + "s", AS_TENANT, b"{not json")
    assert code(response) == (404, "provider_unknown")
    assert "'aws'" in response.get_json()["detail"]


def test_every_fault_of_credentials_is_named_and_no_value(world: FakeServices, api: Client) -> None:
    body = {"access_key_id": "nothing", "secret_access_key": SECRET + "x", "endpoint_url": "http://169.254.169.254"}
    response = ask(api, "PUT", AWS, AS_TENANT, body)
    assert {fault["where"] for fault in response.get_json()["errors"]} == {
        "body.access_key_id", "body.secret_access_key", "body.endpoint_url",
    }  # fmt: skip
    assert SECRET not in response.text
    assert "169.254" not in response.text


def test_no_secret_is_ever_logged_or_recorded(
    world: FakeServices, api: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ask(api, "POST", KEYS, AS_TENANT, {}).get_json()["api_key"]
    ask(api, "PUT", AWS, {"X-API-Key": made}, AWS_KEYS)
    ask(api, "PUT", AWS, {"X-API-Key": made}, {**AWS_KEYS, "secret_access_key": SECRET + "x"})
    world.credentials_cipher.fail("encrypt", Unavailable("down"))
    ask(api, "PUT", AWS, {"X-API-Key": made}, AWS_KEYS)
    ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"variables": {"password": "hunter-2-hunter"}})
    said = capsys.readouterr().err + json.dumps(world.warehouse.events(AUDIT), default=str)
    assert not any(secret in said for secret in (made, KEY, ADMIN_KEY, SECRET, "AKIAIOSFODNN7", "hunter-2"))
    assert "secret_access_key" in said


# ── the tenant ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tenant_is_shown_without_secrets(world: FakeServices, api: Client) -> None:
    shown = ask(api, "GET", CUSTOMER, AS_ADMIN).get_json()
    assert (shown["tenant_id"], shown["status"], shown["variables"]) == (TENANT, "active", {})


def test_tenants_are_listed_page_by_page_in_the_order_of_their_ids_without_secrets(
    world: FakeServices, api: Client
) -> None:
    make_tenant(world.warehouse, tenant(tenant_id="zeta_0001", status="suspended"))
    pages = [ask(api, "GET", f"{CUSTOMERS}?limit=2", AS_ADMIN)]
    pages.append(ask(api, "GET", f"{CUSTOMERS}?limit=2&page_token={pages[0].get_json()['next_page_token']}", AS_ADMIN))
    assert [[one["tenant_id"] for one in page.get_json()["tenants"]] for page in pages] == [
        [TENANT, OTHER], ["zeta_0001"],
    ]  # fmt: skip
    assert [page.get_json()["next_page_token"] for page in pages] == [OTHER, None]
    assert pages[1].get_json()["tenants"] == [
        {
            "tenant_id": "zeta_0001", "status": "suspended", "admin_email": "admin@acmeinc.example",
            "enabled_templates": [], "onboarded_at": START.isoformat().replace("+00:00", "Z"),
        }
    ]  # fmt: skip
    assert "key" not in "".join(page.get_data(as_text=True) for page in pages)
    assert acts(world) == [("admin", "tenant.list", None)] * 2


def test_tenants_are_listed_by_how_they_stand(world: FakeServices, api: Client) -> None:
    ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"status": "suspended"})
    found = {
        status: [one["tenant_id"] for one in ask(api, "GET", f"{CUSTOMERS}?{status}", AS_ADMIN).get_json()["tenants"]]
        for status in ("", "status=active", "status=suspended")
    }
    assert found == {"": [TENANT, OTHER], "status=active": [OTHER], "status=suspended": [TENANT]}


@pytest.mark.parametrize(
    "query",
    [
        "status=gone", "status=", "limit=0", "limit=1001", "limit=x", "page_token=", "page_token=x",
        f"page_token={TENANT}'", "after=x", "status=active&status=active",
    ],
)  # fmt: skip
def test_a_wrong_question_for_tenants_is_400(world: FakeServices, api: Client, query: str) -> None:
    assert code(ask(api, "GET", f"{CUSTOMERS}?{query}", AS_ADMIN)) == (400, "request_invalid")
    assert acts(world) == []


def test_suspended_nothing_runs_and_resumed_it_does(world: FakeServices, api: Client) -> None:
    assert run(api, KEY) == 202
    for status, expected in (("suspended", 403), ("active", 202)):
        assert ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"status": status}).get_json()["status"] == status
        assert run(api, KEY) == expected
        assert [row["status"] for row in world.warehouse.events(TENANTS) if row["tenant_id"] == TENANT] == [status]


def test_variables_are_merged_and_null_removes(world: FakeServices, api: Client) -> None:
    ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"variables": {"region": "europe", "team": "finops"}})
    shown = ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"variables": {"team": None, "owner": "ann"}}).get_json()
    assert shown["variables"] == {"region": "europe", "owner": "ann"}
    assert shown["status"] == "active"


def test_a_name_of_an_operator_setting_is_taken_it_is_the_weaker_one(world: FakeServices, api: Client) -> None:
    body = {"variables": {"billing_export_table": "acme-project.exports.costs"}}
    assert ask(api, "PATCH", CUSTOMER, AS_ADMIN, body).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tenant_id", "x"), ("date", "2025-11-15"), ("error_code", "x"), ("admin_email", "x@y.example"),
        ("source", f"data-project.{OTHER}.x_meta_api_keys"), ("source", f"any.{OTHER}_gcp_silver_cost.costs"),
        ("source", "control-project.convergence__control.x_meta_runs"), ("source", "example.com:p.convergence__x.t"),
    ],
)  # fmt: skip
def test_what_is_built_in_or_another_tenants_is_refused_at_once(
    world: FakeServices, api: Client, name: str, value: str
) -> None:
    response = ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"variables": {name: value, "fine": "x"}})
    assert code(response) == (400, "variables_invalid")
    assert [fault["where"] for fault in response.get_json()["errors"]] == [f"body.variables.{name}"]
    assert ask(api, "GET", CUSTOMER, AS_ADMIN).get_json()["variables"] == {}
    newcomer = {"tenant_id": "newcomer_1234", "admin_email": "a@b.example", "variables": {name: value}}
    assert code(ask(api, "POST", "/api/v1/customers/onboard", AS_ADMIN, newcomer)) == (400, "variables_invalid")


@pytest.mark.parametrize(
    "body",
    [
        {}, {"status": "gone"}, {"status": None}, {"variables": {"Region": "x"}}, {"variables": {"a b": "x"}},
        {"variables": {"a": 1}}, {"variables": {"a": "x" * 4_097}}, {"variables": {"a": "\0"}}, {"variables": None},
        {"variables": {"a": "\ud800"}}, {"variables": {f"n{number}": "" for number in range(101)}},
        {"variables": {"a" * 65: "x"}}, {"enabled_templates": "gcp/cost/cost_billing"}, {"tenant_id": OTHER}, [], "x",
    ],
)  # fmt: skip
def test_a_wrong_change_is_400_and_changes_nothing(world: FakeServices, api: Client, body: Any) -> None:
    assert code(ask(api, "PATCH", CUSTOMER, AS_ADMIN, body)) == (400, "request_invalid")
    assert world.jobs.inserted == []
    assert acts(world) == []


def test_a_tenant_has_so_many_variables_and_no_more(world: FakeServices, api: Client) -> None:
    for first in (0, 50):
        body = {"variables": {f"n{number}": "x" for number in range(first, first + 50)}}
        assert ask(api, "PATCH", CUSTOMER, AS_ADMIN, body).status_code == 200
    assert code(ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"variables": {"one_more": "x"}})) == (400, "variables_invalid")


def test_enabled_templates_are_those_that_may_be_run(world: FakeServices, api: Client) -> None:
    ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"enabled_templates": ["gcp/cost/cost_billing"]})
    assert run(api, KEY) == 202
    assert ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"enabled_templates": []}).get_json()["enabled_templates"] == []


def test_a_template_that_is_named_twice_is_enabled_once(world: FakeServices, api: Client) -> None:
    twice = {"enabled_templates": ["gcp/cost/cost_billing", "gcp/cost/cost_billing"]}
    newcomer = {"tenant_id": "newcomer_1234", "admin_email": "a@b.example", **twice}
    assert ask(api, "POST", "/api/v1/customers/onboard", AS_ADMIN, newcomer).status_code == 201
    assert ask(api, "PATCH", CUSTOMER, AS_ADMIN, twice).status_code == 200
    for tenant_id in (TENANT, "newcomer_1234"):
        shown = ask(api, "GET", f"/api/v1/customers/{tenant_id}", AS_ADMIN).get_json()
        assert shown["enabled_templates"] == ["gcp/cost/cost_billing"]
    enabled = {row["tenant_id"]: list(row["enabled_templates"] or []) for row in world.warehouse.events(TENANTS)}
    assert (enabled[TENANT], enabled["newcomer_1234"]) == (["gcp/cost/cost_billing"], ["gcp/cost/cost_billing"])


@pytest.mark.parametrize("name", ["gcp/cost/cost_biling", "customer/onboarding", "", "../sources", "x" * 200])
def test_a_template_that_is_not_there_is_named_with_the_nearest(world: FakeServices, api: Client, name: str) -> None:
    response = ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"enabled_templates": ["gcp/cost/cost_billing", name]})
    (fault,) = response.get_json()["errors"]
    assert (response.status_code, fault["where"], fault["code"]) == (
        400, "body.enabled_templates.1", "template_not_found",
    )  # fmt: skip
    if name == "gcp/cost/cost_biling":
        assert "did you mean 'gcp/cost/cost_billing'?" in fault["message"]
    newcomer = {"tenant_id": "newcomer_1234", "admin_email": "a@b.example", "enabled_templates": [name]}
    assert code(ask(api, "POST", "/api/v1/customers/onboard", AS_ADMIN, newcomer)) == (400, "variables_invalid")
    assert acts(world) == []


def test_a_change_that_was_cut_short_is_completed_by_the_same_call(world: FakeServices, api: Client) -> None:
    put_record(world.warehouse, tenant(status="suspended"))  # the record was written, the registry not
    assert ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"status": "suspended"}).status_code == 200
    assert {row["status"] for row in world.warehouse.events(TENANTS) if row["tenant_id"] == TENANT} == {"suspended"}


def test_a_tenant_whose_onboarding_is_not_complete_cannot_be_changed(world: FakeServices, api: Client) -> None:
    world.warehouse.tables[TENANTS].stored.clear()
    assert code(ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"status": "suspended"})) == (404, "tenant_unknown")


# ── off-boarding ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_off_boarded_a_tenant_is_gone_and_can_come_back_as_another(world: FakeServices, api: Client) -> None:
    response = ask(api, "DELETE", CUSTOMER, AS_ADMIN)
    report = response.get_json()
    assert (response.status_code, report["was_registered"]) == (200, True)
    assert [each["dataset"] for each in report["datasets"]] == [TENANT]
    assert run(api, KEY) == 401
    assert code(ask(api, "GET", CUSTOMER, AS_ADMIN)) == (404, "tenant_unknown")
    assert code(ask(api, "DELETE", CUSTOMER, AS_ADMIN)) == (404, "tenant_unknown")
    assert ask(api, "GET", KEYS.replace(TENANT, OTHER), AS_OTHER).status_code == 200
    newcomer = {"tenant_id": TENANT, "admin_email": "admin@acmeinc.example"}
    assert ask(api, "POST", "/api/v1/customers/onboard", AS_ADMIN, newcomer).status_code == 201


@pytest.mark.parametrize("query", ["force=1", "force=yes", "force=", "force=true&force=true", "forced=true"])
def test_force_is_said_in_one_way(world: FakeServices, api: Client, query: str) -> None:
    assert code(ask(api, "DELETE", f"{CUSTOMER}?{query}", AS_ADMIN)) == (400, "request_invalid")
    assert DatasetRef(DATA, TENANT) in world.warehouse.datasets


# ── the audit ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_act_is_recorded_with_who_and_from_where(world: FakeServices, api: Client) -> None:
    trace = {"X-Cloud-Trace-Context": f"{'a' * 32}/1;o=1", "X-Forwarded-For": "198.51.100.7, 203.0.113.9"}
    ask(api, "GET", KEYS, {**AS_TENANT, **trace})
    ask(api, "PUT", AWS, AS_TENANT, AWS_KEYS)
    ask(api, "DELETE", AWS, AS_TENANT)
    ask(api, "PATCH", CUSTOMER, AS_ADMIN, {"status": "active", "variables": {"team": "x"}})
    ask(api, "GET", CUSTOMER, AS_ADMIN)
    made = ask(api, "POST", KEYS, AS_ADMIN, {"grace_s": 0}).get_json()
    ask(api, "DELETE", f"{KEYS}/{made['key_id']}", AS_ADMIN)
    ask(api, "DELETE", f"{CUSTOMER}?force=true", AS_ADMIN)
    assert acts(world) == [
        ("tenant", "api_keys.list", None),
        ("tenant", "credentials.put", "aws"),
        ("tenant", "credentials.delete", "aws"),
        ("admin", "tenant.change", None),
        ("admin", "tenant.show", None),
        ("admin", "api_keys.rotate", None),
        ("admin", "api_keys.revoke", made["key_id"]),
        ("admin", "tenant.off_board", None),
    ]
    rows = world.warehouse.events(AUDIT)
    assert (rows[0]["trace"], rows[0]["source_address"], rows[0]["key_id"]) == ("a" * 32, "203.0.113.9", "key-0")
    assert [row["fields"] for row in rows[1:4]] == [
        ["access_key_id", "secret_access_key"], [], ["status", "variables.team"],
    ]  # fmt: skip
    assert rows[-1]["fields"] == ["force"]
    assert {row["tenant_id"] for row in rows} == {TENANT}


@pytest.mark.parametrize(("key", "actor"), [(ADMIN_KEY, "admin"), (None, "anyone")])
def test_an_onboarding_is_recorded_also_where_it_is_open(api: Client, key: str | None, actor: str) -> None:
    world = FakeServices(settings(open_onboarding=True))
    make_control(world.warehouse)
    serve(world)
    newcomer = {"tenant_id": "newcomer_1234", "admin_email": "a@b.example"}
    ask(api, "POST", "/api/v1/customers/onboard", {"X-Admin-Key": key} if key else {}, newcomer)
    assert acts(world) == [(actor, "tenant.onboard", None)]
    (row,) = world.warehouse.events(AUDIT)
    assert (row["tenant_id"], row["fields"]) == ("newcomer_1234", ["admin_email", "tenant_id"])


# ── where it is deployed ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("weak", ["admin", "x" * 64, "change-me-" * 5, "aB3" * 20, ADMIN_KEY])
def test_production_serves_nothing_with_a_weak_admin_key(
    monkeypatch: pytest.MonkeyPatch, api: Client, weak: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert production(monkeypatch, api, weak) == (500, "settings_invalid")
    log = capsys.readouterr().err
    assert "ADMIN_KEY_SECRET" in log
    assert f'"{weak}"' not in log


def test_production_serves_with_a_strong_one(monkeypatch: pytest.MonkeyPatch, api: Client) -> None:
    assert production(monkeypatch, api, "s9Qw2xKf7Lm0Zr4Tb8Vn1Hc6Yp3Gd5Ja") == (200, "")


def production(monkeypatch: pytest.MonkeyPatch, api: Client, key: str) -> tuple[int, str]:
    """What the first request hears of an admin deployment in production whose admin key is this one."""

    class Deployed(Instance):
        def __init__(self, made: Settings) -> None:
            super().__init__(made)
            vars(self).update(secrets=FakeSecrets({ADMIN_SECRET: key}))

    ring = "projects/p/locations/us/keyRings/r/cryptoKeys"
    deployed = settings(deployment="production", routes="admin", kms_api_keys_key=f"{ring}/api-keys")
    monkeypatch.setattr(wiring, "Instance", Deployed)
    monkeypatch.setattr(environment, "current", lambda: deployed)
    wiring.serve_with(None)
    try:
        return code_of(Client(api.application).get("/healthz"))
    finally:
        wiring.serve_with(None)
