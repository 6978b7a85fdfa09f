"""`/pipelines/batch`: what is accepted is recorded, then published; what is not is said at once and starts nothing."""

import json
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from shared.contracts.messages.batch import BatchMessage, read_batch
from shared.errors import NotConfirmed, Unavailable
from tests.builders import AUDIT, BATCHES, KEY, OTHER, TENANT
from tests.edges.conftest import ADMIN_KEY
from tests.fakes import START, FakeServices

URL = "/api/v1/pipelines/batch"
ADMIN = {"X-Admin-Key": ADMIN_KEY}
BODY = {"provider": "gcp", "domain": "cost", "template_name": "cost_billing", "date": "2025-11-15"}


def start(api: Client, *, key: str | None = None, **change: Any) -> TestResponse:
    headers = {**ADMIN, **({"Idempotency-Key": key} if key else {})}
    body = {name: value for name, value in {**BODY, **change}.items() if value is not None}
    return api.post(URL, json=body, headers=headers)


def published(world: FakeServices) -> list[BatchMessage]:
    return [read_batch(message.data) for topic, message in world.bus.published if topic == "pipeline-batches"]


def events(world: FakeServices) -> list[str]:
    return [row["event"] for row in world.warehouse.events(BATCHES)]


def faults(response: TestResponse) -> list[tuple[str, str]]:
    return [(one["where"], one["code"]) for one in response.get_json()["errors"]]


# ── starting ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_is_recorded_published_and_can_be_asked_for_at_once(world: FakeServices, api: Client) -> None:
    response = start(api, tenants=[TENANT], variables={"admin_email": "finance@acmeinc.example"}, trigger_by="finops")
    assert response.status_code == 202
    accepted = response.get_json()
    (message,) = published(world)
    assert (message.batch_id, message.attempt) == (accepted["batch_id"], accepted["attempt"]) == (message.batch_id, 1)
    assert (message.tenants, message.trigger_by, message.asked_at) == ((TENANT,), "finops", START)
    assert message.variables == {"admin_email": "finance@acmeinc.example"}
    assert (str(message.first), str(message.last)) == ("2025-11-15", "2025-11-15")
    assert events(world) == ["ASKED"]

    shown = api.get(accepted["status_url"].removeprefix("http://localhost"), headers=ADMIN).get_json()
    assert (shown["status"], shown["expected"], shown["published"]) == ("QUEUED", None, 0)


def test_a_backfill_is_of_days_from_one_to_another(world: FakeServices, api: Client) -> None:
    assert start(api, date=None, **{"from": "2024-11-16", "to": "2025-11-16"}).status_code == 202
    (message,) = published(world)
    assert (str(message.first), str(message.last)) == ("2024-11-16", "2025-11-16")


def test_batches_without_a_key_are_two(world: FakeServices, api: Client) -> None:
    assert start(api).get_json()["batch_id"] != start(api).get_json()["batch_id"]


def test_the_same_key_is_the_same_batch(world: FakeServices, api: Client) -> None:
    first = start(api, key="nightly")
    world.clock.advance(60)
    again = start(api, key="nightly")
    assert first.get_json() == again.get_json()
    messages = published(world)
    assert {(one.batch_id, one.asked_at) for one in messages} == {(first.get_json()["batch_id"], START)}
    assert [one.asked_before for one in messages] == [False, True]


def test_a_key_whose_batch_has_started_publishes_nothing_more(world: FakeServices, api: Client) -> None:
    accepted = start(api, key="nightly").get_json()
    row = {**world.warehouse.events(BATCHES)[0], "event": "STARTED", "event_id": "started"}
    world.warehouse.tables[BATCHES].streamed["started"] = json.loads(json.dumps(row, default=str))
    assert start(api, key="nightly").get_json() == accepted
    assert len(published(world)) == 1


def test_the_same_key_for_something_else_is_refused(world: FakeServices, api: Client) -> None:
    start(api, key="nightly")
    for change in ({"date": "2025-11-14"}, {"tenants": [TENANT]}, {"trigger_by": "somebody"}):
        response = start(api, key="nightly", **change)
        assert (response.status_code, response.get_json()["code"]) == (409, "idempotency_mismatch")
    assert len(published(world)) == 1


def test_what_pubsub_does_not_confirm_is_503_recorded_and_may_be_asked_for_again(
    world: FakeServices, api: Client
) -> None:
    world.bus.fail("publish", NotConfirmed("down"))
    response = start(api, key="nightly")
    assert (response.status_code, response.get_json()["code"]) == (503, "publish_not_confirmed")
    assert events(world) == ["ASKED", "NOT_PUBLISHED"]
    assert start(api, key="nightly").status_code == 202
    assert len(published(world)) == 1


