"""Attacks from outside: over HTTP, and by messages of the kind that other systems publish."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from werkzeug.test import Client

from tests.builders import KEY, REJECTED, RUNS, TENANT, push, run
from tests.fakes import FakeServices


def _corpus(name: str) -> list[Any]:
    """The cases of a file, each named by its own text."""
    items = yaml.safe_load((Path(__file__).parent / "corpus" / name).read_text(encoding="utf-8"))
    cases = [case for item in items for case in item.get("cases", [item])]
    return [pytest.param(case, id=str(case)[:120].encode("unicode_escape").decode()) for case in cases]


@pytest.mark.parametrize("case", _corpus("requests.yml"))
def test_a_request_that_asks_for_more_than_its_own_is_refused_at_once(
    case: dict[str, Any], world: FakeServices, api: Client
) -> None:
    body = case.get("raw") or json.dumps(case.get("body", {"date": "2025-11-15"}))
    response = api.post(
        f"/api/v1/pipelines/run/{case.get('path', f'{TENANT}/gcp/cost/cost_billing')}",
        data=body.encode(),
        headers={"X-API-Key": KEY},
        content_type="application/json",
    )

    assert response.status_code == case["status"], response.text
    assert "code" not in case or response.get_json()["code"] == case["code"]
    assert world.bus.published == []
    assert world.warehouse.events(RUNS) == []
    assert world.jobs.inserted == []


@pytest.mark.parametrize("size", [64 * 1024 + 1, 10 * 1024 * 1024])
def test_a_body_that_is_too_large_is_refused(world: FakeServices, api: Client, size: int) -> None:
    response = api.post(
        f"/api/v1/pipelines/run/{TENANT}/gcp/cost/cost_billing",
        data=json.dumps({"date": "2025-11-15", "admin_email": "x" * size}),
        headers={"X-API-Key": KEY},
        content_type="application/json",
    )

    assert response.status_code == 413
    assert world.bus.published == []


@pytest.mark.parametrize("change", _corpus("messages.yml"))
def test_a_message_is_checked_as_a_request_is(
    change: dict[str, Any], world: FakeServices, run_pipeline: Client
) -> None:
    message = run(template_name="cost_billing").model_dump(mode="json") | change
    response = run_pipeline.post("/", data=push(json.dumps(message).encode()), content_type="application/json")

    assert response.status_code == 204
    ended = {event["status"] for event in world.warehouse.events(RUNS)} - {"RUNNING"}
    assert ended == {"FAILED"} or world.warehouse.events(REJECTED)
    assert world.jobs.inserted == []
    assert all(
        address.endswith(("acmeinc.example", "convergence.example"))
        for mail in world.mailer.sent
        for address in mail.to
    )
