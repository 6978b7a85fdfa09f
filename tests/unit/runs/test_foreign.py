"""Runs that other systems ask for: who may ask is the subscription's to say, and a message is one run."""

import base64
import json
from typing import Any

import pytest

from shared.contracts.messages.publishers import Publisher
from shared.contracts.messages.push import read_push
from shared.contracts.messages.run_message import RunMessage
from shared.errors import Unavailable
from shared.runs.deliver import Delivery
from shared.runs.foreign import ForeignDelivery, ForeignRuns
from shared.runs.receive import Receiver, RejectedMessages
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog
from tests.builders import CONTROL, DATA, OTHER, REJECTED, RUNS, TENANT, mails, put_record, services, tenant
from tests.fakes import FakeServices, FakeTemplates

SUBSCRIPTION = f"projects/{CONTROL.project}/subscriptions/pipeline-from-billing-push"
PUBLISHERS = {
    "billing": Publisher(tenants=(TENANT,), templates=("gcp/cost/example", "gcp/cost/gone")),
    "anyone": Publisher(tenants="*", templates=("gcp/cost/example",)),
}
WISH = {"tenant_id": TENANT, "provider": "gcp", "domain": "cost", "template_name": "example", "date": "2025-11-15"}
TEMPLATE = mails('first; message: "{date} {run_date} {trigger_by}"')


@pytest.fixture
def world() -> FakeServices:
    made = services()
    made.clock.advance(-8 * 3_600)  # midnight: the message was published a moment ago, on the day before
    return made


def push(wish: dict[str, Any] | bytes, **others: Any) -> bytes:
    """The body of a push of the publisher's subscription."""
    data = wish if isinstance(wish, bytes) else json.dumps(wish).encode()
    message = {
        "data": base64.b64encode(data).decode(),
        "messageId": "4711",
        "publishTime": "2025-11-19T23:59:59.999Z",
        **others.pop("message", {}),
    }
    return json.dumps({"message": message, "subscription": SUBSCRIPTION, **others}).encode()


class Function:
    """What run_pipeline does with pushes of the publisher's subscription."""

    def __init__(self, world: FakeServices) -> None:
        log = RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)
        templates = FakeTemplates(TEMPLATE)
        delivery = Delivery(
            world,
            run_log=log,
            directory=world.directory,
            resolver=Resolver(templates, world),
            bus=world.bus,
        )
        runs = ForeignRuns(PUBLISHERS, directory=world.directory, templates=templates)
        foreign = ForeignDelivery(runs, delivery=delivery, run_log=log)
        rejected = RejectedMessages(world.rows, world.clock, CONTROL)
        self.receive = Receiver({SUBSCRIPTION: lambda push: foreign.handle("billing", push)}, rejected).receive


def runs(world: FakeServices) -> dict[str, set[str]]:
    """The statuses of each run."""
    found: dict[str, set[str]] = {}
    for event in world.warehouse.events(RUNS):
        if event["step_id"] is None:
            found.setdefault(event["pipeline_logging_id"], set()).add(event["status"])
    return found


def refused(world: FakeServices) -> list[tuple[str, str]]:
    return [(row["error_code"], row["error_message"]) for row in world.warehouse.events(REJECTED)]


def test_a_message_becomes_a_run_of_the_day_on_which_it_was_published(world: FakeServices) -> None:
    Function(world).receive(push(WISH))
    (mail,) = world.mailer.sent
    assert mail.text == "2025-11-15 2025-11-19 billing"
    assert list(runs(world).values()) == [{"RUNNING", "SUCCEEDED"}]


def test_a_redelivery_is_the_same_run(world: FakeServices) -> None:
    function = Function(world)
    function.receive(push(WISH, deliveryAttempt=1))
    function.receive(push(WISH, deliveryAttempt=2))
    assert (len(runs(world)), len(world.mailer.sent)) == (1, 1)


def test_messages_that_differ_in_time_data_or_attributes_are_runs_of_their_own(world: FakeServices) -> None:
    function = Function(world)
    function.receive(push(WISH))
    function.receive(push(WISH, message={"publishTime": "2025-11-19T23:59:59.998Z"}))
    function.receive(push(WISH, message={"attributes": {"a": "b"}}))
    function.receive(push({**WISH, "trigger_by": "me"}))
    assert len(runs(world)) == 4


def test_attributes_of_pubsub_itself_make_no_other_run(world: FakeServices) -> None:
    function = Function(world)
    function.receive(push(WISH))
    function.receive(push(WISH, message={"attributes": {"CloudPubSubDeadLetterSourceDeliveryCount": "5"}}))
    assert len(runs(world)) == 1


