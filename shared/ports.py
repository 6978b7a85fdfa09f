"""What Convergence needs of the world, in its own words. Adapters fulfil it; `wiring` picks them.

Every method may raise the errors of `shared.errors`: `TransientError` where the same call may succeed later.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.contracts.sql import Sql
from shared.contracts.tables import Column, DatasetRef, TableRef, TableSchema
from shared.contracts.template_address import TemplateAddress

Row = Mapping[str, Any]


class Clock(Protocol):
    """The time. Injected so that tests can set it."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


# ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Message:
    """What is published: at most 10 MB; attributes at most 100, keys 256 and values 1,024 bytes (Pub/Sub quotas)."""

    data: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)


class MessageBus(Protocol):
    """Publishing. What it returns for is stored by the service."""

    def publish(self, topic: str, messages: Sequence[Message]) -> list[str]:
        """Publish to a topic of this project and wait until every message is confirmed; their ids, in order.

        Raises NotConfirmed when a confirmation did not come: the message may or may not be published.
        """
        ...

    def publish_chunks(self, topic: str, chunks: Iterable[Sequence[Message]]) -> Iterator[int]:
        """Publish chunks of at most 1,000 messages, several at the same time, and say how many of each are confirmed.

        In the order of the chunks; those after one that is yielded may be published already. Takes no more chunks than
        are under way, so that memory does not grow with their number. Raises NotConfirmed.
        """
        ...


# ── BigQuery: what there is ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Dataset:
    """A dataset as the service knows it. `etag` changes with every change."""

    ref: DatasetRef
    labels: Mapping[str, str]
    etag: str = ""


class Catalog(Protocol):
    """Datasets and tables."""

    def get_dataset(self, ref: DatasetRef) -> Dataset | None:
        """The dataset, or None."""
        ...

    def create_dataset(self, ref: DatasetRef, *, location: str, labels: Mapping[str, str], description: str) -> bool:
        """Make a dataset that only its owner and the project's service accounts may read; False if it was there."""
        ...

    def set_labels(self, dataset: Dataset, labels: Mapping[str, str]) -> bool:
        """Set labels if the dataset is still as given (its etag); False if somebody else changed it meanwhile."""
        ...

    def datasets(self, project: str, *, labels: Mapping[str, str] | None = None) -> Iterable[Dataset]:
        """The datasets of a project that bear these labels, without etag.

        A call a page: without labels costly with ten thousand tenants.
        """
        ...

    def tables(self, ref: DatasetRef) -> list[str]:
        """The names of a dataset's tables, sorted; none where there is no such dataset."""
        ...

    def delete_dataset(self, dataset: Dataset) -> bool:
        """Delete a dataset with all that is in it, for good, if it is still as `get_dataset` gave it (its etag).

        False if it was not there any more, or changed, or another one of its name had taken its place.
        """
        ...

    def get_schema(self, table: TableRef) -> TableSchema | None:
        """A table's columns, partitioning and clustering, or None where there is no such table."""
        ...

    def is_view(self, table: TableRef) -> bool:
        """Whether what has this name takes its rows from elsewhere: a view of any kind, an external table."""
        ...

    def create_table(self, table: TableRef, schema: TableSchema, *, labels: Mapping[str, str]) -> bool:
        """Make a table; False if it was there. Raises NotFound where its dataset is not there."""
        ...

    def add_columns(self, table: TableRef, schema: TableSchema) -> None:
        """Give the table this schema, which must be its own plus new columns."""
        ...


# ── BigQuery: rows ──────────────────────────────────────────────────────────────────────────────────────────────────


class Rows(Protocol):
    """Rows without a query: free and quick."""

    def stored(self, table: TableRef, schema: TableSchema, *, limit: int) -> list[dict[str, Any]] | None:
        """The first rows by `tabledata.list`, or None where there is no such table.

        `schema` spares the call that would ask for it. Streamed rows are not among them (facts 6): only what a load
        job or DML wrote.
        """
        ...

    def append(self, table: TableRef, rows: Sequence[tuple[str, Row]]) -> None:
        """Stream rows, each with the insertId by which the service drops doubles (best effort, about a minute).

        Raises NotFound where the table is not there, or not yet for streaming; Unavailable where the table has a column
        that streaming does not know yet; PayloadRefused when a row does not fit. None was written then.
        """
        ...

    def replace(self, table: TableRef, schema: TableSchema, rows: Sequence[Row], *, job_id: str) -> None:
        """Replace all rows by a load job. The same `job_id` again does nothing."""
        ...


# ── BigQuery: jobs ──────────────────────────────────────────────────────────────────────────────────────────────────

Write = Literal["WRITE_TRUNCATE", "WRITE_APPEND", "WRITE_EMPTY"]
Priority = Literal["INTERACTIVE", "BATCH"]


