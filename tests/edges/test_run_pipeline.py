"""What the push subscription hears: 204 acknowledges, anything else asks for a redelivery."""

import pytest
from werkzeug.test import Client

from shared import wiring
from shared.contracts.tables import DatasetRef
from shared.errors import Unavailable
from tests.builders import DATA, REJECTED, RUNS, TENANT, push, run
from tests.fakes import Answer, FakeServices

COST = run(template_name="cost_billing")


def handle(run_pipeline: Client, body: bytes) -> tuple[int, str]:
    response = run_pipeline.post("/", data=body, content_type="application/json")
    return response.status_code, response.text


def statuses(world: FakeServices) -> set[str]:
    return {event["status"] for event in world.warehouse.events(RUNS) if event["step_id"] is None}


def test_a_run_that_failed_for_good_is_acknowledged_and_its_people_told(
    world: FakeServices, run_pipeline: Client
) -> None:
    foreign = DatasetRef(DATA, f"{TENANT}_gcp_silver_cost")
    world.warehouse.put(foreign, {})  # without the tenant's label
    world.jobs.answer_all(Answer())
    assert handle(run_pipeline, push(COST)) == (204, "")
    assert statuses(world) == {"RUNNING", "FAILED"}
    (mail,) = world.mailer.sent
    assert "not_ours" in mail.text


def test_a_run_that_succeeded_is_acknowledged_and_nobody_is_told(world: FakeServices, run_pipeline: Client) -> None:
    world.jobs.answer_all(Answer())
    assert handle(run_pipeline, push(COST)) == (204, "")
    assert (statuses(world), world.mailer.sent) == ({"RUNNING", "SUCCEEDED"}, [])


def test_a_message_that_is_none_is_acknowledged(world: FakeServices, run_pipeline: Client) -> None:
    assert handle(run_pipeline, b"not json") == (204, "")
    assert len(world.warehouse.events(REJECTED)) == 1


def test_an_error_that_may_pass_asks_for_a_redelivery(world: FakeServices, run_pipeline: Client) -> None:
    world.rows.fail("stored", Unavailable("down"))
    assert handle(run_pipeline, push(COST)) == (503, "service_unavailable")


def test_a_bug_asks_for_a_redelivery_and_tells_nothing(
    world: FakeServices, run_pipeline: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    world.rows.fail("stored", KeyError("s3cr3t"))
    assert handle(run_pipeline, push(COST)) == (500, "internal_error")
    assert "s3cr3t" not in capsys.readouterr().err


def test_a_function_that_is_not_set_up_says_so_in_its_log(
    run_pipeline: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GCP_PROJECT_ID", raising=False)
    wiring.serve_with(None)
    assert handle(run_pipeline, push(COST)) == (500, "settings_invalid")
    assert "GCP_PROJECT_ID" in capsys.readouterr().err


def test_a_template_that_is_gone_is_acknowledged(world: FakeServices, run_pipeline: Client) -> None:
    assert handle(run_pipeline, push(run(template_name="gone"))) == (204, "")
    assert statuses(world) == {"FAILED"}


def test_the_message_is_in_no_log(
    world: FakeServices, run_pipeline: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    handle(run_pipeline, push(run(template_name="gone", trigger_by="s3cr3t")))
    assert "s3cr3t" not in capsys.readouterr().err
