"""What a push leads to: a run, a record of why not, or a redelivery; never anything twice."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.template_address import ONBOARDING
from shared.errors import NotConfirmed, Unavailable
from shared.runs.deliver import Delivery
from shared.runs.receive import Receiver, RejectedMessages
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog, RunRecord, RunState
from shared.tenants.directory import Directory
from tests.builders import (
    CONTROL,
    DATA,
    OTHER,
    REJECTED,
    RUN,
    RUNS,
    TENANT,
    mails,
    push,
    put_record,
    run,
    schema,
    services,
    template,
    tenant,
)
from tests.fakes import START, Answer, FakeServices, FakeTemplates

DOWN = Unavailable("down")
QUERY = """
pipeline_id: "{tenant_id}-example"
steps:
  - step_id: extract
    ps_type: gcp.bigquery_to_bigquery
    source: {query: "SELECT 1 AS one"}
    destination: {dataset_type: silver, table: costs, schema_template: billing_cost}
  - {step_id: say, ps_type: shared.email_notification, to_emails: [ops@convergence.example], subject: said, message: m}
"""


@pytest.fixture
def world() -> FakeServices:
    return services()


def run_log(world: FakeServices) -> RunLog:
    return RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)


class Pushes:
    """What the function does with the body of a push."""

    def __init__(self, handler: Delivery, rejected: RejectedMessages) -> None:
        name = f"projects/{CONTROL.project}/subscriptions/pipeline-runs-push"
        self.handle = Receiver({name: handler.handle}, rejected).receive


def delivery(world: FakeServices, *templates: PipelineTemplate) -> Pushes:
    handler = Delivery(
        world,
        run_log=run_log(world),
        directory=Directory(world.rows, world.clock, data_project=DATA, schema=schema("x_meta_tenant")),
        resolver=Resolver(FakeTemplates(*(templates or (mails("first", "second"),))), world),
        bus=world.bus,
    )
    return Pushes(handler, RejectedMessages(world.rows, world.clock, CONTROL))


def state(world: FakeServices) -> RunState:
    found = run_log(world).read(TENANT, RUN)
    assert found is not None
    return found


def ran(world: FakeServices) -> list[str]:
    return [mail.subject for mail in world.mailer.sent]


def state_calls(world: FakeServices) -> int:
    """How often events were read."""
    return world.jobs.calls.count("select")


def rejected(world: FakeServices) -> list[dict[str, Any]]:
    return world.warehouse.events(REJECTED)


# ── once ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_push_runs_the_pipeline(world: FakeServices) -> None:
    delivery(world).handle(push(run()))
    assert (ran(world), state(world).status) == (["first", "second"], "SUCCEEDED")


def test_a_message_cannot_run_a_template_that_is_not_enabled_for_the_tenant(world: FakeServices) -> None:
    put_record(world.warehouse, tenant(enabled_templates=("gcp/cost/other",)))
    delivery(world).handle(push(run()))
    found = state(world)
    assert (ran(world), found.status, found.facts["error_code"]) == ([], "FAILED", "template_not_found")


@pytest.mark.parametrize("ahead", [timedelta(minutes=11), datetime.max.replace(tzinfo=UTC) - START])
def test_a_message_from_the_future_is_refused_for_its_deadline_would_be_as_far_off(
    world: FakeServices, ahead: timedelta
) -> None:
    delivery(world).handle(push(run(accepted_at=START + ahead)))
    assert (ran(world), [row["error_code"] for row in rejected(world)]) == ([], ["message_rejected"])


def test_a_redelivered_message_runs_nothing_twice(world: FakeServices) -> None:
    handler = delivery(world)
    handler.handle(push(run()))
    handler.handle(push(run(), attempt=2))
    assert ran(world) == ["first", "second"]


def test_a_step_recorded_as_succeeded_is_not_run_again(world: FakeServices) -> None:
    world.mailer.broken["second"] = DOWN
    handler = delivery(world)
    with pytest.raises(Unavailable):
        handler.handle(push(run()))
    world.mailer.broken.clear()
    handler.handle(push(run(), attempt=2))
    assert (ran(world), state(world).status) == (["first", "second"], "SUCCEEDED")


def test_a_double_that_says_it_is_the_first_delivery_sends_no_second_mail(world: FakeServices) -> None:
    world.jobs.answer_all(Answer())
    handler = delivery(world, template(QUERY))
    handler.handle(push(run()))
    handler.handle(push(run()))
    assert (ran(world), len(world.jobs.inserted), state(world).status) == (["said"], 1, "SUCCEEDED")


@pytest.mark.parametrize("steps", [QUERY, QUERY.partition("  - {step_id: say")[0]], ids=["mail", "query alone"])
def test_a_double_of_a_run_that_has_ended_says_that_it_runs_and_no_second_end(world: FakeServices, steps: str) -> None:
    world.jobs.answer_all(Answer())
    handler = delivery(world, template(steps))
    handler.handle(push(run()))
    appended = world.rows.calls.count("append")
    handler.handle(push(run()))
    # That it runs, and that the copy may lack: whoever ended it may have been killed right then.
    assert (world.rows.calls.count("append"), state(world).status) == (appended + 2, "SUCCEEDED")


def test_a_run_that_failed_is_not_run_again(world: FakeServices) -> None:
    run_log(world).add(run(), [RunRecord("FAILED")])
    delivery(world).handle(push(run(), attempt=2))
    assert ran(world) == []


def test_the_first_delivery_reads_no_events_where_nothing_but_queries_runs(world: FakeServices) -> None:
    world.jobs.answer_all(Answer())
    delivery(world, template(QUERY.partition("  - {step_id: say")[0])).handle(push(run()))
    assert state_calls(world) == 0


def test_a_delivery_with_mails_reads_its_events_once_and_asks_before_each_mail_how_many_there_were(
    world: FakeServices,
) -> None:
    delivery(world).handle(push(run()))
    assert (ran(world), state_calls(world)) == (["first", "second"], 1 + 2)
    delivery(world).handle(push(run()))
    assert (ran(world), state_calls(world)) == (["first", "second"], 1 + 2 + 1)


def test_another_request_with_the_same_idempotency_key_does_not_run_and_is_recorded(world: FakeServices) -> None:
    first, other = run(asked_before=True, trigger_by="one"), run(asked_before=True, trigger_by="two")
    run_log(world).queued(first, "p")
    delivery(world).handle(push(other))
    delivery(world).handle(push(first))
    assert ran(world) == ["first", "second"]
    assert [row["error_code"] for row in rejected(world)] == ["idempotency_mismatch"]


def test_what_is_recorded_is_the_template_that_ran(world: FakeServices) -> None:
    delivery(world).handle(push(run(template_version="0" * 16)))
    assert state(world).facts["template_version"] == mails("first", "second").version


def test_a_message_that_may_have_been_published_before_reads_them_even_then(world: FakeServices) -> None:
    run_log(world).add(run(), [RunRecord("SUCCEEDED")])
    delivery(world).handle(push(run(asked_before=True)))
    assert ran(world) == []


def test_a_job_is_found_again_by_a_redelivery_and_not_run_twice(world: FakeServices) -> None:
    world.jobs.answer("SELECT 1 AS one", Answer(rows=[]))
    world.jobs.fail("insert", DOWN, after=True)
    handler = delivery(world, template(QUERY))
    with pytest.raises(Unavailable):
        handler.handle(push(run()))
    handler.handle(push(run(), attempt=2))
    assert (len(world.jobs.inserted), ran(world), state(world).status) == (1, ["said"], "SUCCEEDED")


def test_a_double_with_no_delivery_attempt_doubles_nothing_in_tables(world: FakeServices) -> None:
    world.jobs.answer("SELECT 1 AS one", Answer(rows=[]))
    handler = delivery(world, template(QUERY))
    handler.handle(push(run(), attempt=None))
    handler.handle(push(run(), attempt=None))
    assert len(world.jobs.inserted) == 1
    assert state(world).status == "SUCCEEDED"


# ── deliveries run out ──────────────────────────────────────────────────────────────────────────────────────────────


def test_before_the_last_delivery_a_transient_error_asks_for_another(world: FakeServices) -> None:
    world.mailer.broken["first"] = DOWN
    with pytest.raises(Unavailable):
        delivery(world).handle(push(run(), attempt=4))
    assert not state(world).ended


def test_the_last_delivery_ends_the_run_with_its_on_failure_steps(world: FakeServices) -> None:
    world.mailer.broken["first"] = DOWN
    delivery(world, mails("first", "alarm; trigger: on_failure")).handle(push(run(), attempt=5))
    assert (ran(world), state(world).facts["error_code"]) == (["alarm"], "retries_exhausted")


def test_the_number_of_the_delivery_is_recorded(world: FakeServices) -> None:
    delivery(world).handle(push(run(), attempt=3))
    assert state(world).facts["deliveries"] == 3


# ── tenants ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_suspended_tenants_run_fails_and_is_acknowledged(world: FakeServices) -> None:
    put_record(world.warehouse, tenant(status="suspended"))
    delivery(world).handle(push(run()))
    assert (ran(world), state(world).facts["error_code"]) == ([], "tenant_suspended")


def test_an_unknown_tenants_run_fails_and_is_acknowledged(world: FakeServices) -> None:
    delivery(world).handle(push(run(tenant_id=OTHER)))
    (event,) = world.warehouse.events(RUNS)
    assert (event["tenant_id"], event["status"], event["error_code"]) == (OTHER, "FAILED", "tenant_unknown")


def test_a_run_of_the_tenants_former_life_is_not_run(world: FakeServices) -> None:
    put_record(world.warehouse, tenant(epoch="epoch-2"))
    delivery(world).handle(push(run()))
    assert (ran(world), state(world).facts["error_code"]) == ([], "tenant_unknown")


def test_a_run_of_a_tenant_onboarded_a_moment_ago_runs_though_the_old_one_is_remembered(world: FakeServices) -> None:
    handler = delivery(world)
    handler.handle(push(run(pipeline_logging_id="a" * 32)))
    put_record(world.warehouse, tenant(epoch="epoch-2"))
    handler.handle(push(run(epoch="epoch-2")))
    assert state(world).status == "SUCCEEDED"


# ── templates ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_template_that_is_gone_fails_the_run(world: FakeServices) -> None:
    delivery(world).handle(push(run(template_name="exampel")))
    assert state(world).facts["error_code"] == "template_not_found"
    assert "did you mean" in state(world).facts["error_message"]


def test_a_template_that_cannot_be_resolved_runs_none_of_its_steps(world: FakeServices) -> None:
    delivery(world, mails("first", 'second; message: "{no_such}"')).handle(push(run()))
    assert (ran(world), state(world).facts["error_code"]) == ([], "template_invalid")


# ── messages that are none ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"message": {}}',
        b'{"message": {"data": "***"}, "subscription": "projects/p/subscriptions/pipeline-runs-push"}',
        '{"message": {"data": "é"}, "subscription": "projects/p/subscriptions/pipeline-runs-push"}'.encode(),
        b'{"message": {"publishTime": "yesterday"}, "subscription": "projects/p/subscriptions/pipeline-runs-push"}',
        push(b"not json"),
        push(b"{}"),
        push(b'{"pipeline_logging_id": "\\ud800"}'),
        push(json.dumps({**json.loads(run().model_dump_json()), "surprise": 1}).encode()),
    ],
    ids=[
        "nothing", "no json", "no object", "no data", "no base64", "not even ascii", "a time that is none",
        "data no json", "data no run", "no unicode", "unknown field",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_recorded_and_acknowledged(world: FakeServices, body: bytes) -> None:
    delivery(world).handle(body)
    assert [row["error_code"] for row in rejected(world)] == ["message_rejected"]
    assert world.warehouse.events(RUNS) == []


def test_what_is_recorded_says_where_it_came_from_and_keeps_it(world: FakeServices) -> None:
    delivery(world).handle(push(b"{}"))
    (row,) = rejected(world)
    assert (row["message_id"], row["data"]) == ("4711", "e30=")
    assert row["subscription"].endswith("/pipeline-runs-push")
    assert row["publish_time"].isoformat() == "2025-11-20T08:00:00.123000+00:00"
    assert "message.tenant_id: is required" in row["error_message"]


def test_the_same_rejected_message_is_recorded_once(world: FakeServices) -> None:
    handler = delivery(world)
    for _ in range(2):
        handler.handle(b"not json")
        handler.handle(push(b"{}"))
    assert len(rejected(world)) == 2


def test_a_rejected_message_that_cannot_be_recorded_is_redelivered(world: FakeServices) -> None:
    world.rows.fail("append", DOWN)
    with pytest.raises(Unavailable):
        delivery(world).handle(b"not json")


@pytest.mark.parametrize("subscription", ["pipeline-runs-bulk-push", "", "pipeline-runs-push/x"])
def test_another_subscription_has_no_authority_here(world: FakeServices, subscription: str) -> None:
    delivery(world).handle(push(run(), subscription=subscription))
    assert (ran(world), len(rejected(world))) == ([], 1)


def test_a_message_can_never_run_an_onboarding(world: FakeServices) -> None:
    onboarding = replace(mails("first"), address=ONBOARDING)
    message = run(provider="customer", domain="", template_name="onboarding")
    delivery(world, onboarding).handle(push(message))
    assert (ran(world), len(rejected(world))) == ([], 1)


@pytest.mark.parametrize("name", ["../../secrets", "Example", "", "a" * 100])
def test_a_template_name_that_can_be_none_is_rejected_not_redelivered(world: FakeServices, name: str) -> None:
    message = {**json.loads(run().model_dump_json()), "template_name": name}
    delivery(world).handle(push(json.dumps(message).encode()))
    assert (ran(world), len(rejected(world))) == ([], 1)


# ── jobs that outlast a push ────────────────────────────────────────────────────────────────────────────────────────


def continued(world: FakeServices) -> RunMessage:
    """The message with which the run goes on."""
    topic, message = world.bus.published[-1]
    assert topic == "pipeline-runs"
    return RunMessage.model_validate_json(message.data)


def test_a_run_that_has_to_wait_goes_on_in_a_message_of_its_own(world: FakeServices) -> None:
    world.jobs.answer_all(Answer())
    world.jobs.stuck = True
    delivery(world, template(QUERY)).handle(push(run()))
    assert continued(world) == run(continuation=1, template_version=continued(world).template_version)
    assert (state(world).ended, len(world.jobs.inserted)) == (False, 1)


def test_the_message_after_finds_the_job_and_ends_the_run_once(world: FakeServices) -> None:
    world.jobs.answer_all(Answer())
    world.jobs.stuck = True
    delivery(world, template(QUERY)).handle(push(run()))
    delivery(world, template(QUERY)).handle(push(continued(world)))
    assert continued(world).continuation == 2
    world.jobs.stuck = False
    delivery(world, template(QUERY)).handle(push(continued(world)))
    assert (state(world).status, len(world.jobs.inserted), len(world.bus.published)) == ("SUCCEEDED", 1, 2)


def test_waiting_uses_up_no_delivery(world: FakeServices) -> None:
    world.jobs.answer_all(Answer())
    world.jobs.stuck = True
    delivery(world, template(QUERY)).handle(push(run(), attempt=5))
    assert continued(world).continuation == 1
    assert not state(world).ended


def test_a_continuation_that_is_not_confirmed_asks_for_a_redelivery(world: FakeServices) -> None:
    world.jobs.answer_all(Answer())
    world.jobs.stuck = True
    world.bus.fail("publish", NotConfirmed("Pub/Sub is down"))
    with pytest.raises(NotConfirmed):
        delivery(world, template(QUERY)).handle(push(run()))


def test_the_chain_ends_at_the_runs_deadline(world: FakeServices) -> None:
    world.jobs.answer_all(Answer())
    world.jobs.stuck = True
    delivery(world, template(QUERY)).handle(push(run()))
    world.clock.advance(6 * 3_600)
    delivery(world, template(QUERY)).handle(push(continued(world)))
    assert (state(world).status, state(world).facts["error_code"]) == ("FAILED", "run_deadline_exceeded")
    assert len(world.bus.published) == 1
