"""What an engine is: a model of its fields in a template's step, and a function that does the step's work."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

from shared.contracts.messages.run_message import RunMessage
from shared.contracts.sql import Sql
from shared.contracts.tables import Column, TableRef, TableSchema
from shared.contracts.tenant import Tenant
from shared.errors import Fault, PermanentError
from shared.ports import Catalog, Cipher, Clock, Jobs, Mailer, Rows
from shared.settings import Settings

# The platform is no open relay (rules 4).
MOST_MAILS_A_RUN = 20


class Fields(BaseModel):
    """The base of every engine's model: what it does not know is an error, what it was given does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


E = TypeVar("E", bound=PermanentError)


def about(field: str, error: E) -> E:
    """The error, said of one field of the step (`destination.table`): whoever shows it knows file and line."""
    error.faults = (Fault(field, error.code, error.message),)
    return error


class SecondOpinion(Protocol):
    """The service's own view of what a query reads."""

    def confirm(self, sql: Sql, tenant_id: str) -> tuple[Column, ...] | None:
        """Raise IsolationRefused when the service sees a table that the guard did not.

        The query's columns, at most an hour old; None where only another call would tell them.
        """
        ...


class MailAllowance(Protocol):
    """How many mails a tenant may still be sent."""

    def check(self, tenant_id: str, mails: int) -> None:
        """Raise MailLimitReached when these would be too many for the day."""
        ...


class Destinations(Protocol):
    """Tables that steps write to."""

    def ensure(
        self, tenant_id: str, table: TableRef, schema: TableSchema, *, before_making: Callable[[], None] = lambda: None
    ) -> None:
        """See to it that the table is there, is the tenant's, and has these columns.

        `before_making` is called before a table is made: what it raises leaves none behind.
        """
        ...

    def forget(self, table: TableRef) -> None:
        """Look again next time: the table turned out not to be there."""
        ...


class Services(Protocol):
    """What engines may use of the world. A service that an engine does not use costs nothing."""

    @property
    def settings(self) -> Settings:
        """The settings of this function."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def catalog(self) -> Catalog:
        """Datasets and tables."""
        ...

    @property
    def rows(self) -> Rows:
        """Rows without a query."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Query jobs."""
        ...

    @property
    def api_keys_cipher(self) -> Cipher:
        """The KMS key that encrypts API keys."""
        ...

    @property
    def credentials_cipher(self) -> Cipher:
        """The KMS key that encrypts cloud credentials: `run_pipeline` decrypts what `api` has encrypted."""
        ...

    @property
    def mailer(self) -> Mailer:
        """Sending mail."""
        ...

    @property
    def mail_allowance(self) -> MailAllowance:
        """How many mails a tenant may still be sent."""
        ...

    @property
    def destinations(self) -> Destinations:
        """Tables that steps write to."""
        ...

    @property
    def second_opinion(self) -> SecondOpinion:
        """The service's own view of a query."""
        ...


@dataclass(frozen=True)
class StepContext:
    """The step that an engine works for.

    `seconds_left` is the time until the push deadline, a margin taken off; `timeout_s` is the step's, if it has one.
    `adopted` is to be called when work of an earlier delivery of the run was found; `once.run_once` takes it.
    """

    run: RunMessage
    tenant: Tenant
    step_id: str
    services: Services
    seconds_left: float
    timeout_s: float | None = None
    adopted: Callable[[], None] = lambda: None

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels for the step's jobs: they reach the bill (facts 13)."""
        template = f"{self.run.provider}-{self.run.domain}-{self.run.template_name}"
        return {
            "convergence_tenant": self.run.tenant_id,
            "convergence_template": template[:63],
            "convergence_step": self.step_id[:63],
            "convergence_run": self.run.pipeline_logging_id,
        }

    def job_ids(self, operation: str) -> tuple[str, str, str, str]:
        """What the ids of the step's jobs are made of; `once.run_once` takes it."""
        return self.run.tenant_id, self.run.pipeline_logging_id, self.step_id, operation


@dataclass(frozen=True)
class StepResult:
    """What a step did. `outputs` may be shown; `secret` is for the caller alone, never recorded."""

    rows_written: int | None = None
    bytes_billed: int | None = None
    job_id: str | None = None
    mails_sent: int | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    secret: SecretStr | None = None


F = TypeVar("F", bound=Fields)


class Engine(ABC, Generic[F]):
    """Does the work of steps of one `ps_type`, whose own fields `fields_model` describes.

    It raises the errors of `shared.errors`, and may be asked again for the same step: it must not double its effects.
    """

    fields_model: ClassVar[type[Fields]]
    # Whether doing it again can be told from doing it once: a BigQuery job by its id, a mail by nothing.
    repeatable: ClassVar[bool] = True
    # What the engine calls its BigQuery jobs, as it gives it to `StepContext.job_ids`: whoever finds a run that nobody
    # works on any more looks whether one of its jobs is still alive.
    job_operations: ClassVar[tuple[str, ...]] = ()
    # Most characters of a text that a request put into the step's fields, and no URLs; None where it does not matter.
    request_text_limit: ClassVar[int | None] = None

    def check(self, fields: F, context: StepContext) -> None:
        """Refuse, before anything of the run is done, what can be seen to be wrong. Only settings are looked at.

        The `where` of an error's faults is a field's path; `about` makes such an error.
        """

    def advise(self, fields: F, context: StepContext, used: Set[str]) -> Sequence[Fault]:  # noqa: ARG002 - see `mails`
        """What is allowed, and probably not meant; for `make templates`. `used` are the variables of the step's texts,
        and those that they refer to. The `where` of a fault is a field's path.
        """
        return ()

    def preview(self, fields: F, context: StepContext) -> Mapping[str, str]:  # noqa: ARG002 - see `mails`
        """What a run would do, in words, by what it is about; nothing is done. Queries are shown without it."""
        return {
            name: str(value)
            for name, value in fields
            if name in fields.model_fields_set and not isinstance(value, Sql | BaseModel)
        }

    def writes(self, fields: F, context: StepContext) -> Sequence[TableRef]:  # noqa: ARG002 - see `mails`
        """The tables that a run would make where they are missing: a later step may read them before its first run."""
        return ()

    def foresee(self, fields: F, context: StepContext, columns: Sequence[Column], bytes_billed: int) -> None:
        """Refuse what the dry run of a query shows that the run would fail with; for previews.

        `columns` are what the query returns, `bytes_billed` what it would bill.
        """

    def mails(self, fields: F) -> int:  # noqa: ARG002 - most engines send none
        """How many mails the step sends, one for each address; all steps of a run send at most MOST_MAILS_A_RUN."""
        return 0

    @abstractmethod
    def run(self, fields: F, context: StepContext) -> StepResult:
        """Do the step's work."""
