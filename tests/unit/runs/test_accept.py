"""Accepting a run: all is checked first, and only what Pub/Sub confirmed is accepted."""

import json
from typing import Any

import pytest

from shared.contracts.http.runs import RunRequest
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.template_address import ONBOARDING, TemplateAddress
from shared.contracts.tenant import Tenant
from shared.errors import NotConfirmed, NotFound, PermanentError, TemplateNotFound, Unavailable, VariablesInvalid
from shared.runs.accept import Accepted, accept
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog, RunState
from tests.builders import CONTROL, DATA, RUNS, TENANT, mails, services, template, tenant
from tests.fakes import FakeServices, FakeTemplates

ADDRESS = TemplateAddress("gcp", "cost", "example")
DATED = mails('first; message: "{date}"')


@pytest.fixture
def world() -> FakeServices:
    return services()


def log_of(world: FakeServices) -> RunLog:
    return RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)


def ask(
    world: FakeServices,
    body: dict[str, Any] | None = None,
    *,
    key: str | None = None,
    who: Tenant | None = None,
    address: TemplateAddress = ADDRESS,
) -> Accepted:
    return accept(
        who or tenant(),
        address,
        RunRequest.model_validate({"date": "2025-11-15"} if body is None else body),
        idempotency_key=key,
        resolver=Resolver(FakeTemplates(DATED), world),
        run_log=log_of(world),
        bus=world.bus,
        topic=world.settings.pipeline_runs_topic,
        clock=world.clock,
    )


def published(world: FakeServices) -> list[RunMessage]:
    return [RunMessage.model_validate_json(message.data) for _, message in world.bus.published]


def state(world: FakeServices, run: str) -> RunState:
    found = log_of(world).read(TENANT, run)
    assert found is not None
    return found


def test_an_accepted_run_is_recorded_and_published(world: FakeServices) -> None:
    accepted = ask(world)
    (message,) = published(world)
    assert message.pipeline_logging_id == accepted.pipeline_logging_id
    assert accepted.pipeline_id == f"{TENANT}-example"
    assert state(world, accepted.pipeline_logging_id).status == "QUEUED"


def test_the_message_fixes_all_that_decides_the_outcome(world: FakeServices) -> None:
    ask(world)
    (message,) = published(world)
    facts = message.model_dump(mode="json")
    assert {name: facts[name] for name in ("date", "run_date", "lane", "template_version", "epoch")} == {
        "date": "2025-11-15",
        "run_date": "2025-11-20",
        "lane": "interactive",
        "template_version": DATED.version,
        "epoch": "epoch-1",
    }


def test_its_attributes_let_people_find_it(world: FakeServices) -> None:
    accepted = ask(world)
    ((_, message),) = world.bus.published
    assert message.attributes == {
        "tenant_id": TENANT,
        "pipeline_logging_id": accepted.pipeline_logging_id,
        "template": "gcp/cost/example",
    }


def test_it_is_recorded_before_it_is_published(world: FakeServices) -> None:
    world.rows.fail("append", Unavailable("down"))
    with pytest.raises(Unavailable):
        ask(world)
    assert world.bus.published == []


@pytest.mark.parametrize("after", [False, True])
def test_what_pubsub_does_not_confirm_is_recorded_as_not_published(world: FakeServices, after: bool) -> None:
    world.bus.fail("publish", NotConfirmed("no answer"), after=after)
    with pytest.raises(NotConfirmed):
        ask(world)
    (run,) = {event["pipeline_logging_id"] for event in world.warehouse.events(RUNS)}
    assert state(world, run).status == "NOT_PUBLISHED"


def test_what_pubsub_refuses_is_recorded_as_not_published_and_may_be_asked_for_again(world: FakeServices) -> None:
    world.bus.fail("publish", NotFound("no such topic"))
    with pytest.raises(NotConfirmed):
        ask(world)
    assert [event["status"] for event in world.warehouse.events(RUNS)] == ["QUEUED", "NOT_PUBLISHED"]


def test_every_call_without_a_key_is_a_run_of_its_own(world: FakeServices) -> None:
    assert ask(world).pipeline_logging_id != ask(world).pipeline_logging_id
    assert not any(message.asked_before for message in published(world))


def test_the_same_idempotency_key_gives_the_same_run(world: FakeServices) -> None:
    assert ask(world, key="a").pipeline_logging_id == ask(world, key="a").pipeline_logging_id
    assert all(message.asked_before for message in published(world))


def test_another_key_tenant_or_life_of_the_tenant_gives_another_run(world: FakeServices) -> None:
    runs = [
        ask(world, key="a"),
        ask(world, key="b"),
        ask(world, key="a", who=tenant(tenant_id="bytefactory_xv23")),
        ask(world, key="a", who=tenant(epoch="epoch-2")),
        ask(world, {"date": "2025-11-16"}, key="a"),
    ]
    assert len({run.pipeline_logging_id for run in runs}) == len(runs)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, VariablesInvalid),
        ({"date": "2025-11-15", "no_such": 1}, VariablesInvalid),
        ({"date": "2025-11-15", "tenant_id": "x"}, VariablesInvalid),
        ({"date": "2025-11-15", "gcp_project_id": "x"}, VariablesInvalid),
    ],
    ids=["date is used and not given", "unknown variable", "built in", "operator's"],
)
def test_what_is_wrong_is_refused_before_anything_is_written(
    world: FakeServices, body: dict[str, Any], error: type[PermanentError]
) -> None:
    with pytest.raises(error):
        ask(world, body)
    assert (world.bus.published, world.warehouse.events(RUNS)) == ([], [])


def test_a_broken_template_is_refused_before_anything_is_written(world: FakeServices) -> None:
    broken = template("pipeline_id: p\nsteps: [{step_id: a, ps_type: gcp.no_such_engine}]")
    with pytest.raises(PermanentError, match="no engine"):
        accept(
            tenant(),
            ADDRESS,
            RunRequest.model_validate({}),
            idempotency_key=None,
            resolver=Resolver(FakeTemplates(broken), world),
            run_log=log_of(world),
            bus=world.bus,
            topic="pipeline-runs",
            clock=world.clock,
        )
    assert (world.bus.published, world.warehouse.events(RUNS)) == ([], [])


def test_a_template_that_is_not_enabled_for_the_tenant_is_not_found(world: FakeServices) -> None:
    with pytest.raises(TemplateNotFound):
        ask(world, who=tenant(enabled_templates=("gcp/cost/other",)))
    ask(world, who=tenant(enabled_templates=("gcp/cost/example",)))


def test_an_onboarding_cannot_be_accepted(world: FakeServices) -> None:
    with pytest.raises(TemplateNotFound):
        ask(world, address=ONBOARDING)


def test_a_request_says_who_asked(world: FakeServices) -> None:
    ask(world, {"date": "2025-11-15", "trigger_by": "finance_team"})
    assert json.loads(world.bus.published[0][1].data)["trigger_by"] == "finance_team"
