"""The BigQuery adapters, and the waiting that a test needs where the service takes a moment.

Two things take one. A table that was just made may not be known to streaming yet: insertAll answers notFound
(googleapis/google-cloud-go, issue 975; "Metadata errors for streaming inserts" in Google's troubleshooting page). And
the first rows that are streamed into a table may not be seen by queries for up to two minutes. The platform lives with
both (decision 3); a suite that asks at once what it wrote has to wait, and waits here, not in its own lines.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from google.cloud import bigquery
from test_utils.retry import RetryErrors, RetryResult

from shared.adapters.bigquery import BigQueryCatalog, BigQueryJobs, BigQueryRows
from shared.contracts.sql import Sql
from shared.contracts.tables import DatasetRef, TableRef, TableSchema
from shared.errors import NotFound
from shared.ports import Dataset, Job, QueryJob, Row

# What a dataset of the suites bears, by which a later run knows that it may be removed.
SYSTEM_LABEL = "convergence_system"
# Tries one, two, four, … seconds apart: 127 s with seven of them, which is more than the two minutes of above.
MOST_TRIES = 7


@dataclass
class Moments:
    """What the service may still need a moment for: tables of ours, and the rows in them that nobody has queried.

    `delay_s` is from the first try to the second.
    """

    delay_s: float = 1.0
    made: set[TableRef] = field(default_factory=set)
    loaded: dict[TableRef, int] = field(default_factory=dict)
    streamed: dict[TableRef, set[str]] = field(default_factory=dict)
    unseen: set[TableRef] = field(default_factory=set)

    def until(self, holds: Callable[[Any], bool]) -> RetryResult:
        """Asks again until the answer is as it should be; raises BackoffFailed where it never is."""
        return RetryResult(holds, max_tries=MOST_TRIES, delay=self.delay_s)


class SettledCatalog(BigQueryCatalog):
    """A dataset that was made is there, whichever server is asked next.

    It bears SYSTEM_LABEL, too, of which the suites see nothing.
    """

    def __init__(self, client: bigquery.Client, moments: Moments) -> None:
        super().__init__(client)
        self._moments = moments

    def create_dataset(self, ref: DatasetRef, *, location: str, labels: Mapping[str, str], description: str) -> bool:
        made = super().create_dataset(ref, location=location, labels=_as_ours(labels), description=description)

        def is_listed(listed: set[DatasetRef]) -> bool:
            return ref in listed

        if made:
            self._moments.until(_is_there)(super().get_dataset)(ref)
        if made and labels:
            self._moments.until(is_listed)(self._bearing)(ref.project, labels)
        return made

    def get_dataset(self, ref: DatasetRef) -> Dataset | None:
        found = super().get_dataset(ref)
        return found and _as_asked(found)

    def set_labels(self, dataset: Dataset, labels: Mapping[str, str]) -> bool:
        return super().set_labels(dataset, _as_ours(labels))

    def datasets(self, project: str, *, labels: Mapping[str, str] | None = None) -> Iterator[Dataset]:
        return (_as_asked(each) for each in super().datasets(project, labels=labels))

    def create_table(self, table: TableRef, schema: TableSchema, *, labels: Mapping[str, str]) -> bool:
        made = super().create_table(table, schema, labels=labels)
        if made:
            self._moments.made.add(table)
        return made

    def _bearing(self, project: str, labels: Mapping[str, str]) -> set[DatasetRef]:
        return {each.ref for each in self.datasets(project, labels=labels)}


class SettledRows(BigQueryRows):
    """Streams into tables that were just made, and notes what queries are to see."""

    def __init__(self, client: bigquery.Client, moments: Moments) -> None:
        super().__init__(client)
        self._moments = moments

    def append(self, table: TableRef, rows: Sequence[tuple[str, Row]]) -> None:
        is_ours = table in self._moments.made
        patient = RetryErrors(NotFound, lambda _: is_ours, max_tries=MOST_TRIES, delay=self._moments.delay_s)
        patient(super().append)(table, rows)
        self._moments.streamed.setdefault(table, set()).update(insert_id for insert_id, _ in rows)
        self._moments.unseen.add(table)

    def replace(self, table: TableRef, schema: TableSchema, rows: Sequence[Row], *, job_id: str) -> None:
        super().replace(table, schema, rows, job_id=job_id)
        self._moments.loaded[table] = len(rows)
        self._moments.streamed.pop(table, None)


class SettledJobs(BigQueryJobs):
    """Queries what was streamed once all of it can be seen. Raises BackoffFailed where it never is."""

    def __init__(self, client: bigquery.Client, moments: Moments) -> None:
        super().__init__(client)
        self._moments = moments

    def insert(self, job_id: str, job: QueryJob) -> Job:
        self._settle()
        return super().insert(job_id, job)

    def stream(self, sql: Sql) -> Iterator[dict[str, Any]]:
        self._settle()
        return super().stream(sql)

    def select(self, sql: Sql, *, max_rows: int = 1_000) -> list[dict[str, Any]]:
        self._settle()
        return super().select(sql, max_rows=max_rows)

    def _settle(self) -> None:
        while self._moments.unseen:
            table = next(iter(self._moments.unseen))
            expected = self._moments.loaded.get(table, 0) + len(self._moments.streamed.get(table, ()))

            def are_seen(count: int, expected: int = expected) -> bool:
                return count >= expected

            self._moments.until(are_seen)(self._count)(table)
            self._moments.unseen.discard(table)

    def _count(self, table: TableRef) -> int:
        (row,) = super().select(Sql(f"SELECT COUNT(*) AS n FROM `{table}`"))
        return int(row["n"])


def _is_there(found: Dataset | None) -> bool:
    return found is not None


def _as_ours(labels: Mapping[str, str]) -> dict[str, str]:
    return {**labels, SYSTEM_LABEL: "suite"}


def _as_asked(dataset: Dataset) -> Dataset:
    return replace(dataset, labels={name: value for name, value in dataset.labels.items() if name != SYSTEM_LABEL})
