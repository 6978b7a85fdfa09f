"""What `run_pipeline` handles: run messages, and what other systems publish."""

from functools import partial

from shared.contracts.messages.publishers import publisher_subscription
from shared.runs.deliver import Delivery
from shared.runs.foreign import ForeignDelivery, ForeignRuns
from shared.wiring.instance import Handlers, Instance


def handlers(services: Instance) -> Handlers:
    """The subscription of runs and that of each publisher, each with what handles its pushes."""
    settings = services.settings
    delivery = Delivery(
        services,
        run_log=services.run_log,
        directory=services.directory,
        resolver=services.resolver,
        bus=services.bus,
    )
    foreign_runs = ForeignRuns(settings.publishers, directory=services.directory, templates=services.templates)
    foreign = ForeignDelivery(foreign_runs, delivery=delivery, run_log=services.run_log)
    return {
        settings.pipeline_runs_subscription: delivery.handle,
        **{publisher_subscription(name): partial(foreign.handle, name) for name in settings.publishers},
    }
