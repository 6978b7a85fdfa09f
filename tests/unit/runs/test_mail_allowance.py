"""A tenant is sent at most 100 mails a day, a run at most 20."""

from datetime import timedelta
from typing import Any

import pytest

from shared.errors import MailLimitReached
from shared.runs.execute import Execution
from shared.runs.mail_allowance import MOST_A_DAY
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog, StepRecord
from tests.builders import CONTROL, DATA, OTHER, TENANT, mails, run, services, template, tenant
from tests.fakes import START, FakeServices, FakeTemplates


@pytest.fixture
def world() -> FakeServices:
    return services()


def said(world: FakeServices, mails: int, **of: Any) -> None:
    """An earlier run whose step sent so many mails."""
    log = RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)
    record = StepRecord("tell", "shared.email_notification", "SUCCEEDED", mails_sent=mails)
    log.add(run(**({"pipeline_logging_id": "a" * 32} | of)), [record])


def test_a_tenant_may_have_its_hundred(world: FakeServices) -> None:
    said(world, 99)
    world.mail_allowance.check(TENANT, 1)


def test_one_more_is_refused_with_the_figures(world: FakeServices) -> None:
    said(world, 99)
    with pytest.raises(MailLimitReached, match="sent 99 mails today; at most 100 a day, and this step has 2"):
        world.mail_allowance.check(TENANT, 2)


def test_another_tenants_mails_do_not_count(world: FakeServices) -> None:
    said(world, MOST_A_DAY, tenant_id=OTHER)
    world.mail_allowance.check(TENANT, 1)


def test_an_event_that_is_there_twice_counts_once(world: FakeServices) -> None:
    said(world, 60)
    said(world, 60)
    world.mail_allowance.check(TENANT, 40)


def executed(world: FakeServices, *steps: str) -> str | None:
    """The error code of a run of these mail steps."""
    log = RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)
    plan = Resolver(FakeTemplates(mails(*steps)), world).resolve(run(), tenant())
    until = START + timedelta(seconds=600)
    return Execution(run(), tenant(), plan, services=world, run_log=log, until=until).run().record.error_code


def test_what_a_run_sends_counts_for_its_next_step(world: FakeServices) -> None:
    said(world, 99)
    assert executed(world, "first", "second") == "mail_limit_reached"
    assert [mail.subject for mail in world.mailer.sent] == ["first"]


def test_a_run_of_more_than_twenty_is_refused_before_anything_runs(world: FakeServices) -> None:
    text = "\n".join(
        f"  - step_id: s{number}\n    ps_type: shared.email_notification\n    subject: s\n    message: m\n"
        f"    to_emails: [{', '.join(f'a{number}-{one}@acmeinc.example' for one in range(7))}]"
        for number in range(3)
    )
    made = template(f'pipeline_id: "{{tenant_id}}-x"\nsteps:\n{text}')
    with pytest.raises(MailLimitReached, match=r"example\.yml:13 s2: with this step the run has 21 mails"):
        Resolver(FakeTemplates(made), world).resolve(run(), tenant())
