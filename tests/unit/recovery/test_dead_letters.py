"""What becomes of a run whose message was given up: it goes on, or it is DEAD and its people are told."""

import base64
import json
from typing import Any

import pytest

from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.contracts.messages.push import read_push
from shared.contracts.messages.run_message import MOST_REVIVALS, RunMessage
from shared.contracts.sql import Sql
from shared.contracts.tables import Column
from shared.engines.registry import engine
from shared.errors import AccessDenied, MailRefused, MessageRejected, NotConfirmed, Unavailable
from shared.once import job_id
from shared.ports import QueryJob
from shared.recovery.dead_letters import DeadLetters
from shared.recovery.kept_dead_letters import KeptDeadLetters
from shared.recovery.operator_mail import OperatorMail
from shared.runs.deliver import Delivery
from shared.runs.foreign import ForeignRuns
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog, RunRecord, RunState, StepRecord
from tests.builders import (
    CONTROL,
    DATA,
    DEAD_LETTERS,
    OPERATOR,
    RUN,
    RUNS,
    TENANT,
    mails,
    run,
    services,
    template,
)
from tests.fakes import Answer, FakeMessageBus, FakeServices, FakeTemplates

PUBLISHERS = {"billing": {"tenants": "*", "templates": ["gcp/cost/example"]}}
QUERY = template("""
pipeline_id: "{tenant_id}-example"
steps:
  - step_id: extract
    ps_type: gcp.bigquery_to_bigquery
    source: {query: "SELECT 1 AS one"}
    destination: {dataset_type: silver, table: costs, schema_template: billing_cost}
""")
ONBOARD = run(provider="customer", domain="", template_name="onboarding")
ALARM = mails("first", "second", "alarm; trigger: on_failure", "report; trigger: always")


@pytest.fixture
def world() -> FakeServices:
    made = services(publishers=PUBLISHERS)
    made.bus = FakeMessageBus("pipeline-runs", "pipeline-runs-bulk")
    made.jobs.answer("SELECT 1", Answer())
    return made


def run_log(world: FakeServices) -> RunLog:
    return RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)


def function(world: FakeServices, templates: PipelineTemplate = ALARM) -> DeadLetters:
    """An instance of the function: two of them know nothing of each other."""
    found = FakeTemplates(templates)
    return DeadLetters(
        world,
        run_log=run_log(world),
        templates=found,
        foreign=ForeignRuns(world.settings.publishers, directory=world.directory, templates=found),
        bus=world.bus,
        kept=KeptDeadLetters(world.rows, world.clock, CONTROL),
        operator=OperatorMail(world.jobs, world.mailer, world.clock, OPERATOR),
    )


def letter(
    message: RunMessage | bytes, *, source: str = "pipeline-runs-push", message_id: str = "4712", **others: str
) -> bytes:
    """The body of a push of the dead-letter topic."""
    data = message if isinstance(message, bytes) else message.model_dump_json().encode()
    mark = "CloudPubSubDeadLetterSource"
    return json.dumps(
        {
            "message": {
                "data": base64.b64encode(data).decode(),
                "attributes": {
                    f"{mark}Subscription": source,
                    f"{mark}SubscriptionProject": CONTROL.project,
                    f"{mark}DeliveryCount": "5",
                    f"{mark}TopicPublishTime": "2025-11-20T08:00:00.123+00:00",
                    **others,
                },
                "messageId": message_id,
                "publishTime": "2025-11-20T08:00:09Z",
            },
            "subscription": f"projects/{CONTROL.project}/subscriptions/pipeline-dead-letters-push",
        }
    ).encode()


def settle(world: FakeServices, body: bytes, templates: PipelineTemplate = ALARM) -> None:
    function(world, templates).handle(read_push(body))


def published(world: FakeServices) -> list[tuple[str, RunMessage]]:
    return [(topic, RunMessage.model_validate_json(message.data)) for topic, message in world.bus.published]


def begin(world: FakeServices, message: RunMessage) -> None:
    """A delivery began and was never heard of again."""
    run_log(world).add(message, [RunRecord("RUNNING", "p"), StepRecord("first", "x", "RUNNING")])


def state(world: FakeServices) -> RunState:
    found = run_log(world).read(TENANT, RUN)
    assert found is not None
    return found


