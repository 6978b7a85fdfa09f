"""The HTTP API from outside: who may ask what, in which order it is checked, and how it says no."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from shared.contracts.http.runs import PageToken
from shared.contracts.messages.run_message import RunMessage
from shared.errors import MailRefused, NotConfirmed, QuotaExceeded, Unavailable
from shared.runs.run_log import RunLog
from tests.builders import (
    CONTROL,
    DATA,
    DAY,
    KEY,
    OTHER,
    OTHER_KEY,
    RUN,
    RUNS,
    TENANT,
    make_tenant,
    put_record,
    run,
    settings,
    tenant,
)
from tests.edges.conftest import ADMIN_KEY, serve
from tests.fakes import START, FakeServices

RUN_URL = f"/api/v1/pipelines/run/{TENANT}/gcp/cost/cost_billing"
ONBOARD_URL = "/api/v1/customers/onboard"
NEWCOMER = {"tenant_id": "newcomer_1234", "admin_email": "admin@newcomer.example"}
FIELDS = ["type", "title", "status", "detail", "code", "errors"]


def post(api: Client, body: Any = None, *, url: str = RUN_URL, key: str | None = KEY, **given: Any) -> TestResponse:
    """Ask for a run of the shipped template for one day, unless told otherwise."""
    headers = {"X-API-Key": key} if key else {}
    headers |= given.pop("headers", {})
    data = json.dumps({"date": str(DAY)} if body is None else body) if not isinstance(body, str | bytes) else body
    return api.post(
        url, data=data, headers=headers, content_type=given.pop("content_type", "application/json"), **given
    )


def onboard(api: Client, body: Any = None, key: str | None = ADMIN_KEY, **given: Any) -> TestResponse:
    headers = {"X-Admin-Key": key} if key is not None else {}
    return post(api, NEWCOMER if body is None else body, url=ONBOARD_URL, key=None, headers=headers, **given)


def page_token(stamp: str) -> str:
    return str(PageToken(datetime.fromisoformat(stamp), "0" * 32))


def problem(response: TestResponse) -> tuple[int, str]:
    """Status and code, once the document is seen to be a whole one."""
    assert response.content_type == "application/problem+json"
    body = response.get_json()
    assert list(body) == FIELDS
    assert body["status"] == response.status_code
    assert body["detail"]
    assert body["type"] == f"urn:convergence:error:{body['code']}"
    assert all(fault.keys() == {"where", "code", "message"} for fault in body["errors"])
    return response.status_code, body["code"]


def nothing_happened(world: FakeServices) -> bool:
    return world.bus.published == [] and world.warehouse.events(RUNS) == []


# ── a run ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_is_accepted_once_it_is_published(world: FakeServices, api: Client) -> None:
    response = post(api)
    body = response.get_json()
    ((topic, message),) = world.bus.published
    published = RunMessage.model_validate_json(message.data)
    assert (response.status_code, topic) == (202, "pipeline-runs")
    assert body == {
        "pipeline_logging_id": published.pipeline_logging_id,
        "pipeline_id": f"{TENANT}-gcp-cost-billing",
        "status": "QUEUED",
        "status_url": f"http://localhost/api/v1/pipelines/status/{TENANT}/{published.pipeline_logging_id}",
    }


def test_its_status_url_answers(world: FakeServices, api: Client) -> None:
    url = post(api).get_json()["status_url"]
    response = api.get(url, headers={"X-API-Key": KEY})
    body = response.get_json()
    assert (response.status_code, body["status"], body["date"], body["steps"]) == (200, "QUEUED", str(DAY), [])


@pytest.mark.parametrize("error", [NotConfirmed("no answer"), Unavailable("down"), QuotaExceeded("slow down")])
def test_what_pubsub_does_not_confirm_is_503_and_recorded(world: FakeServices, api: Client, error: Exception) -> None:
    world.bus.fail("publish", error)
    response = post(api)
    assert problem(response) == (503, "publish_not_confirmed")
    assert response.headers["Retry-After"]
    assert [event["status"] for event in world.warehouse.events(RUNS)] == ["QUEUED", "NOT_PUBLISHED"]


def test_what_cannot_be_recorded_is_503_and_not_published(world: FakeServices, api: Client) -> None:
    world.rows.fail("append", Unavailable("down"))
    assert problem(post(api))[0] == 503
    assert world.bus.published == []


def test_the_same_idempotency_key_is_the_same_run(world: FakeServices, api: Client) -> None:
    first, second = (post(api, headers={"Idempotency-Key": "nightly-1"}).get_json() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("key", ["", "a b", "a" * 256, "é"])
def test_an_idempotency_key_is_short_printable_ascii(world: FakeServices, api: Client, key: str) -> None:
    assert problem(post(api, headers={"Idempotency-Key": key})) == (400, "request_invalid")
    assert nothing_happened(world)


def test_curls_own_content_type_is_read_as_json(world: FakeServices, api: Client) -> None:
    assert post(api, content_type="application/x-www-form-urlencoded").status_code == 202


# ── who may ask: in this order ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "key",
    [None, "x", f"{TENANT}_api_{'a' * 26}", f"nobody_1234_api_{'a' * 26}", KEY + "x", KEY[:-1], ADMIN_KEY, KEY.upper()],
)
def test_without_a_valid_key_nothing_else_is_looked_at(world: FakeServices, api: Client, key: str | None) -> None:
    url = f"/api/v1/pipelines/run/{OTHER}/no/such/template"
    assert problem(post(api, b"{not json", url=url, key=key)) == (401, "key_rejected")
    assert nothing_happened(world)


def test_an_unknown_tenant_and_a_wrong_key_get_the_same_answer(world: FakeServices, api: Client) -> None:
    answers = {post(api, key=f"{who}_api_{'a' * 26}").data for who in (TENANT, "nobody_1234")}
    assert len(answers) == 1


def test_another_tenants_key_is_403_before_template_and_body_are_looked_at(world: FakeServices, api: Client) -> None:
    url = f"/api/v1/pipelines/run/{TENANT}/no/such/template"
    assert problem(post(api, b"{not json", url=url, key=OTHER_KEY)) == (403, "wrong_tenant")
    assert nothing_happened(world)


def test_a_suspended_tenant_is_403_before_template_and_body_are_looked_at(world: FakeServices, api: Client) -> None:
    put_record(world.warehouse, tenant(status="suspended"))
    url = f"/api/v1/pipelines/run/{TENANT}/no/such/template"
    assert problem(post(api, b"{not json", url=url)) == (403, "tenant_suspended")


def test_an_unknown_template_is_404_before_the_body_is_looked_at(world: FakeServices, api: Client) -> None:
    response = post(api, b"{not json", url=f"/api/v1/pipelines/run/{TENANT}/gcp/cost/cost_biling")
    assert problem(response) == (404, "template_not_found")
    assert "'gcp/cost/cost_billing'" in response.get_json()["detail"]
    assert nothing_happened(world)


@pytest.mark.parametrize("path", ["GCP/cost/cost_billing", "gcp/cost/..", "gcp/cost/cost_billing.yml", "a/b/%00"])
def test_what_can_be_no_template_is_404(world: FakeServices, api: Client, path: str) -> None:
    assert problem(post(api, url=f"/api/v1/pipelines/run/{TENANT}/{path}"))[0] == 404
    assert nothing_happened(world)


def test_a_key_that_was_revoked_is_refused(world: FakeServices, api: Client) -> None:
    make_tenant(world.warehouse, tenant(), KEY, revoked_at=START - timedelta(days=1))
    assert problem(post(api)) == (401, "key_rejected")


def test_when_keys_cannot_be_read_it_is_503_not_401(world: FakeServices, api: Client) -> None:
    world.rows.fail("stored", Unavailable("down"))
    assert problem(post(api))[0] == 503


# ── the body ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        b"{not json",
        b'{"date": "2025-11-15"',
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"a": NaN}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"date": "2025-11-15", "date": "2025-11-16"}',
        b'{"date": "2025-11-15"} trailing',
        b'"text"',
        b"[]",
        b"null",
    ],
    ids=[
        "no json",
        "cut off",
        "no utf-8",
        "too deep",
        "NaN",
        "huge number",
        "a key twice",
        "more",
        "text",
        "list",
        "null",
    ],
)
def test_what_is_no_json_object_is_400(world: FakeServices, api: Client, body: bytes) -> None:
    response = post(api, body)
    assert problem(response) == (400, "request_invalid")
    assert len(response.get_json()["errors"]) == 1
    assert nothing_happened(world)


def test_every_fault_is_named_at_once(world: FakeServices, api: Client) -> None:
    response = post(api, {"date": "15.11.2025", "trigger_by": "", "days": {}})
    assert problem(response) == (400, "request_invalid")
    assert {fault["where"] for fault in response.get_json()["errors"]} == {"body.date", "body.trigger_by", "body.days"}
    assert nothing_happened(world)


def test_a_run_that_needs_a_date_and_has_none_is_400(world: FakeServices, api: Client) -> None:
    assert problem(post(api, {})) == (400, "variables_invalid")
    assert nothing_happened(world)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"source_billing_table": "p.d.t"}, "variable_protected"),
        ({"destination_table": "x"}, "variable_protected"),
        ({"destination_dataset_type": "x"}, "variable_protected"),
        ({"tenant_id": OTHER}, "variable_protected"),
        ({"gcp_project_id": "p"}, "variable_protected"),
        ({"operator_email": "x@y.example"}, "variable_protected"),
        ({"dat": "2025-11-15"}, "variable_unknown"),
        ({"admin_email": 5}, "variable_invalid"),
        ({"admin_email": "\ud800"}, "variable_invalid"),
    ],
)
def test_what_a_caller_may_not_choose_is_400_and_named(
    world: FakeServices, api: Client, body: dict[str, Any], code: str
) -> None:
    response = post(api, {"date": str(DAY), **body})
    assert problem(response) == (400, "variables_invalid")
    assert [(fault["where"], fault["code"]) for fault in response.get_json()["errors"]] == [
        (f"body.{next(iter(body))}", code)
    ]
    assert nothing_happened(world)


def test_an_address_that_is_not_the_tenants_is_400(world: FakeServices, api: Client) -> None:
    response = post(api, {"date": str(DAY), "admin_email": "victim@elsewhere.example"})
    assert problem(response) == (400, "mail_refused")
    assert nothing_happened(world)


def test_a_large_body_is_413(world: FakeServices, api: Client) -> None:
    assert problem(post(api, {"a": "x" * 70_000}))[0] == 413
    assert nothing_happened(world)


def test_another_media_type_is_415(world: FakeServices, api: Client) -> None:
    assert problem(post(api, content_type="text/xml"))[0] == 415
    assert nothing_happened(world)


def test_another_method_is_405_and_says_which_is_right(world: FakeServices, api: Client) -> None:
    response = api.get(RUN_URL, headers={"X-API-Key": KEY})
    assert problem(response)[0] == 405
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("url", ["/", "/api/v1", "/api/v2/pipelines", "/api/v1/pipelines/run", f"{RUN_URL}/more", "/x"])
def test_an_unknown_route_is_404(world: FakeServices, api: Client, url: str) -> None:
    assert problem(post(api, url=url)) == (404, "route_not_found")


# ── status ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def status(api: Client, tenant_id: str = TENANT, id_: str = RUN, key: str = KEY) -> TestResponse:
    return api.get(f"/api/v1/pipelines/status/{tenant_id}/{id_}", headers={"X-API-Key": key})


@pytest.mark.parametrize("id_", [RUN, "x", RUN.upper(), "a" * 500, "' OR 1=1 --"])
def test_a_run_that_is_not_there_is_404(world: FakeServices, api: Client, id_: str) -> None:
    assert problem(status(api, id_=id_)) == (404, "run_not_found")


def test_another_tenants_run_is_not_there(world: FakeServices, api: Client) -> None:
    log = RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)
    log.queued(run(), "p")
    assert status(api).status_code == 200
    assert problem(status(api, OTHER, key=OTHER_KEY)) == (404, "run_not_found")
    assert problem(status(api, TENANT, key=OTHER_KEY)) == (403, "wrong_tenant")


def test_when_the_events_cannot_be_read_it_is_503(world: FakeServices, api: Client) -> None:
    world.jobs.fail("select", Unavailable("down"))
    assert problem(status(api))[0] == 503


# ── onboarding ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_onboarding_answers_with_the_key_which_is_good_at_once(world: FakeServices, api: Client) -> None:
    early = post(api, url=RUN_URL.replace(TENANT, "newcomer_1234"), key=f"newcomer_1234_api_{'a' * 26}")
    response = onboard(api)
    body = response.get_json()
    assert (early.status_code, response.status_code) == (401, 201)
    assert list(body) == ["tenant_id", "api_key", "dataset_created", "tables_created"]
    assert (body["dataset_created"], len(body["tables_created"])) == (True, 6)
    assert post(api, url=RUN_URL.replace(TENANT, "newcomer_1234"), key=body["api_key"]).status_code == 202


@pytest.mark.parametrize("key", [None, "", "wrong", "é", KEY])
def test_an_onboarding_needs_the_admin_key_whatever_its_body(world: FakeServices, api: Client, key: str | None) -> None:
    assert problem(onboard(api, b"{not json", key)) == (401, "key_rejected")


def test_open_onboarding_needs_none_but_refuses_a_wrong_one(api: Client, world: FakeServices) -> None:
    vars(world)["settings"] = settings(open_onboarding=True)
    serve(world)
    assert problem(onboard(api, key="wrong")) == (401, "key_rejected")
    assert onboard(api, key=None).status_code == 201


def test_a_second_onboarding_is_409(world: FakeServices, api: Client) -> None:
    onboard(api)
    assert problem(onboard(api)) == (409, "already_onboarded")


def test_a_half_finished_onboarding_is_completed_by_the_same_call(world: FakeServices, api: Client) -> None:
    world.mailer.fail("send", MailRefused("no such mailbox"))
    assert problem(onboard(api)) == (502, "onboarding_failed")
    assert onboard(api).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tenant_id": "Acme", "admin_email": "x"},
        {**NEWCOMER, "surprise": 1},
        {**NEWCOMER, "variables": {"a": 1}},
        [],
    ],
)
def test_a_wrong_onboarding_is_400(world: FakeServices, api: Client, body: Any) -> None:
    assert problem(onboard(api, body)) == (400, "request_invalid")


def test_a_reserved_id_is_409(world: FakeServices, api: Client) -> None:
    assert problem(onboard(api, {**NEWCOMER, "tenant_id": "convergence_1234"})) == (409, "tenant_id_refused")


# ── what nobody foresaw ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bug_is_500_and_tells_nothing(world: FakeServices, api: Client, capsys: pytest.CaptureFixture[str]) -> None:
    world.bus.fail("publish", KeyError("s3cr3t"))
    response = post(api)
    assert problem(response) == (500, "internal_error")
    assert "s3cr3t" not in response.text + capsys.readouterr().err


def test_no_key_is_ever_logged(world: FakeServices, api: Client, capsys: pytest.CaptureFixture[str]) -> None:
    made = onboard(api).get_json()["api_key"]
    post(api)
    post(api, key=f"{TENANT}_api_{'a' * 26}")
    log = capsys.readouterr().err
    assert not any(key in log for key in (made, KEY, "a" * 26, ADMIN_KEY))


def test_routes_of_the_other_deployment_are_not_there(api: Client, world: FakeServices) -> None:
    vars(world)["settings"] = settings(routes="tenant")
    serve(world)
    assert problem(onboard(api)) == (404, "route_not_found")
    assert post(api).status_code == 202


@pytest.mark.parametrize("url", ["/healthz", "/api/v1/healthz"])
def test_health_asks_nobody(world: FakeServices, api: Client, url: str) -> None:
    response = api.get(url)
    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})
    assert world.calls() == {}


# ── the history ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "query.limit"),
        ("limit=201", "query.limit"),
        ("limit=1.5", "query.limit"),
        ("status=DONE", "query.status"),
        ("template=gcp/cost", "query.template"),
        ("template=gcp/cost/../x", "query.template"),
        ("since=yesterday", "query.since"),
        ("since=1763424000", "query.since"),
        ("since=2025-11-15T08:00:00", "query.since"),
        ("since=2025-02-30", "query.since"),
        ("since=0001-01-01T00:00:00%2B01:00", "query.since"),
        ("since=9999-12-31T23:59:59-01:00", "query.since"),
        ("page_token=abc", "query.page_token"),
        (f"page_token={page_token('0001-01-01T00:00:00+01:00')}", "query.page_token"),
        (f"page_token={page_token('9999-12-31T23:59:59-01:00')}", "query.page_token"),
        ("page_token=é", "query.page_token"),
        ("page_token=" + "a" * 300, "query.page_token"),
        ("stauts=FAILED", "query.stauts"),
        ("limit=1&limit=2", "query.limit"),
    ],
)
def test_a_wrong_query_is_400_and_named(world: FakeServices, api: Client, query: str, where: str) -> None:
    response = api.get(f"/api/v1/pipelines/runs/{TENANT}?{query}", headers={"X-API-Key": KEY})
    assert problem(response) == (400, "request_invalid")
    assert [fault["where"] for fault in response.get_json()["errors"]] == [where]
    assert world.jobs.calls == []


def test_another_tenants_history_is_403(world: FakeServices, api: Client) -> None:
    response = api.get(f"/api/v1/pipelines/runs/{TENANT}", headers={"X-API-Key": OTHER_KEY})
    assert problem(response) == (403, "wrong_tenant")