@dataclass(frozen=True)
class QueryJob:
    """A query to run. With `destination` its rows go there; `partition` (`YYYYMMDD`) names the one DAY partition.

    `reservation` names the slots it runs in, `projects/…/locations/…/reservations/…`; empty leaves that to BigQuery.
    """

    sql: Sql
    destination: TableRef | None = None
    partition: str | None = None
    write: Write = "WRITE_TRUNCATE"
    labels: Mapping[str, str] = field(default_factory=dict)
    priority: Priority = "INTERACTIVE"
    reservation: str = ""
    maximum_bytes_billed: int | None = None
    timeout_s: float | None = None


@dataclass(frozen=True)
class JobError:
    """Why a job failed: BigQuery's reason and message, and whether a new job might succeed."""

    reason: str
    message: str
    transient: bool


@dataclass(frozen=True)
class Job:
    """A job as the service knows it. `rows` and `bytes_billed` are known once it is done without error."""

    job_id: str
    done: bool
    labels: Mapping[str, str] = field(default_factory=dict)
    destination: TableRef | None = None
    partition: str | None = None
    error: JobError | None = None
    rows: int | None = None
    bytes_billed: int | None = None


@dataclass(frozen=True)
class DryRun:
    """What a query would read and return: bytes, the tables that the service itself found in it, the columns."""

    bytes_processed: int
    tables: frozenset[TableRef]
    columns: tuple[Column, ...] = ()


class JobExists(Exception):
    """A job of this id was inserted before: perhaps by us, before a crash or a lost answer (facts 7)."""


class Jobs(Protocol):
    """Query jobs. The caller chooses the id, and so decides what is the same job."""

    def insert(self, job_id: str, job: QueryJob) -> Job:
        """Start a query job. Raises JobExists when the id is used: `find` it then."""
        ...

    def find(self, job_id: str, *, timeout_s: float) -> Job:
        """The job of an id that is used, as `get` has it.

        The service can say for a while that it is not there (facts 36): it is asked again, for at most `timeout_s`.
        Raises Unavailable when it is not shown by then; a redelivery asks again.
        """
        ...

    def get(self, job_id: str) -> Job:
        """The job as it is now, with how many rows it gave: its own account's. Raises NotFound."""
        ...

    def is_running(self, job_id: str) -> bool:
        """Whether the job is not done yet: one call, for its state alone. Raises NotFound.

        For jobs of other accounts, too: results without a destination lie in an anonymous dataset, which nobody may
        read but who ran the query (BigQuery's page "Using cached query results").
        """
        ...

    def wait(self, job_id: str, *, timeout_s: float) -> Job:
        """Wait for the job to end, at most `timeout_s`; then as `get`."""
        ...

    def cancel(self, job_id: str) -> None:
        """Ask for the job's end; it may end by itself before. A job that is not there is no error."""
        ...

    def dry_run(self, sql: Sql) -> DryRun:
        """Ask what a query would read; free. Raises QueryFailed where the query is wrong."""
        ...

    def stream(self, sql: Sql) -> Iterator[dict[str, Any]]:
        """Run a query and return its rows page by page, however many there are; in constant memory."""
        ...

    def select(self, sql: Sql, *, max_rows: int = 1_000) -> list[dict[str, Any]]:
        """Run a small query and return its rows; for history and registry, never for pipelines."""
        ...


# ── the rest ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Cipher(Protocol):
    """Encryption by a key that never leaves its service."""

    def encrypt(self, plaintext: bytes, *, bound_to: str) -> bytes:
        """Encrypt; only a decryption that names the same `bound_to` (`tenant|field|id`) can succeed."""
        ...

    def decrypt(self, ciphertext: bytes, *, bound_to: str) -> bytes:
        """What was encrypted. Raises PayloadRefused where it was bound to something else, or by another key.

        Raises AccessDenied where this service account may only encrypt: no function decrypts API keys.
        """
        ...


class Secrets(Protocol):
    """Secrets by their pinned version's name."""

    def read(self, name: str) -> str:
        """The secret; read once an instance and kept."""
        ...


@dataclass(frozen=True)
class Mail:
    """A mail to send. `reference` (run and step) travels as a custom argument, to find doubles by."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str | None = None
    reference: Mapping[str, str] = field(default_factory=dict)


class Mailer(Protocol):
    """Sending mail."""

    def send(self, mail: Mail) -> None:
        """Hand the mail to the mail service. Raises MailRefused, or a TransientError when it may be tried again."""
        ...


@dataclass(frozen=True)
class Allowance:
    """What a rate limit says of one hit: `limit` hits in `window_s` seconds, `remaining` of them left.

    `wait_s` is when it is worth trying again.
    """

    allowed: bool
    limit: int
    remaining: int
    window_s: int
    wait_s: float


class RateLimiter(Protocol):
    """Counts hits in windows of time."""

    def hit(self, limit: str, *who: str) -> Allowance:
        """Count one hit of `who` against a limit such as `50/minute`; one that is not allowed is not counted.

        Raises Unavailable when the store does not answer.
        """
        ...


class Templates(Protocol):
    """Pipeline templates by address."""

    def get(self, address: TemplateAddress) -> PipelineTemplate:
        """The template. Raises TemplateNotFound with the nearest names, TemplateInvalid with every fault."""
        ...
