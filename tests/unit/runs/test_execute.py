"""Steps run in order, by their triggers; what was done is recorded and not done again."""

from collections.abc import Sequence
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from shared.contracts.tables import TableRef
from shared.errors import MailRefused, StillRunning, Unavailable
from shared.ports import Mail, Row
from shared.runs.execute import Execution, Outcome
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog, RunState
from tests.builders import CONTROL, DATA, RUN, RUNS, TENANT, mails, run, services, tenant
from tests.fakes import FakeMailer, FakeRows, FakeServices, FakeTemplates

REFUSED = MailRefused("no such mailbox")
DOWN = Unavailable("SendGrid does not answer")
THRICE = "retry: {attempts: 3, backoff_s: 0}"


@pytest.fixture
def world() -> FakeServices:
    return services()


def log_of(world: FakeServices) -> RunLog:
    return RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)


def execute(world: FakeServices, *steps: str, **given: Any) -> Outcome:
    """One delivery of a run of these steps."""
    plan = Resolver(FakeTemplates(mails(*steps)), world).resolve(run(), tenant())
    until = world.clock.now() + timedelta(seconds=570)
    return Execution(run(), tenant(), plan, services=world, run_log=log_of(world), until=until, **given).run()


def ran(world: FakeServices) -> list[str]:
    return [mail.subject for mail in world.mailer.sent]


def state(world: FakeServices) -> RunState:
    found = log_of(world).read(TENANT, RUN)
    assert found is not None
    return found


def statuses(world: FakeServices) -> dict[str, str]:
    return {step.step_id: step.status for step in state(world).steps}


# ── order and triggers ──────────────────────────────────────────────────────────────────────────────────────────────


def test_steps_run_as_listed_and_the_run_succeeds(world: FakeServices) -> None:
    outcome = execute(world, "first", "second", "third")
    assert (ran(world), outcome.record.status, state(world).status) == (
        ["first", "second", "third"],
        "SUCCEEDED",
        "SUCCEEDED",
    )


def test_a_step_runs_after_those_that_it_depends_on(world: FakeServices) -> None:
    execute(world, "last; depends_on: [middle]", "middle; depends_on: [first]", "first")
    assert ran(world) == ["first", "middle", "last"]


def test_after_a_failure_only_on_failure_and_always_steps_run(world: FakeServices) -> None:
    world.mailer.broken["first"] = REFUSED
    execute(world, "first", "second", "alarm; trigger: on_failure", "tidy; trigger: always")
    assert ran(world) == ["alarm", "tidy"]
    assert statuses(world) == {"first": "FAILED", "second": "SKIPPED", "alarm": "SUCCEEDED", "tidy": "SUCCEEDED"}


def test_without_a_failure_on_failure_steps_do_not_run(world: FakeServices) -> None:
    execute(world, "first", "alarm; trigger: on_failure", "tidy; trigger: always", "second")
    assert ran(world) == ["first", "tidy", "second"]
    assert state(world).status == "SUCCEEDED"


def test_an_on_failure_step_hears_of_failures_before_it_only(world: FakeServices) -> None:
    world.mailer.broken["first"] = REFUSED
    execute(world, "alarm; trigger: on_failure", "first")
    assert ran(world) == []


def test_depends_on_narrows_before_to_the_steps_that_it_names(world: FakeServices) -> None:
    world.mailer.broken["costs"] = REFUSED
    execute(world, "costs", "usage; depends_on: [setup]", "setup; trigger: always", "report; depends_on: [costs]")
    assert ran(world) == ["setup", "usage"]
    assert statuses(world)["report"] == "SKIPPED"


def test_what_depends_on_a_skipped_step_is_skipped(world: FakeServices) -> None:
    world.mailer.broken["first"] = REFUSED
    execute(world, "first", "second; depends_on: [first]", "third; depends_on: [second]")
    assert ran(world) == []


