"""What the operator sees of a batch, and what an API that does not answer costs: patience, not the batch."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from cli.api import Api, connect
from cli.batch_watch import Rate, all_succeeded, line, report, watch
from shared.errors import RequestInvalid, SettingsInvalid, Unavailable

BATCH_ID = "b" * 32
COUNTS = dict.fromkeys(("published", "queued", "running", "succeeded", "failed", "dead", "missing"), 0)


def batch(status: str = "RUNNING", expected: int | None = 10, **counts: Any) -> dict[str, Any]:
    return {"batch_id": BATCH_ID, "status": status, "expected": expected, "failures": [], **COUNTS, **counts}


def api_of(*answers: httpx.Response, patience_s: float = 0.0) -> Api:
    """An API that answers so, one after the other."""
    left: Iterator[httpx.Response] = iter(answers)
    transport = httpx.MockTransport(lambda _: next(left))
    return Api(httpx.Client(base_url="http://api.example", transport=transport), patience_s=patience_s)


def shown(say: Callable[[Console], Any]) -> str:
    text = StringIO()
    say(Console(file=text, soft_wrap=True, highlight=False, markup=False))
    return text.getvalue()


def test_a_batch_is_watched_until_it_has_ended() -> None:
    going = [batch("QUEUED", None), batch(published=10, running=10), batch("ENDED", published=10, succeeded=10)]
    api = api_of(*(httpx.Response(200, json=one) for one in going))
    pauses: list[float] = []
    text = shown(lambda console: watch(api, BATCH_ID, console, sleep=pauses.append))
    assert len(pauses) == 2
    assert text.startswith("QUEUED: 0 of ? published, 0 queued, 0 running, 0 succeeded\n")


def test_in_a_terminal_there_is_a_bar() -> None:
    going = [batch(published=10, running=10, succeeded=3), batch("ENDED", published=10, succeeded=10)]
    text = StringIO()
    console = Console(file=text, force_terminal=True, width=120)
    watch(api_of(*(httpx.Response(200, json=one) for one in going)), BATCH_ID, console, sleep=lambda _: None)
    assert "10/10" in text.getvalue()
    assert "10 succeeded" in text.getvalue()


def test_the_report_names_what_failed_and_the_command_that_runs_it_again() -> None:
    many = [f"tenant{number:02d}_0000" for number in range(12)]
    failures = [{"error_code": "query_failed", "runs": 12, "tenants": many}]
    text = shown(lambda console: report(batch("ENDED", 20, succeeded=8, failed=12, failures=failures), console))
    assert f"  query_failed: 12 runs: {', '.join(many[:10])} …\n" in text
    assert f"convergence batch --retry {BATCH_ID}" in text


@pytest.mark.parametrize(("status", "said"), [("PUBLISHING", False), ("ENDED", True)])
def test_a_run_is_missing_only_once_the_batch_has_ended(status: str, said: bool) -> None:
    assert ("missing" in line(batch(status, 10, missing=10), 0.0)) is said


def test_a_batch_of_nobody_has_not_succeeded() -> None:
    nobody = batch("ENDED", 0)
    assert not all_succeeded(nobody)
    assert "Nothing ran" in shown(lambda console: report(nobody, console))


@pytest.mark.parametrize(
    ("counts", "well"),
    [({"succeeded": 10}, True), ({"succeeded": 9, "failed": 1}, False), ({"succeeded": 9, "missing": 1}, False)],
)
def test_only_where_every_run_succeeded_all_is_well(counts: dict[str, int], well: bool) -> None:
    assert all_succeeded(batch("ENDED", 10, **counts)) is well


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    rate = Rate()
    assert [rate.add(at_s, ended) for at_s, ended in ((0, 0), (10, 10), (20, 20), (50, 320), (60, 420))] == [
        0.0, 1.0, 1.0, 10.0, 10.0,
    ]  # fmt: skip


def test_what_may_pass_is_asked_again_for_as_long_as_there_is_patience() -> None:
    busy = httpx.Response(503, headers={"Retry-After": "0"})
    assert api_of(busy, busy, httpx.Response(200, json={"a": 1}), patience_s=60).get("/x") == {"a": 1}
    with pytest.raises(Unavailable, match="answers 503"):
        api_of(httpx.Response(503, headers={"Retry-After": "5"})).get("/x")


def test_a_refusal_is_the_problem_documents() -> None:
    problem = {
        "code": "request_invalid",
        "detail": "body.date: no",
        "errors": [{"where": "body.date", "code": "value_error", "message": "no"}],
    }
    with pytest.raises(RequestInvalid, match=r"request_invalid: body\.date: no") as caught:
        api_of(httpx.Response(400, json=problem)).post("/x", {})
    assert [fault.where for fault in caught.value.faults] == ["body.date"]
    with pytest.raises(RequestInvalid, match="is it our API"):
        api_of(httpx.Response(404, text="<html>")).get("/x")


def test_the_environment_goes_before_the_stack_and_needs_its_own_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stack = tmp_path / "ready.json"
    stack.write_text(json.dumps({"api": "http://127.0.0.1:1", "admin_key": "of-the-stack"}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("API_URL", raising=False)
    with pytest.raises(SettingsInvalid, match="make up"):
        connect(None)
    assert connect(stack)._client.headers["X-Admin-Key"] == "of-the-stack"
    monkeypatch.setenv("API_URL", "https://api.example")
    monkeypatch.delenv("ADMIN_KEY", raising=False)
    with pytest.raises(SettingsInvalid, match="ADMIN_KEY is not set"):
        connect(None)
    monkeypatch.setenv("ADMIN_KEY", "of-the-environment")
    assert connect(None)._client.headers["X-Admin-Key"] == "of-the-environment"
    stack.write_text("{}")
    with pytest.raises(SettingsInvalid, match="no ready file"):
        connect(stack)
