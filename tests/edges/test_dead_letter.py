"""The function `dead_letter`, as functions-framework serves it: 204 acknowledges."""

import json

import pytest
from werkzeug.test import Client

from shared.errors import Unavailable
from shared.runs.run_log import RunLog, RunRecord
from tests.builders import CONTROL, DATA, DEAD_LETTERS, REJECTED, push, run
from tests.edges.conftest import client
from tests.fakes import Answer, FakeServices

COST = run(template_name="cost_billing", date=None)
ATTRIBUTES = {
    "CloudPubSubDeadLetterSourceSubscription": "pipeline-runs-push",
    "CloudPubSubDeadLetterSourceSubscriptionProject": CONTROL.project,
    "CloudPubSubDeadLetterSourceDeliveryCount": "5",
    "CloudPubSubDeadLetterSourceTopicPublishTime": "2025-11-20T08:00:00.123+00:00",
}


@pytest.fixture(scope="module")
def dead_letter() -> Client:
    return client("dead_letter")


def handle(dead_letter: Client, subscription: str = "pipeline-dead-letters-push") -> tuple[int, str]:
    body = json.loads(push(COST, attempt=None, subscription=subscription))
    body["message"]["attributes"] = ATTRIBUTES
    response = dead_letter.post("/", data=json.dumps(body), content_type="application/json")
    return response.status_code, response.text


def test_a_run_that_was_never_begun_goes_on(world: FakeServices, dead_letter: Client) -> None:
    assert handle(dead_letter) == (204, "")
    ((topic, message),) = world.bus.published
    assert (topic, json.loads(message.data)["revived"]) == ("pipeline-runs", 1)


def test_a_run_that_is_dead_is_kept(world: FakeServices, dead_letter: Client) -> None:
    log = RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)
    log.add(COST, [RunRecord("DEAD")])
    world.jobs.answer("SELECT 1", Answer())
    assert handle(dead_letter) == (204, "")
    assert len(world.warehouse.events(DEAD_LETTERS)) == 1
    assert len(world.mailer.sent) == 1


def test_what_may_pass_asks_for_a_redelivery(world: FakeServices, dead_letter: Client) -> None:
    world.jobs.fail("select", Unavailable("down"))
    assert handle(dead_letter) == (503, "service_unavailable")


def test_another_subscription_has_no_authority_here(world: FakeServices, dead_letter: Client) -> None:
    assert handle(dead_letter, "pipeline-runs-push") == (204, "")
    assert len(world.warehouse.events(REJECTED)) == 1
    assert world.bus.published == []


def test_a_run_message_on_a_publishers_subscription_is_refused(world: FakeServices, run_pipeline: Client) -> None:
    response = run_pipeline.post("/", data=push(COST, subscription="pipeline-from-example-push"))
    assert response.status_code == 204
    assert len(world.warehouse.events(REJECTED)) == 1