def kept(world: FakeServices) -> list[dict[str, Any]]:
    return world.warehouse.events(DEAD_LETTERS)


def deliver(world: FakeServices, message: RunMessage, templates: PipelineTemplate = ALARM, attempt: int = 1) -> None:
    """What run_pipeline does with the message."""
    Delivery(
        world,
        run_log=run_log(world),
        directory=world.directory,
        resolver=Resolver(FakeTemplates(templates), world),
        bus=world.bus,
    ).run(message, delivery_attempt=attempt)


# ── the run goes on ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_a_run_that_has_ended_needs_nothing(world: FakeServices, status: str) -> None:
    run_log(world).add(run(), [RunRecord(status)])
    settle(world, letter(run()))
    assert (published(world), kept(world), world.mailer.sent) == ([], [], [])


@pytest.mark.parametrize("lane", ["interactive", "bulk"])
def test_a_run_that_was_never_begun_is_published_again_in_its_lane(world: FakeServices, lane: str) -> None:
    message = run(lane=lane)
    run_log(world).queued(message, "p")
    settle(world, letter(message, source="pipeline-runs-bulk-push"))
    topic = {"interactive": "pipeline-runs", "bulk": "pipeline-runs-bulk"}[lane]
    assert published(world) == [(topic, run(lane=lane, revived=1))]
    assert (kept(world), world.mailer.sent) == ([], [])


def test_a_run_of_which_nothing_is_known_is_published_again(world: FakeServices) -> None:
    settle(world, letter(run()))
    assert published(world) == [("pipeline-runs", run(revived=1))]


def test_so_often_only(world: FakeServices) -> None:
    settle(world, letter(run(revived=MOST_REVIVALS)))
    assert state(world).status == "DEAD"


def test_a_continuation_that_was_never_begun_is_published_again(world: FakeServices) -> None:
    begin(world, run())
    settle(world, letter(run(continuation=1)))
    assert published(world) == [("pipeline-runs", run(continuation=1, revived=1))]


def start_job(world: FakeServices) -> str:
    started = job_id(TENANT, RUN, "extract", "write")
    world.jobs.answer_all(Answer())
    world.jobs.insert(started, QueryJob(Sql("SELECT 1 AS one", ())))
    return started


def test_a_run_whose_job_is_alive_is_published_again(world: FakeServices) -> None:
    world.jobs.stuck = True
    start_job(world)
    begin(world, run())
    settle(world, letter(run()), QUERY)
    assert published(world) == [("pipeline-runs", run(revived=1))]


def test_a_run_that_was_begun_has_a_second_chance(world: FakeServices) -> None:
    begin(world, run())
    settle(world, letter(run()))
    assert published(world) == [("pipeline-runs", run(revived=1))]
    assert not state(world).ended


def test_a_run_whose_job_is_done_is_dead_all_the_same(world: FakeServices) -> None:
    start_job(world)
    begin(world, run(revived=1))
    settle(world, letter(run(revived=1)), QUERY)
    assert state(world).status == "DEAD"


def test_a_run_whose_jobs_results_are_of_another_account_is_dead_all_the_same(world: FakeServices) -> None:
    start_job(world)
    begin(world, run(revived=1))
    # What BigQuery answers to jobs.getQueryResults where they lie in the hidden dataset of who ran the query.
    world.jobs.fail("get", AccessDenied("User does not have permission to access results of another user's job."))
    settle(world, letter(run(revived=1)), QUERY)
    assert state(world).status == "DEAD"


def test_a_run_whose_template_is_gone_has_no_job_that_could_be_found(world: FakeServices) -> None:
    begin(world, run(template_name="gone", revived=1))
    settle(world, letter(run(template_name="gone", revived=1)))
    assert state(world).status == "DEAD"


# ── the run is dead ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_that_was_begun_and_never_answered_is_dead_and_kept(world: FakeServices) -> None:
    begin(world, run(revived=1))
    settle(world, letter(run(revived=1)))
    facts = state(world).facts
    assert (facts["status"], facts["error_code"], facts["failed_step"]) == ("DEAD", "delivery_exhausted", "first")
    assert published(world) == [("pipeline-runs", run(only="after_failure", revived=1))]
    (row,) = kept(world)
    assert (row["pipeline_logging_id"], row["deliveries"], row["source_subscription"]) == (RUN, 5, "pipeline-runs-push")
    assert RunMessage.model_validate_json(base64.b64decode(row["data"])) == run(revived=1)