def test_the_act_is_recorded_before_it_is_done(world: FakeServices, api: Client) -> None:
    batch_id = start(api, variables={"admin_email": "finance@acmeinc.example"}).get_json()["batch_id"]
    (act,) = world.warehouse.events(AUDIT)
    assert (act["action"], act["tenant_id"], act["actor"], act["subject"]) == ("batch.start", None, "admin", batch_id)
    assert act["fields"] == ["date", "domain", "provider", "template_name", "variables.admin_email"]
    world.rows.broken["x_meta_audit"] = Unavailable("down")
    assert start(api).status_code == 503
    assert len(published(world)) == 1


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": KEY}, {"X-Admin-Key": "wrong"}])
@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("GET", f"/{'a' * 32}"), ("POST", f"/{'a' * 32}/retry")])
def test_only_the_operator_may(
    world: FakeServices, api: Client, headers: dict[str, str], method: str, path: str
) -> None:
    assert api.open(f"{URL}{path}", method=method, json=BODY, headers=headers).status_code == 401
    assert world.calls() == {}


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        ({"template_name": "cost_biling"}, 404, []),
        ({"provider": "customer", "domain": "x", "template_name": "onboarding"}, 404, []),
        ({"provider": "../gcp"}, 404, []),
        ({"date": None}, 400, [("body.date", "missing")]),
        ({"date": "yesterday"}, 400, [("body.date", "variable_invalid")]),
        ({"from": "2025-11-01", "to": "2025-11-02"}, 400, [("body", "value_error")]),
        ({"date": None, "from": "2025-11-01"}, 400, [("body", "value_error")]),
        ({"date": None, "from": "2025-11-02", "to": "2025-11-01"}, 400, [("body", "value_error")]),
        ({"date": None, "from": "2024-01-01", "to": "2025-01-01"}, 400, [("body", "value_error")]),
        ({"tenants": []}, 400, [("body.tenants", "too_short")]),
        ({"tenants": ["acme"]}, 400, [("body.tenants.0", "string_pattern_mismatch")]),
        ({"tenants": [TENANT, "nobody_0000", OTHER, "noone_0000"]}, 400, [("body.tenants", "tenant_unknown")] * 2),
        ({"variables": {"nope": 1}}, 400, [("body.variables.nope", "variable_unknown")]),
        ({"variables": {"admin_email": "x"}}, 400, [("body.variables.admin_email", "variable_invalid")]),
        (
            {"variables": {"source_billing_table": "a.b.c", "tenant_id": "x"}},
            400,
            [
                ("body.variables.source_billing_table", "variable_protected"),
                ("body.variables.tenant_id", "variable_protected"),
            ],
        ),
        ({"surprise": 1}, 400, [("body.surprise", "unknown_field")]),
        ({"trigger_by": "a\nb"}, 400, [("body.trigger_by", "value_error")]),
    ],
)
def test_what_no_run_could_do_with_is_refused_and_starts_nothing(
    world: FakeServices, api: Client, change: dict[str, Any], status: int, expected: list[tuple[str, str]]
) -> None:
    response = start(api, **change)
    assert (response.status_code, faults(response)) == (status, expected)
    assert (world.bus.published, events(world), world.warehouse.events(AUDIT)) == ([], [], [])


def test_a_template_that_is_not_there_is_answered_with_the_nearest(world: FakeServices, api: Client) -> None:
    assert "'gcp/cost/cost_billing'" in start(api, template_name="cost_biling").get_json()["detail"]


def test_tenants_that_are_not_there_are_named_some_of_them(world: FakeServices, api: Client) -> None:
    response = start(api, tenants=[f"nobody{number}_0000" for number in range(50)])
    assert len(faults(response)) == 20
    assert response.get_json()["detail"] == "body.tenants: there is no tenant nobody0_0000 (and 49 more)"


def test_a_key_that_is_none_is_refused(world: FakeServices, api: Client) -> None:
    assert faults(start(api, key="a b")) == [("header.Idempotency-Key", "malformed")]


# ── asking, retrying ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("batch_id", ["a" * 32, "nightly", "A" * 32, "a" * 33])
def test_an_unknown_batch_is_404(world: FakeServices, api: Client, batch_id: str) -> None:
    for response in (
        api.get(f"{URL}/{batch_id}", headers=ADMIN),
        api.post(f"{URL}/{batch_id}/retry", headers=ADMIN),
    ):
        assert (response.status_code, response.get_json()["code"]) == (404, "batch_not_found")


def test_nothing_is_retried_where_nothing_failed(world: FakeServices, api: Client) -> None:
    batch_id = start(api).get_json()["batch_id"]
    response = api.post(f"{URL}/{batch_id}/retry", headers=ADMIN)
    assert (response.status_code, response.get_json()["code"]) == (409, "nothing_failed")
    assert len(published(world)) == 1
