"""The world in memory: one small class per port of `shared.ports`, each held to its contract in `tests/contract/ports`.

Any method of a fake can be told to fail: `fake.fail("publish", Unavailable("down"))` before it does anything, or
`after=True` once it has done everything, which is what a lost answer looks like. `fake.calls` names what was called.
"""

import base64
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.contracts.faults import nearest
from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.contracts.files.shared_sources import SharedSource
from shared.contracts.sql import Sql
from shared.contracts.tables import Column, DatasetRef, TableRef, TableSchema
from shared.contracts.template_address import TemplateAddress
from shared.errors import IsolationRefused, MailRefused, NotFound, PayloadRefused, QueryFailed, TemplateNotFound
from shared.ports import Allowance, Dataset, DryRun, Job, JobError, JobExists, Mail, Message, QueryJob, Row
from shared.runs.mail_allowance import MailAllowance
from shared.settings import Settings
from shared.tenants.destinations import TenantDestinations
from shared.tenants.directory import Directory
from shared.tenants.metadata import metadata_schema
from shared.tenants.rate_limits import RateLimits
from tests.dml import Statement

START = datetime(2025, 11, 20, 8, 0, tzinfo=UTC)


class Fallible:
    """What all fakes have in common: `calls`, and calls that fail when told to."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._failures: list[tuple[str, Exception, bool]] = []
        self._failing = threading.Lock()

    def fail(self, method: str, error: Exception, *, after: bool = False, times: int = 1) -> None:
        """The next `times` calls of the method raise `error`: before they act, or after."""
        self._failures += [(method, error, after)] * times

    @contextmanager
    def _call(self, method: str) -> Iterator[None]:
        with self._failing:
            self.calls.append(method)
            failure = next((each for each in self._failures if each[0] == method), None)
            if failure:
                self._failures.remove(failure)
        if failure and not failure[2]:
            raise failure[1]
        yield
        if failure:
            raise failure[1]


class FakeClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class FakeMessageBus(Fallible):
    """Keeps what is published to the topics that there are."""

    def __init__(self, *topics: str) -> None:
        super().__init__()
        self.topics = topics or ("pipeline-runs",)
        self.published: list[tuple[str, Message]] = []

    def publish_chunks(self, topic: str, chunks: Iterable[Sequence[Message]]) -> Iterator[int]:
        for chunk in chunks:
            yield len(self.publish(topic, chunk))

    def publish(self, topic: str, messages: Sequence[Message]) -> list[str]:
        with self._call("publish"):
            if topic not in self.topics:
                raise NotFound(f"no topic {topic}")
            self.published += [(topic, message) for message in messages]
            last = len(self.published)
            return [str(number) for number in range(last - len(messages) + 1, last + 1)]


# ── BigQuery ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class FakeTable:
    """A table: `stored` rows were loaded or queried into it, `streamed` ones are seen by queries only (facts 6)."""

    schema: TableSchema
    labels: Mapping[str, str]
    stored: list[Row] = field(default_factory=list)
    streamed: dict[str, Row] = field(default_factory=dict)

    def typed(self, rows: Iterable[Row], columns: Sequence[Column]) -> list[dict[str, Any]]:
        return [{column.name: _typed(column, row.get(column.name)) for column in columns} for row in rows]


class FakeBigQuery:
    """What `FakeCatalog`, `FakeRows` and `FakeJobs` share: datasets, tables, the ids of jobs."""

    def __init__(self) -> None:
        self.datasets: dict[DatasetRef, Dataset] = {}
        self.tables: dict[TableRef, FakeTable] = {}
        self.views: set[TableRef] = set()
        self.load_jobs: set[str] = set()
        self._etags = 0

    def put(self, dataset: DatasetRef, labels: Mapping[str, str]) -> None:
        """Make a dataset, or change its labels."""
        self._etags += 1
        self.datasets[dataset] = Dataset(dataset, dict(labels), f"etag-{self._etags}")

    def drop(self, dataset: DatasetRef) -> None:
        """Remove a dataset with all that is in it."""
        for table in [each for each in self.tables if each.dataset_ref == dataset]:
            del self.tables[table]
        del self.datasets[dataset]

    def events(self, table: TableRef) -> list[dict[str, Any]]:
        """Every row of a table, streamed ones too, as a query sees them."""
        found = self.table(table)
        return found.typed([*found.stored, *found.streamed.values()], found.schema.fields)

    def table(self, table: TableRef) -> FakeTable:
        if table not in self.tables:
            raise NotFound(f"notFound: Not found: Table {table.project}:{table.dataset}.{table.table}")
        return self.tables[table]


class FakeCatalog(Fallible):
    """`ports.Catalog`."""

    def __init__(self, warehouse: FakeBigQuery) -> None:
        super().__init__()
        self._warehouse = warehouse

    def get_dataset(self, ref: DatasetRef) -> Dataset | None:
        with self._call("get_dataset"):
            return self._warehouse.datasets.get(ref)

    def create_dataset(self, ref: DatasetRef, *, location: str, labels: Mapping[str, str], description: str) -> bool:
        with self._call("create_dataset"):
            if ref in self._warehouse.datasets:
                return False
            self._warehouse.put(ref, labels)
            return True

    def set_labels(self, dataset: Dataset, labels: Mapping[str, str]) -> bool:
        with self._call("set_labels"):
            if self._warehouse.datasets[dataset.ref].etag != dataset.etag:
                return False
            self._warehouse.put(dataset.ref, labels)
            return True

    def datasets(self, project: str, *, labels: Mapping[str, str] | None = None) -> Iterable[Dataset]:
        with self._call("datasets"):
            found = [each for ref, each in self._warehouse.datasets.items() if ref.project == project]
            wanted = (labels or {}).items()
            return [replace(each, etag="") for each in found if wanted <= each.labels.items()]

    def tables(self, ref: DatasetRef) -> list[str]:
        with self._call("tables"):
            return sorted(table.table for table in self._warehouse.tables if table.dataset_ref == ref)

    def delete_dataset(self, dataset: Dataset) -> bool:
        with self._call("delete_dataset"):
            found = self._warehouse.datasets.get(dataset.ref)
            if found is None or found.etag != dataset.etag:
                return False
            self._warehouse.drop(dataset.ref)
            return True

    def get_schema(self, table: TableRef) -> TableSchema | None:
        with self._call("get_schema"):
            found = self._warehouse.tables.get(table)
            return found.schema if found else None

    def is_view(self, table: TableRef) -> bool:
        with self._call("is_view"):
            return table in self._warehouse.views

    def create_table(self, table: TableRef, schema: TableSchema, *, labels: Mapping[str, str]) -> bool:
        with self._call("create_table"):
            if table.dataset_ref not in self._warehouse.datasets:
                raise NotFound(f"no dataset {table.dataset_ref}")
            if table in self._warehouse.tables:
                return False
            self._warehouse.tables[table] = FakeTable(schema, dict(labels))
            return True

    def add_columns(self, table: TableRef, schema: TableSchema) -> None:
        with self._call("add_columns"):
            found = self._warehouse.table(table)
            lost = {column.name for column in found.schema.fields} - {column.name for column in schema.fields}
            if lost:
                raise PayloadRefused(f"columns cannot be dropped: {', '.join(sorted(lost))}")
            found.schema = found.schema.model_copy(update={"fields": schema.fields})


class FakeRows(Fallible):
    """`ports.Rows`."""

    def __init__(self, warehouse: FakeBigQuery) -> None:
        super().__init__()
        self._warehouse = warehouse
        self.broken: dict[str, Exception] = {}
        """What appending to the table of this name raises, for as long as it is here."""

    def stored(self, table: TableRef, schema: TableSchema, *, limit: int) -> list[dict[str, Any]] | None:
        with self._call("stored"):
            found = self._warehouse.tables.get(table)
            return found.typed(found.stored[:limit], schema.fields) if found else None

    def append(self, table: TableRef, rows: Sequence[tuple[str, Row]]) -> None:
        with self._call("append"):
            if table.table in self.broken:
                raise self.broken[table.table]
            found = self._warehouse.table(table)
            known = {column.name for column in found.schema.fields}
            wrong = sorted({name for _, row in rows for name in row if name not in known})
            try:
                found.typed([row for _, row in rows], found.schema.fields)
            except ValueError:
                wrong.append("a value")
            if wrong:
                raise PayloadRefused(f"{table.table} took none of {len(rows)} rows: {', '.join(wrong)} invalid")
            for insert_id, row in rows:
                found.streamed.setdefault(insert_id, dict(row))

    def replace(self, table: TableRef, schema: TableSchema, rows: Sequence[Row], *, job_id: str) -> None:
        with self._call("replace"):
            found = self._warehouse.table(table)
            if job_id not in self._warehouse.load_jobs:
                self._warehouse.load_jobs.add(job_id)
                found.stored, found.streamed = [dict(row) for row in rows], {}


@dataclass(frozen=True)
class Answer:
    """What a query gives: rows and columns, what it reads and bills, or how its job fails."""

    rows: Sequence[Row] = ()
    columns: tuple[Column, ...] = ()
    reads: frozenset[TableRef] = frozenset()
    bytes_billed: int = 10 * 1024**2
    error: JobError | None = None


class FakeJobs(Fallible):
    """`ports.Jobs`. It knows the answers that it was told, by the query's text, and what the platform itself writes:
    `SELECT … FROM t WHERE a = @a AND b > @b AND at >= @at … ORDER BY c`, and the DML of `tests.dml`.
    """

    def __init__(self, warehouse: FakeBigQuery) -> None:
        super().__init__()
        self._warehouse = warehouse
        self._answers: dict[str, list[Answer]] = {}
        self._otherwise: list[Answer] = []
        self._jobs: dict[str, tuple[QueryJob, Job]] = {}
        self.inserted: list[tuple[str, QueryJob]] = []
        self.stuck = False
        """While True, jobs run and run."""
        self.dml_errors: list[JobError] = []
        """How the next DML jobs fail."""

    def answer(self, text: str, *answers: Answer) -> None:
        """What jobs of this query give, one after the other; the last one again and again. A dry run peeks."""
        self._answers[text] = list(answers)

    def answer_all(self, answer: Answer) -> None:
        """What every query gives that was not answered by its text."""
        self._otherwise = [answer]

    def insert(self, job_id: str, job: QueryJob) -> Job:
        with self._call("insert"):
            if job_id in self._jobs:
                raise JobExists(job_id)
            self.inserted.append((job_id, job))
            running = Job(job_id, False, dict(job.labels), job.destination, job.partition)
            self._jobs[job_id] = job, running
            return running

    def find(self, job_id: str, *, timeout_s: float) -> Job:
        return self.get(job_id)

    def get(self, job_id: str) -> Job:
        with self._call("get"):
            return self._now(job_id)

    def is_running(self, job_id: str) -> bool:
        with self._call("is_running"):
            return not self._now(job_id).done

    def wait(self, job_id: str, *, timeout_s: float) -> Job:
        with self._call("wait"):
            return self._now(job_id)

    def cancel(self, job_id: str) -> None:
        with self._call("cancel"):
            query, job = self._jobs.get(job_id, (None, None))
            if query and job and not job.done:
                stopped = JobError("stopped", "Job execution was cancelled: User requested cancellation", False)
                self._jobs[job_id] = query, replace(job, done=True, error=stopped)

    def dry_run(self, sql: Sql) -> DryRun:
        with self._call("dry_run"):
            answer = self._of(sql)[0]
            if answer.error and answer.error.reason == "notFound":
                raise NotFound(f"BigQuery: NotFound (notFound): {answer.error.message}")
            if answer.error:
                raise QueryFailed(f"{answer.error.reason}: {answer.error.message}", reason=answer.error.reason)
            return DryRun(answer.bytes_billed, answer.reads, answer.columns)

    def stream(self, sql: Sql) -> Iterator[dict[str, Any]]:
        with self._call("stream"):
            rows = self.select(sql, max_rows=1_000_000)
        yield from rows

    def select(self, sql: Sql, *, max_rows: int = 1_000) -> list[dict[str, Any]]:
        with self._call("select"):
            if sql.text in self._answers:
                return [dict(row) for row in self._next(sql).rows][:max_rows]
            table = re.search(r"FROM `([^`]+)`", sql.text)
            if table is None:
                raise AssertionError(f"the fake was not told what this query gives: {sql.text}")
            values = {each.name: each.value for each in sql.parameters}
            wanted = {column: values[name] for column, name in re.findall(r"(\w+) = @(\w+)", sql.text)}
            after = {column: values[name] for column, name in re.findall(r"(\w+) > @(\w+)", sql.text)}
            since = {
                column: datetime.fromisoformat(str(values[name]))
                for column, name in re.findall(r"(\w+) >= @(\w+)", sql.text)
            }
            events = self._warehouse.events(TableRef.parse(table[1]))
            found = [
                row
                for row in events
                if all(row[name] == value for name, value in wanted.items())
                and all(row[name] > value for name, value in after.items())
                and all(row[name] >= value for name, value in since.items())
            ]
            if order := re.search(r" ORDER BY (\w+)", sql.text):
                found.sort(key=lambda row: row[order[1]])
            return found[:max_rows]

    def _now(self, job_id: str) -> Job:
        """The job; the first look at one that may end does its work."""
        if job_id not in self._jobs:
            raise NotFound(f"notFound: Not found: Job {job_id}")
        query, job = self._jobs[job_id]
        if not job.done and not self.stuck:
            job = self._ended(query, job)
            self._jobs[job_id] = query, job
        return job

    def _ended(self, query: QueryJob, job: Job) -> Job:
        if re.match(r"INSERT|UPDATE|DELETE|MERGE", query.sql.text):
            return self._changed(query, job)
        answer = self._next(query.sql)
        error = answer.error or self._refused(query, answer)
        if error:
            return replace(job, done=True, error=error)
        if query.destination:
            self._write(self._warehouse.tables[query.destination], query, answer.rows)
        return replace(job, done=True, rows=len(answer.rows), bytes_billed=answer.bytes_billed)

    def _changed(self, query: QueryJob, job: Job) -> Job:
        statement = Statement(query.sql)
        assert statement.table is not None
        if statement.table not in self._warehouse.tables:
            return replace(job, done=True, error=JobError("notFound", f"Not found: Table {statement.table}", False))
        if self.dml_errors:
            return replace(job, done=True, error=self.dml_errors.pop(0))
        found = self._warehouse.tables[statement.table]
        stored, count = statement.run([dict(row) for row in found.stored])
        found.stored = list(stored)
        return replace(job, done=True, rows=count, bytes_billed=0)

    def _refused(self, query: QueryJob, answer: Answer) -> JobError | None:
        limit, table = query.maximum_bytes_billed, query.destination
        if limit is not None and answer.bytes_billed > limit:
            return JobError("bytesBilledLimitExceeded", f"Query exceeded limit for bytes billed: {limit}.", False)
        if table is None:
            return None
        if table not in self._warehouse.tables:
            return JobError("notFound", f"Not found: Table {table.project}:{table.dataset}.{table.table}", False)
        by = self._warehouse.tables[table].schema.partition_field
        if query.partition and by and any(_day(row[by]) != query.partition for row in answer.rows):
            text = "Some rows belong to different partitions rather than destination partition"
            return JobError("invalid", f"{text} {table.table}${query.partition}", False)
        return None

    def _write(self, table: FakeTable, query: QueryJob, rows: Sequence[Row]) -> None:
        kept = list(table.stored)
        if query.write == "WRITE_TRUNCATE":
            by = table.schema.partition_field
            kept = [row for row in kept if query.partition and by and _day(row[by]) != query.partition]
        table.stored = [*kept, *(dict(row) for row in rows)]

    def _of(self, sql: Sql) -> list[Answer]:
        found = self._answers.get(sql.text, self._otherwise)
        if not found:
            raise AssertionError(f"the fake was not told what this query gives: {sql.text}")
        return found

    def _next(self, sql: Sql) -> Answer:
        answers = self._of(sql)
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _day(value: Any) -> str:
    return str(value)[:10].replace("-", "")


def _typed(column: Column, value: Any) -> Any:
    """A value as Google's client gives it for what JSON rows hold."""
    if column.mode == "REPEATED":
        return [_typed(column.model_copy(update={"mode": "NULLABLE"}), each) for each in value or ()]
    if value is None or not isinstance(value, str):
        return value
    if column.type == "TIMESTAMP":
        return datetime.fromisoformat(value)
    if column.type == "DATE":
        return date.fromisoformat(value)
    return base64.b64decode(value) if column.type == "BYTES" else value


