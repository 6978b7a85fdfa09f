"""Runs that other systems ask for: which run a message means, and whether its publisher may ask for it."""

import datetime as dt

from shared.contracts.messages.foreign_message import foreign_key, read_foreign
from shared.contracts.messages.publishers import Publishers
from shared.contracts.messages.push import Push
from shared.contracts.messages.run_message import RunMessage
from shared.errors import MessageRejected, TemplateInvalid, TemplateNotFound
from shared.ports import Templates
from shared.runs.accept import available
from shared.runs.deliver import Delivery
from shared.runs.run_log import RunLog
from shared.tenants.directory import Directory


class ForeignRuns:
    """Reads messages of publishers. Who the publisher is, the caller knows from the subscription (rules 1)."""

    def __init__(self, publishers: Publishers, *, directory: Directory, templates: Templates) -> None:
        self._publishers, self._directory, self._templates = publishers, directory, templates

    def run_of(self, publisher: str, push: Push, published_at: dt.datetime) -> RunMessage:
        """The run that the message means: the same one for every delivery of it, and for its dead letter.

        `published_at` is when the publisher published it; the run's `run_date` is that day, UTC. Raises MessageRejected
        where it is no such message, or where the publisher may not ask for this run.
        """
        message = read_foreign(push.data())
        address = message.address
        if not self._publishers[publisher].may_run(message.tenant_id, str(address)):
            raise MessageRejected(
                f"publisher {publisher!r} may not run {address} for {message.tenant_id}; PUBLISHERS says what it may"
            )
        tenant = self._directory.get(message.tenant_id)
        if tenant is None:
            raise MessageRejected(f"there is no tenant {message.tenant_id}")
        try:
            version = available(tenant, address, self._templates).version
        except TemplateNotFound as error:
            raise MessageRejected(error.message) from None
        except TemplateInvalid:
            version = ""  # the run fails, and can be replayed when the template is mended
        return RunMessage.of(
            tenant.tenant_id,
            tenant.epoch,
            address,
            key=foreign_key(publisher, message, push, published_at),
            template_version=version,
            date=message.date,
            trigger_by=message.trigger_by or publisher,
            lane="interactive",
            accepted_at=published_at,
            asked_before=message.idempotency_key is not None,
            variables=message.variables,
        )


class ForeignDelivery:
    """Handles pushes of publishers' subscriptions."""

    def __init__(self, runs: ForeignRuns, *, delivery: Delivery, run_log: RunLog) -> None:
        self._runs, self._delivery, self._log = runs, delivery, run_log

    def handle(self, publisher: str, push: Push) -> None:
        """Do what the publisher asks for. Raises as `Delivery.handle` does.

        With an idempotency key the first message wins, also where another one comes at the same moment: each says that
        it is there, and then reads who was first. The other is refused as `idempotency_mismatch` where it asks for
        something else.
        """
        if push.message.publish_time is None:
            raise MessageRejected("the push has no publish time, which the run's day and id come from")
        run = self._runs.run_of(publisher, push, push.message.publish_time)
        if run.asked_before:
            self._log.queued(run, None)
        self._delivery.run(run, delivery_attempt=push.delivery_attempt)
