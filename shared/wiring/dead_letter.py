"""What `dead_letter` handles: the messages that Pub/Sub gave up delivering."""

from shared.recovery.dead_letters import DeadLetters
from shared.recovery.kept_dead_letters import KeptDeadLetters
from shared.recovery.operator_mail import OperatorMail
from shared.runs.foreign import ForeignRuns
from shared.wiring.instance import Handlers, Instance


def handlers(services: Instance) -> Handlers:
    """The subscription of dead letters, with what handles its pushes."""
    settings = services.settings
    foreign_runs = ForeignRuns(settings.publishers, directory=services.directory, templates=services.templates)
    dead_letters = DeadLetters(
        services,
        run_log=services.run_log,
        templates=services.templates,
        foreign=foreign_runs,
        bus=services.bus,
        kept=KeptDeadLetters(services.rows, services.clock, services.control),
        operator=OperatorMail(services.jobs, services.mailer, services.clock, settings.operator_email),
    )
    return {settings.pipeline_dead_letters_subscription: dead_letters.handle}