def test_what_follows_a_failure_is_run_and_nothing_else(world: FakeServices) -> None:
    begin(world, run(revived=1))
    settle(world, letter(run(revived=1)))
    world.mailer.sent.clear()
    deliver(world, published(world)[0][1])
    assert [mail.subject for mail in world.mailer.sent] == ["alarm", "report"]
    steps = {step.step_id: (step.status, step.error_code) for step in state(world).steps}
    assert state(world).status == "DEAD"
    assert steps["first"] == ("FAILED", "delivery_exhausted")


def test_what_follows_a_failure_is_not_run_twice(world: FakeServices) -> None:
    begin(world, run(revived=1))
    for message_id in ("1", "2"):
        settle(world, letter(run(revived=1), message_id=message_id))
    world.mailer.sent.clear()
    for _, message in published(world):
        deliver(world, message)
        deliver(world, message, attempt=2)
    assert [mail.subject for mail in world.mailer.sent] == ["alarm", "report"]


def test_a_step_that_succeeded_before_is_not_said_to_have_failed(world: FakeServices) -> None:
    begin(world, run(revived=1))
    run_log(world).add(run(revived=1), [StepRecord("first", "x", "SUCCEEDED")])
    settle(world, letter(run(revived=1)))
    deliver(world, published(world)[0][1])
    steps = {step.step_id: step.status for step in state(world).steps}
    assert (steps["first"], steps["second"]) == ("SUCCEEDED", "FAILED")


def test_another_delivery_of_a_dead_run_runs_nothing(world: FakeServices) -> None:
    begin(world, run(revived=1))
    settle(world, letter(run(revived=1)))
    world.mailer.sent.clear()
    deliver(world, run(revived=1), attempt=2)
    assert world.mailer.sent == []


def test_a_dead_run_whose_tenant_is_gone_stays_dead(world: FakeServices) -> None:
    begin(world, run(epoch="former", revived=1))
    settle(world, letter(run(epoch="former", revived=1)))
    deliver(world, published(world)[0][1])
    assert (state(world).status, state(world).facts["error_code"]) == ("DEAD", "delivery_exhausted")


def test_what_follows_a_failure_and_cannot_be_delivered_either_is_kept_and_goes_round_no_more(
    world: FakeServices,
) -> None:
    run_log(world).add(run(revived=1), [RunRecord("DEAD")])
    settle(world, letter(run(only="after_failure", revived=1)))
    assert published(world) == []
    assert (len(kept(world)), len(world.mailer.sent)) == (1, 1)


@pytest.mark.parametrize(("port", "method"), [("rows", "append"), ("bus", "publish"), ("mailer", "send")])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("nth", [1, 2])
def test_wherever_it_is_interrupted_the_redelivered_letter_completes_it(
    world: FakeServices, port: str, method: str, after: bool, nth: int
) -> None:
    begin(world, run(revived=1))
    error = NotConfirmed("?") if port == "bus" else Unavailable("?")
    getattr(world, port).fail(method, error, after=after, times=nth)
    for _ in range(nth):
        with pytest.raises((Unavailable, NotConfirmed)):
            settle(world, letter(run(revived=1)))
    settle(world, letter(run(revived=1)))
    assert state(world).status == "DEAD"
    assert published(world)[-1] == ("pipeline-runs", run(only="after_failure", revived=1))
    assert len(kept(world)) == 1
    assert [mail.to for mail in world.mailer.sent][-1] == (OPERATOR,)
    assert len(world.mailer.sent) == 1 or after


# ── the operator is told ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_mail_says_which_run_and_what_to_do(world: FakeServices) -> None:
    begin(world, run(revived=1))
    settle(world, letter(run(revived=1)))
    (mail,) = world.mailer.sent
    assert mail.to == (OPERATOR,)
    assert f"convergence replay --run {RUN}" in mail.text
    assert TENANT in mail.text