# ── the rest ────────────────────────────────────────────────────────────────────────────────────────────────────────


class FakeCipher(Fallible):
    """Remembers what it encrypted, and what it was bound to."""

    def __init__(self) -> None:
        super().__init__()
        self._sealed: dict[bytes, tuple[str, bytes]] = {}

    def encrypt(self, plaintext: bytes, *, bound_to: str) -> bytes:
        with self._call("encrypt"):
            if len(plaintext) > 64 * 1024:
                raise PayloadRefused("KMS: plaintext has too many bytes")
            ciphertext = f"sealed-{len(self._sealed) + 1}".encode()
            self._sealed[ciphertext] = bound_to, plaintext
            return ciphertext

    def decrypt(self, ciphertext: bytes, *, bound_to: str) -> bytes:
        with self._call("decrypt"):
            bound, plaintext = self._sealed.get(ciphertext, ("", b""))
            if bound != bound_to:
                raise PayloadRefused("KMS: decryption failed")
            return plaintext


class FakeSecrets(Fallible):
    """Secrets by name; a version never changes, and is read once."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        super().__init__()
        self._secrets = secrets

    def read(self, name: str) -> str:
        with self._call("read"):
            if name not in self._secrets:
                raise NotFound(f"no secret {name}")
            return self._secrets[name].strip()


class FakeMailer(Fallible):
    """Keeps the mails, and refuses those that SendGrid would."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Mail] = []
        self.broken: dict[str, BaseException] = {}
        """What sending a mail with this subject raises, for as long as it is here."""

    def send(self, mail: Mail) -> None:
        with self._call("send"):
            if mail.subject in self.broken:
                raise self.broken[mail.subject]
            if "\n" in mail.subject or not all(re.fullmatch(r"[^@\s]+@[^@\s]+", address) for address in mail.to):
                raise MailRefused("SendGrid refused the mail with status 400")
            self.sent.append(mail)


