"""`POST /pipelines/replay`: the operator alone, recorded before anything is done."""

from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from shared.errors import NotConfirmed, RunNotFailed
from shared.recovery.replay import Replay
from shared.wiring import instance
from tests.builders import AUDIT, KEY, run
from tests.edges.conftest import ADMIN_KEY
from tests.fakes import FakeServices

PREVIOUS = "5f0c8a5d9b7e4f1f8d0b6a3c2e1d4f5a"


class FakeReplays:
    """Answers what it was told, and keeps what it was asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[Any] = []
        self.error = error

    def replay(self, asked: Any) -> Replay:
        self.asked.append(asked)
        if self.error:
            raise self.error
        return Replay([run(run_attempt=2, previous_run=PREVIOUS)], None)


def ask(api: Client, body: dict[str, Any], key: dict[str, str] | None = None) -> TestResponse:
    return api.post("/api/v1/pipelines/replay", json=body, headers=key or {"X-Admin-Key": ADMIN_KEY})


def given(error: Exception | None = None) -> FakeReplays:
    made = FakeReplays(error)
    vars(instance())["replays"] = made
    return made


def test_the_answer_names_each_run_and_the_one_that_it_repeats(world: FakeServices, api: Client) -> None:
    given()
    answer = ask(api, {"run": PREVIOUS}).get_json()
    assert (answer["replayed"], answer["runs"][0]["previous_run"]) == (1, PREVIOUS)


def test_who_asked_is_recorded_before_anything_is_done(world: FakeServices, api: Client) -> None:
    made = given()
    world.rows.broken["x_meta_audit"] = NotConfirmed("down")
    assert ask(api, {"batch_id": "b" * 32, "error_code": "query_failed"}).status_code == 503
    assert made.asked == []
    world.rows.broken.clear()
    ask(api, {"batch_id": "b" * 32, "error_code": "query_failed"})
    (row,) = world.warehouse.events(AUDIT)
    assert (row["action"], row["subject"], row["fields"]) == ("runs.replay", "b" * 32, ["batch_id", "error_code"])


def test_a_dry_run_replays_nothing_and_is_no_act(world: FakeServices, api: Client) -> None:
    given()
    answer = ask(api, {"error_code": "query_failed", "dry_run": True}).get_json()
    assert (answer["replayed"], len(answer["runs"])) == (0, 1)
    assert world.warehouse.events(AUDIT) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "give run, batch_id or error_code"),
        ({"run": PREVIOUS, "batch_id": "b" * 32}, "give run alone"),
        ({"run": "x"}, "must match"),
        ({"error_code": "query_failed", "limit": 10_001}, "must be at most 10000"),
        ({"error_code": "query_failed", "limit": "5"}, "must be a whole number"),
        ({"error_code": "query_failed", "since": 5}, "is a day"),
        ({"error": "query_failed"}, "did you mean 'error_code'"),
    ],
)
def test_what_is_wrong_is_said(world: FakeServices, api: Client, body: dict[str, Any], message: str) -> None:
    made = given()
    answer = ask(api, body)
    assert answer.status_code == 400
    assert message in answer.text
    assert made.asked == []


def test_a_tenant_replays_nothing(world: FakeServices, api: Client) -> None:
    made = given()
    assert ask(api, {"run": PREVIOUS}, {"X-API-Key": KEY}).status_code == 401
    assert made.asked == []


def test_a_run_that_has_not_failed_is_409(world: FakeServices, api: Client) -> None:
    given(RunNotFailed("run x is SUCCEEDED"))
    answer = ask(api, {"run": PREVIOUS})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "run_not_failed")
