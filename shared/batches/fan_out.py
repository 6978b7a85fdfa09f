"""One batch message becomes one run message for each tenant and day, every one confirmed before the batch is.

Memory does not grow with the number of tenants, and near the push deadline a message that says where to go on takes
over, so that a redelivery repeats little. What is published twice is the same run: batch, tenant and day make its id.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from shared.batches.batch_log import BatchLog
from shared.batches.targets import Target, Targets
from shared.contracts.messages.batch import Batch, BatchMessage, Position, read_batch
from shared.contracts.messages.push import Push
from shared.contracts.messages.run_message import CLOCKS_DIFFER, RunMessage, batch_key, run_id
from shared.contracts.template_address import ONBOARDING
from shared.errors import MessageRejected, TemplateInvalid, TemplateNotFound
from shared.logs import log, log_context
from shared.ports import Clock, Message, MessageBus, Templates

# Most messages that one publish call takes; Pub/Sub quotas page.
CHUNK_MESSAGES = 1_000


class FanOut:
    """Handles pushes of batch messages."""

    def __init__(
        self,
        *,
        targets: Targets,
        batch_log: BatchLog,
        bus: MessageBus,
        templates: Templates,
        clock: Clock,
        runs_topic: str,
        batches_topic: str,
        time_s: float,
    ) -> None:
        self._targets, self._log, self._bus, self._templates = targets, batch_log, bus, templates
        self._clock, self._time = clock, timedelta(seconds=time_s)
        self._runs_topic, self._batches_topic = runs_topic, batches_topic

    def handle(self, push: Push) -> None:
        """Publish the runs of the batch that the push brings, or as many as there is time for.

        Raises MessageRejected, or a TransientError when the message is to be redelivered.
        """
        until = self._clock.now() + self._time
        message = read_batch(push.data())
        if push.message.publish_time is None:
            raise MessageRejected("the push has no publish time, which a batch's days count from")
        batch = self._batch(message, push.message.publish_time)
        with log_context(batch_id=batch.batch_id):
            if message.after is None:
                expected = None if batch.only else self._targets.count(batch)
                if batch.only != "missing":
                    self._log.add(batch, "STARTED", expected=expected)
                log("batch_started", template=str(batch.address), expected=expected, only=batch.only)
            self._publish(batch, self._targets.after(batch, message.after), message.after, until)

    def _batch(self, message: BatchMessage, published_at: datetime) -> Batch:
        try:
            batch = Batch.of(message, published_at)
            if max(batch.asked_at, batch.first_asked_at or batch.asked_at) > published_at + CLOCKS_DIFFER:
                # None of its runs would be taken, and its deadline would be as far off as it likes.
                raise MessageRejected(f"asked_at is more than {CLOCKS_DIFFER} after the message was published")
            if batch.address == ONBOARDING:
                raise MessageRejected("a message can never run an onboarding")
            self._templates.get(batch.address)
        except (TemplateNotFound, TemplateInvalid) as error:
            raise MessageRejected(error.message) from error
        return batch

    def _publish(self, batch: Batch, targets: Iterator[Target], after: Position | None, until: datetime) -> None:
        version = self._templates.get(batch.address).version
        published = after.published if after else 0
        ends: list[Target] = []  # the last target of each chunk that is under way

        def chunks() -> Iterator[list[Message]]:
            while self._clock.now() < until and (chunk := list(islice(targets, CHUNK_MESSAGES))):
                ends.append(chunk[-1])
                yield list(messages(batch, version, chunk))

        last = after
        for confirmed in self._bus.publish_chunks(self._runs_topic, chunks()):
            published += confirmed
            end = ends.pop(0)
            last = Position(tenant_id=end.tenant_id, date=end.date, published=published)
            log("batch_progress", published=published)
        if self._clock.now() >= until and next(targets, None) is not None:
            following = batch.message(after=last).model_dump_json(by_alias=True).encode()
            self._bus.publish(self._batches_topic, [Message(following, {"batch_id": batch.batch_id})])
            log("batch_continued", published=published)
            return
        if batch.only != "missing":
            self._log.add(batch, "PUBLISHED", published=published)
        log("batch_published", published=published)


def messages(batch: Batch, template_version: str, targets: Iterable[Target]) -> Iterator[Message]:
    """The run messages of a batch.

    The JSON of a run is written once for each day and cut where runs differ: for one tenant after the other, writing
    it whole would take many times as long as publishing it.
    """
    cut: dict[tuple[object, ...], tuple[str, ...]] = {}
    attributes = {"batch_id": batch.batch_id, "template": str(batch.address)}
    key = batch_key(batch.batch_id, batch.address)
    for target in targets:
        kind = target.date, target.run_attempt, target.previous_run
        if kind not in cut:
            if len(cut) > len(batch.days):
                cut.clear()  # retries differ in what they repeat: those are not kept
            cut[kind] = _cut(batch, template_version, target)
        head, between, after, rest = cut[kind]
        day = target.date.isoformat() if target.date else None
        run = run_id(target.tenant_id, target.epoch, key, day, target.run_attempt)
        data = f"{head}{run}{between}{target.tenant_id}{after}{target.epoch}{rest}".encode()
        yield Message(data, {**attributes, "tenant_id": target.tenant_id, "pipeline_logging_id": run})


def _cut(batch: Batch, template_version: str, target: Target) -> tuple[str, ...]:
    """The JSON of a run of this day around its id, tenant and epoch, which come before any text of a caller's."""
    run = RunMessage.of(
        "tenant_0000",
        "e" * 32,
        batch.address,
        key=batch_key(batch.batch_id, batch.address),
        template_version=template_version,
        date=target.date,
        trigger_by=batch.trigger_by,
        lane="bulk",
        run_attempt=target.run_attempt,
        previous_run=target.previous_run,
        batch_id=batch.batch_id,
        accepted_at=batch.asked_at,
        asked_before=batch.asked_before,
        variables=batch.variables,
    )
    head, whole = run.model_dump_json().split(run.pipeline_logging_id, 1)
    between, whole = whole.split(run.tenant_id, 1)
    after, rest = whole.split(run.epoch, 1)
    return head, between, after, rest