def test_a_batch_of_dead_runs_is_one_mail_whoever_notices(world: FakeServices) -> None:
    first, other = function(world), function(world)
    for number in range(10):
        message = run(batch_id="b" * 32, pipeline_logging_id=f"{number:032x}", revived=MOST_REVIVALS)
        (first if number % 2 else other).handle(read_push(letter(message, message_id=str(number))))
    assert len(kept(world)) == 10
    (mail,) = world.mailer.sent
    assert f"replay --batch {'b' * 32}" in mail.text


def test_single_runs_are_one_mail_an_hour(world: FakeServices) -> None:
    for number in range(10):
        message = run(pipeline_logging_id=f"{number:032x}", revived=MOST_REVIVALS)
        settle(world, letter(message, message_id=str(number)))
    assert len(world.mailer.sent) == 1


def test_an_operator_whose_address_is_refused_stops_nothing(world: FakeServices) -> None:
    world.mailer.fail("send", MailRefused("no such address"))
    settle(world, letter(run(revived=MOST_REVIVALS)))
    assert len(kept(world)) == 1


# ── what is no run ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (b"not json", "pipeline-runs-push"),
        (b'{"schedule": "nightly"}', "pipeline-batches-push"),
        (run(revived=1).model_dump_json().encode(), "pipeline-batches-push"),
        (run(revived=1).model_dump_json().encode(), "pipeline-from-billing-push"),
        (run(revived=1).model_dump_json().encode(), "pipeline-from-strangers-push"),
        (ONBOARD.model_dump_json().encode(), "pipeline-runs-push"),
    ],
    ids=["no json", "a batch", "a run by the batches", "a run by a publisher", "no publisher", "an onboarding"],
)  # fmt: skip
def test_what_is_no_run_is_kept_and_told_and_never_published(world: FakeServices, data: bytes, source: str) -> None:
    settle(world, letter(data, source=source))
    (row,) = kept(world)
    assert (row["error_code"], base64.b64decode(row["data"])) == ("message_rejected", data)
    assert (published(world), len(world.mailer.sent)) == ([], 1)
    assert world.warehouse.events(RUNS) == []


def test_what_pubsub_did_not_put_there_is_refused(world: FakeServices) -> None:
    with pytest.raises(MessageRejected, match="not the attributes"):
        settle(world, letter(run(), CloudPubSubDeadLetterSourceDeliveryCount="many"))
    with pytest.raises(MessageRejected, match="project 'elsewhere'"):
        settle(world, letter(run(), CloudPubSubDeadLetterSourceSubscriptionProject="elsewhere"))
    assert (kept(world), published(world)) == ([], [])


def test_a_publishers_message_is_the_run_that_it_was_when_it_was_pushed(world: FakeServices) -> None:
    data = json.dumps(
        {"tenant_id": TENANT, "provider": "gcp", "domain": "cost", "template_name": "example", "date": "2025-11-15"}
    ).encode()
    settle(world, letter(data, source="pipeline-from-billing-push", mine="yes"))
    ((topic, revived),) = published(world)
    body = json.loads(letter(data))
    body["message"] |= {"attributes": {"mine": "yes"}, "messageId": "1", "publishTime": "2025-11-20T08:00:00.123Z"}
    push = read_push(json.dumps(body).encode())
    assert push.message.publish_time
    foreign = ForeignRuns(world.settings.publishers, directory=world.directory, templates=FakeTemplates(ALARM))
    assert revived == foreign.run_of("billing", push, push.message.publish_time).model_copy(update={"revived": 1})
    assert topic == "pipeline-runs"


def test_the_jobs_that_an_engine_starts_are_those_that_are_looked_for(world: FakeServices) -> None:
    with_probe = template(
        'pipeline_id: "x"\nsteps:\n  - step_id: extract\n    ps_type: gcp.bigquery_to_bigquery\n    on_empty: keep\n'
        '    source: {query: "SELECT 1 AS one"}\n    destination: {dataset_type: silver, table: t, write: append}\n'
    )
    column = Column.model_validate({"name": "one", "type": "INT64"})
    world.jobs.answer_all(Answer(rows=[{"one": 1}], columns=(column,)))
    deliver(world, run(), with_probe)
    operations = {name.split("-")[-2] for name, _ in world.jobs.inserted if "-extract-" in name}
    assert operations == set(engine("gcp.bigquery_to_bigquery").job_operations)