def test_an_on_failure_step_that_fails_does_not_stop_the_next(world: FakeServices) -> None:
    world.mailer.broken |= {"first": REFUSED, "alarm": REFUSED}
    outcome = execute(world, "first", "alarm; trigger: on_failure", "page; trigger: on_failure")
    assert ran(world) == ["page"]
    assert outcome.record.failed_step == "first"


def test_an_always_step_that_fails_fails_the_run(world: FakeServices) -> None:
    world.mailer.broken["tidy"] = REFUSED
    assert execute(world, "first", "tidy; trigger: always").record.status == "FAILED"


# ── at the same time ────────────────────────────────────────────────────────────────────────────────────────────────


class Meeting(FakeMailer):
    """A mailer whose mails wait for one another: none is sent unless as many are under way at the same time."""

    def __init__(self, parties: int) -> None:
        super().__init__()
        self._barrier = Barrier(parties)

    def send(self, mail: Mail) -> None:
        self._barrier.wait(timeout=10)
        super().send(mail)


def test_steps_that_do_not_wait_for_each_other_run_at_the_same_time(world: FakeServices) -> None:
    world.mailer = Meeting(3)
    outcome = execute(world, "first", "second; depends_on: []", "third; depends_on: []")
    assert sorted(ran(world)) == ["first", "second", "third"]
    assert outcome.record.status == "SUCCEEDED"


def test_a_step_waits_for_all_that_it_names(world: FakeServices) -> None:
    world.mailer = Meeting(2)
    plan = ("a", "b; depends_on: []", "c; depends_on: [a, b]", "d; depends_on: [a, b]")
    execute(world, *plan)
    assert ({*ran(world)[:2]}, {*ran(world)[2:]}) == ({"a", "b"}, {"c", "d"})


def test_a_step_that_names_none_waits_for_all_before_it(world: FakeServices) -> None:
    world.mailer.broken["slow"] = REFUSED
    execute(world, "slow", "other; depends_on: []", "report")
    assert (ran(world), statuses(world)["report"]) == (["other"], "SKIPPED")


def test_what_does_not_depend_on_a_failed_step_goes_on(world: FakeServices) -> None:
    world.mailer.broken["costs"] = REFUSED
    outcome = execute(
        world, "costs", "usage; depends_on: []", "report; depends_on: [usage]", "alarm; trigger: on_failure"
    )
    assert sorted(ran(world)) == ["alarm", "report", "usage"]
    assert (outcome.record.status, outcome.record.failed_step) == ("FAILED", "costs")


def test_an_on_failure_step_looks_behind_the_steps_that_it_names(world: FakeServices) -> None:
    world.mailer.broken["first"] = REFUSED
    execute(world, "first", "second", "alarm; trigger: on_failure; depends_on: [second]")
    assert ran(world) == ["alarm"]


def test_when_one_of_several_may_pass_the_others_are_kept(world: FakeServices) -> None:
    world.mailer.broken["second"] = DOWN
    steps = ("first", "second; depends_on: []", "third; depends_on: []", "last")
    with pytest.raises(Unavailable):
        execute(world, *steps)
    assert statuses(world) == {"first": "SUCCEEDED", "third": "SUCCEEDED"}
    world.mailer.broken.clear()
    execute(world, *steps, delivery=2, before=state(world))
    assert sorted(ran(world)) == ["first", "last", "second", "third"]


def test_a_step_that_still_runs_does_not_hide_an_error_of_another(world: FakeServices) -> None:
    world.mailer.broken |= {"first": StillRunning("job is still running", job_id="cv-1"), "second": DOWN}
    with pytest.raises(Unavailable):
        execute(world, "first", "second; depends_on: []")


# ── the run's own deadline ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_that_would_begin_past_the_deadline_fails_and_is_told(world: FakeServices) -> None:
    world.clock.advance(6 * 3_600)
    outcome = execute(world, "first", "alarm; trigger: on_failure")
    assert (outcome.record.error_code, ran(world)) == ("run_deadline_exceeded", ["alarm"])


