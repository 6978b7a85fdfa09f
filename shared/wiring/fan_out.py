"""What `fan_out` handles: batches, and the request to reconcile."""

from shared.batches.fan_out import FanOut
from shared.batches.targets import Targets
from shared.contracts.messages.batch import asks_to_reconcile
from shared.contracts.messages.push import Push
from shared.recovery.open_runs import OpenRuns
from shared.recovery.reconcile import Reconcile
from shared.runs.run_copies import RunCopies
from shared.wiring.instance import Handlers, Instance


def handlers(services: Instance) -> Handlers:
    """The subscription of batches, with what handles its pushes: it brings both."""
    settings = services.settings
    fan_out = _fan_out(services)
    reconcile = _reconcile(services)

    def handle(push: Push) -> None:
        (reconcile.handle if asks_to_reconcile(push.data()) else fan_out.handle)(push)

    return {settings.pipeline_batches_subscription: handle}


def _fan_out(services: Instance) -> FanOut:
    settings = services.settings
    return FanOut(
        targets=Targets(services.jobs, services.control),
        batch_log=services.batch_log,
        bus=services.bus,
        templates=services.templates,
        clock=services.clock,
        runs_topic=settings.pipeline_runs_bulk_topic,
        batches_topic=settings.pipeline_batches_topic,
        time_s=settings.push_time_s,
    )


def _reconcile(services: Instance) -> Reconcile:
    copies = RunCopies(
        services.rows,
        services.jobs,
        services.clock,
        control=services.control,
        data_project=services.settings.data_project,
        run_log=services.run_log,
        directory=services.directory,
    )
    return Reconcile(
        batch_log=services.batch_log,
        batch_status=services.batch_status,
        targets=Targets(services.jobs, services.control),
        open_runs=OpenRuns(services.jobs, services.control),
        run_log=services.run_log,
        copies=copies,
        bus=services.bus,
        clock=services.clock,
        settings=services.settings,
    )