def test_with_an_idempotency_key_a_message_that_is_published_again_is_the_same_run(world: FakeServices) -> None:
    function, keyed = Function(world), {**WISH, "idempotency_key": "k"}
    function.receive(push(keyed))
    function.receive(push(keyed, message={"publishTime": "2025-11-20T00:00:03Z", "messageId": "2"}))
    assert (len(runs(world)), len(world.mailer.sent), refused(world)) == (1, 1, [])


def test_the_same_key_for_another_wish_is_refused_and_the_first_one_runs(world: FakeServices) -> None:
    function, keyed = Function(world), {**WISH, "idempotency_key": "k"}
    function.receive(push(keyed))
    function.receive(push({**keyed, "trigger_by": "somebody else"}, message={"messageId": "2"}))
    assert [code for code, _ in refused(world)] == ["idempotency_mismatch"]
    assert len(world.mailer.sent) == 1


def test_of_two_wishes_with_one_key_at_the_same_moment_one_runs(world: FakeServices) -> None:
    """The second says that it is there when the first has done no more than that."""
    function, keyed = Function(world), {**WISH, "idempotency_key": "k"}
    world.jobs.fail("select", Unavailable("the first one stops here"))
    with pytest.raises(Unavailable):
        function.receive(push(keyed))
    function.receive(push({**keyed, "trigger_by": "the second"}, message={"messageId": "2"}))
    function.receive(push(keyed, deliveryAttempt=2))
    assert [mail.text for mail in world.mailer.sent] == ["2025-11-15 2025-11-19 billing"]
    assert [code for code, _ in refused(world)] == ["idempotency_mismatch"]


def test_a_key_of_another_publisher_is_another_key(world: FakeServices) -> None:
    made = ForeignRuns(PUBLISHERS, directory=world.directory, templates=FakeTemplates(TEMPLATE))
    given = read_push(push({**WISH, "idempotency_key": "k"}))
    assert given.message.publish_time
    ids = {made.run_of(name, given, given.message.publish_time).pipeline_logging_id for name in PUBLISHERS}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (b"not json", "asks for no run"),
        ({}, "message.tenant_id: is required"),
        ({**WISH, "pipeline_logging_id": "0" * 32}, "message.pipeline_logging_id: unknown field"),
        ({**WISH, "lane": "bulk"}, "message.lane: unknown field"),
        ({**WISH, "template_name": "../secrets"}, "message.template_name: must match"),
        ({**WISH, "date": 5}, "a date is written YYYY-MM-DD"),
        ({**WISH, "trigger_by": "a\nb"}, "control character"),
        ({**WISH, "idempotency_key": "a b"}, "message.idempotency_key: must match"),
        ({**WISH, "variables": {"a": {"b": 1}}}, "must be text, a number"),
        (b'{"variables": {"a": NaN}}', "must be a number that is finite"),
        ({**WISH, "variables": {"a": "x" * 70_000}}, "bytes; at most 65536"),
        ({**WISH, "tenant_id": OTHER}, f"may not run gcp/cost/example for {OTHER}"),
        ({**WISH, "template_name": "other"}, "may not run gcp/cost/other"),
        ({**WISH, "template_name": "gone"}, "no template 'gcp/cost/gone"),
        ({**WISH, "provider": "customer", "domain": "customer", "template_name": "onboarding"}, "may not run"),
        ({**WISH, "provider": "customer", "domain": "", "template_name": "onboarding"}, "message.domain: must match"),
    ],
)
def test_what_is_refused_is_recorded_with_the_reason_and_acknowledged(
    world: FakeServices, wish: dict[str, Any] | bytes, reason: str
) -> None:
    Function(world).receive(push(wish))
    ((code, message),) = refused(world)
    assert code == "message_rejected"
    assert reason in message
    assert (runs(world), world.mailer.sent) == ({}, [])


def test_a_template_that_the_tenant_may_not_run_is_refused(world: FakeServices) -> None:
    put_record(world.warehouse, tenant(enabled_templates=("gcp/cost/other",)))
    Function(world).receive(push(WISH))
    assert "not enabled" in refused(world)[0][1]


def test_a_tenant_that_is_none_is_refused(world: FakeServices) -> None:
    del world.warehouse.tables[next(t for t in world.warehouse.tables if t.table == "x_meta_tenant")]
    Function(world).receive(push(WISH))
    assert refused(world)[0][1] == f"there is no tenant {TENANT}"


def test_a_variable_that_the_template_does_not_have_fails_the_run_where_the_tenant_sees_it(world: FakeServices) -> None:
    Function(world).receive(push({**WISH, "variables": {"surprise": 1}}))
    assert list(runs(world).values()) == [{"FAILED"}]
    (event,) = [event for event in world.warehouse.events(RUNS) if event["status"] == "FAILED"]
    assert RunMessage.model_validate_json(event["message"]).variables == {"surprise": 1}