class Slow(FakeMailer):
    """A mailer whose first mail is a job that runs for so many seconds and is not done then."""

    def __init__(self, world: FakeServices, seconds: float) -> None:
        super().__init__()
        self._world, self._seconds = world, seconds

    def send(self, mail: Mail) -> None:
        if self._seconds:
            self._world.clock.advance(self._seconds)
            self._seconds = 0.0
            raise StillRunning("job is still running", job_id="cv-1")
        super().send(mail)


def test_a_job_that_still_runs_then_is_cancelled(world: FakeServices) -> None:
    world.mailer = Slow(world, 6 * 3_600)
    outcome = execute(world, "first", "alarm; trigger: on_failure")
    assert (outcome.record.error_code, world.jobs.calls.count("cancel")) == ("run_deadline_exceeded", 1)


# ── permanent failures ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failed_run_says_which_step_and_why(world: FakeServices) -> None:
    world.mailer.broken["second"] = REFUSED
    outcome = execute(world, "first", "second")
    facts = state(world).facts
    assert (facts["status"], facts["failed_step"], facts["error_code"], facts["error_message"]) == (
        "FAILED",
        "second",
        "mail_refused",
        "no such mailbox",
    )
    assert outcome.error is REFUSED


def test_the_first_failure_is_the_runs_own(world: FakeServices) -> None:
    world.mailer.broken |= {"first": REFUSED, "alarm": MailRefused("another")}
    execute(world, "first", "alarm; trigger: on_failure")
    assert state(world).facts["error_message"] == "no such mailbox"


def test_a_failure_mail_names_step_code_message_and_logs(world: FakeServices) -> None:
    world.mailer.broken["first"] = REFUSED
    text = '"{failed_step}|{error_code}|{error_message}|{logs_url}"'
    execute(world, "first", f"alarm; trigger: on_failure; message: {text}")
    step, code, message, url = world.mailer.sent[0].text.split("|")
    assert (step, code, message) == ("first", "mail_refused", "no such mailbox")
    assert RUN in url


def test_names_of_others_tables_are_masked_in_what_is_recorded(world: FakeServices) -> None:
    world.mailer.broken["first"] = MailRefused("Not found: Table acme-prod:billing_export.costs was not found")
    execute(world, "first")
    assert "billing_export" not in str(world.warehouse.events(RUNS))


# ── transient failures ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_transient_error_asks_for_a_redelivery_after_recording_what_was_done(world: FakeServices) -> None:
    world.mailer.broken["second"] = DOWN
    with pytest.raises(Unavailable):
        execute(world, "first", "second", "alarm; trigger: on_failure")
    assert statuses(world)["first"] == "SUCCEEDED"
    assert not state(world).ended


def test_a_redelivery_goes_on_where_the_last_delivery_stopped(world: FakeServices) -> None:
    world.mailer.broken["second"] = DOWN
    with pytest.raises(Unavailable):
        execute(world, "first", "second", "third")
    world.mailer.broken.clear()
    execute(world, "first", "second", "third", delivery=2, before=state(world))
    assert ran(world) == ["first", "second", "third"]
    assert state(world).status == "SUCCEEDED"


def test_a_redelivery_remembers_that_a_step_failed(world: FakeServices) -> None:
    world.mailer.broken |= {"first": REFUSED, "alarm": DOWN}
    with pytest.raises(Unavailable):
        execute(world, "first", "alarm; trigger: on_failure", "second")
    world.mailer.broken.clear()
    outcome = execute(world, "first", "alarm; trigger: on_failure", "second", delivery=2, before=state(world))
    assert ran(world) == ["alarm"]
    assert (outcome.record.status, outcome.record.error_code) == ("FAILED", "mail_refused")


def test_on_the_last_delivery_a_transient_error_ends_the_run(world: FakeServices) -> None:
    world.mailer.broken["first"] = DOWN
    execute(world, "first", "second", "alarm; trigger: on_failure", delivery=5, last_delivery=True)
    assert ran(world) == ["alarm"]
    assert (state(world).status, state(world).facts["error_code"]) == ("FAILED", "retries_exhausted")


def test_a_transient_error_is_retried_as_the_step_says(world: FakeServices) -> None:
    world.mailer.fail("send", DOWN, times=2)
    execute(world, f"first; {THRICE}")
    assert ran(world) == ["first"]