class FakeTemplates(Fallible):
    """Templates and shared sources, without files."""

    def __init__(self, *templates: PipelineTemplate, sources: Sequence[SharedSource] = ()) -> None:
        super().__init__()
        self._templates = {template.address: template for template in templates}
        self._sources = tuple(sources)

    def get(self, address: TemplateAddress) -> PipelineTemplate:
        with self._call("get"):
            if address not in self._templates:
                raise TemplateNotFound(
                    f"no template {str(address)!r}; {nearest(str(address), map(str, self._templates))}"
                )
            return self._templates[address]

    def sources(self) -> tuple[SharedSource, ...]:
        return self._sources


class FakeSecondOpinion(Fallible):
    """Agrees with the guard, unless told of a table that the guard did not see; says the columns that it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.unseen: set[TableRef] = set()
        self.columns: tuple[Column, ...] | None = None

    def confirm(self, sql: Sql, tenant_id: str) -> tuple[Column, ...] | None:
        with self._call("confirm"):
            if self.unseen - sql.reads:
                raise IsolationRefused("the service sees a table that the guard did not")
            return self.columns


class FakeRateLimiter(Fallible):
    """`ports.RateLimiter` whose window never ends."""

    def __init__(self) -> None:
        super().__init__()
        self.hits: Counter[tuple[str, ...]] = Counter()

    def hit(self, limit: str, *who: str) -> Allowance:
        with self._call("hit"):
            most, window_s = (
                int(limit.partition("/")[0]),
                {"second": 1, "minute": 60, "day": 86_400}[limit.partition("/")[2]],
            )
            allowed = self.hits[limit, *who] < most
            self.hits[limit, *who] += allowed
            return Allowance(allowed, most, most - self.hits[limit, *who], window_s, window_s / 2)


class FakeServices:
    """`engines.base.Services`, made of fakes over one warehouse."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = FakeClock()
        self.warehouse = FakeBigQuery()
        self.catalog = FakeCatalog(self.warehouse)
        self.rows = FakeRows(self.warehouse)
        self.jobs = FakeJobs(self.warehouse)
        self.bus = FakeMessageBus(
            settings.pipeline_runs_topic, settings.pipeline_runs_bulk_topic, settings.pipeline_batches_topic
        )
        self.api_keys_cipher = FakeCipher()
        self.credentials_cipher = FakeCipher()
        self.mailer = FakeMailer()
        tenants = metadata_schema(settings.templates_dir, "x_meta_tenant.json")
        self.directory = Directory(self.rows, self.clock, data_project=settings.data_project, schema=tenants)
        self.destinations = TenantDestinations(self.catalog, self.directory, location=settings.location)
        control = DatasetRef(settings.gcp_project_id, settings.control_dataset)
        self.mail_allowance = MailAllowance(self.jobs, self.clock, control)
        self.rate_limiter = FakeRateLimiter()
        self.rate_limits = RateLimits(self.rate_limiter, FakeRateLimiter(), self.clock, settings)
        self.second_opinion = FakeSecondOpinion()

    def calls(self) -> Counter[str]:
        """How often each method of BigQuery was called."""
        return Counter([*self.catalog.calls, *self.rows.calls, *self.jobs.calls])