def test_there_are_no_more_attempts_than_the_step_says(world: FakeServices) -> None:
    world.mailer.broken["first"] = DOWN
    with pytest.raises(Unavailable):
        execute(world, f"first; {THRICE}")
    assert world.mailer.calls == ["send"] * 3


def test_no_pause_lasts_beyond_the_push_deadline(world: FakeServices) -> None:
    world.mailer.broken["first"] = DOWN
    with pytest.raises(Unavailable):
        execute(world, "first; retry: {attempts: 2, backoff_s: 600}")
    assert world.mailer.calls == ["send"]


def test_a_permanent_error_is_not_retried(world: FakeServices) -> None:
    world.mailer.fail("send", REFUSED)
    execute(world, f"first; {THRICE}")
    assert world.mailer.calls == ["send"]


def test_a_job_that_still_runs_is_waited_for_by_a_redelivery_not_by_retries(world: FakeServices) -> None:
    world.mailer.fail("send", StillRunning("job is still running", job_id="cv-1"))
    with pytest.raises(StillRunning):
        execute(world, f"first; {THRICE}")
    assert world.mailer.calls == ["send"]


# ── bugs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_engines_bug_passes_so_that_the_message_is_redelivered(world: FakeServices) -> None:
    world.mailer.broken["second"] = KeyError("s3cr3t")
    with pytest.raises(KeyError):
        execute(world, "first", "second")
    assert statuses(world)["first"] == "SUCCEEDED"


def test_on_the_last_delivery_an_engines_bug_ends_the_run_without_its_text(world: FakeServices) -> None:
    world.mailer.broken["first"] = KeyError("s3cr3t")
    execute(world, "first", "alarm; trigger: on_failure", delivery=5, last_delivery=True)
    assert (ran(world), state(world).status) == (["alarm"], "FAILED")
    assert "s3cr3t" not in str(world.warehouse.events(RUNS))


# ── what is recorded ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mail_is_recorded_before_the_next_step_begins(world: FakeServices) -> None:
    world.mailer.broken["second"] = KeyboardInterrupt()  # the process is ended
    with pytest.raises(KeyboardInterrupt):
        execute(world, "first", "second")
    assert statuses(world) == {"first": "SUCCEEDED"}


def test_the_tenants_copy_has_one_row_a_run_and_one_a_step_that_ran(world: FakeServices) -> None:
    world.mailer.broken["first"] = REFUSED
    execute(world, "first", "second", "alarm; trigger: on_failure")
    own = {table.table: world.warehouse.events(table) for table in world.warehouse.tables if table.dataset == TENANT}
    assert [row["status"] for row in own["x_meta_pipeline_runs"]] == ["FAILED"]
    assert [(row["step_id"], row["status"]) for row in own["x_meta_step_logs"]] == [
        ("first", "FAILED"),
        ("alarm", "SUCCEEDED"),
    ]


def test_when_the_end_could_not_be_recorded_a_redelivery_records_it_and_repeats_nothing(world: FakeServices) -> None:
    until = world.clock.now() + timedelta(seconds=570)
    plan = Resolver(FakeTemplates(mails("first")), world).resolve(run(), tenant())
    broken = RunLog(Unending(world), world.jobs, world.clock, control=CONTROL, data_project=DATA)
    with pytest.raises(Unavailable):
        Execution(run(), tenant(), plan, services=world, run_log=broken, until=until).run()
    execute(world, "first", delivery=2, before=state(world))
    assert (ran(world), state(world).status) == (["first"], "SUCCEEDED")


class Unending(FakeRows):
    """Rows that take no end of a run."""

    def __init__(self, world: FakeServices) -> None:
        super().__init__(world.warehouse)

    def append(self, table: TableRef, rows: Sequence[tuple[str, Row]]) -> None:
        if any(row.get("step_id") is None and row["status"] == "SUCCEEDED" for _, row in rows):
            raise DOWN
        super().append(table, rows)
