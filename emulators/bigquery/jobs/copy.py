"""Run copy jobs: stored rows of tables into another table; streamed rows are left behind.

Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationTableCopy,
…/docs/managing-tables#copy-table
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from emulators.bigquery import partitions
from emulators.bigquery.errors import invalid, not_implemented
from emulators.bigquery.jobs import destinations, permits
from emulators.bigquery.jobs.host import Host
from emulators.bigquery.jobs.job import Job
from emulators.bigquery.storage.records import TableRecord


class CopyRunner:
    """Runs copy jobs in worker threads."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.catalog = host.catalog

    def check(self, config: dict[str, Any]) -> None:
        """Raise for a configuration that makes no job at all."""
        if not config.get("destinationTable"):
            raise invalid("Required parameter is missing: destinationTable")
        if not sources(config):
            raise invalid("Required parameter is missing: sourceTable")
        if config.get("operationType") not in {None, "COPY", "OPERATION_TYPE_UNSPECIFIED"}:
            raise not_implemented(f"the copy operation {config['operationType']}")
        for reference in sources(config):
            destinations.named(reference, "sourceTable")
        if config.get("writeDisposition") == "WRITE_TRUNCATE_DATA":
            raise not_implemented("the write disposition WRITE_TRUNCATE_DATA of a copy")
        destinations.read(config, default_write="WRITE_EMPTY")

    def run(self, job: Job) -> None:
        """Copy; raises ApiError."""
        config = job.configuration["copy"]
        destination = destinations.read(config, default_write="WRITE_EMPTY")
        named = [destinations.named(reference, "sourceTable")[:3] for reference in sources(config)]
        permits.to_copy(job.caller, named, destination)
        job.location = self.catalog.dataset(destination.key[0], destination.key[1]).location
        tables = [self._source(reference, job.location) for reference in sources(config)]
        destinations.check_empty(self.catalog, destination)
        first, part = tables[0]
        if any(_shape(table) != _shape(first) for table, _ in tables):
            raise invalid("Source tables of a copy job must have the same schema and partitioning")
        if part is not None and destination.part is None and self.catalog.find_table(destination.key) is None:
            raise not_implemented("copying one partition into a table that is not there; name its partition")
        content = self._content(tables)
        for key in ("timePartitioning", "rangePartitioning", "clustering"):
            if first.body.get(key):
                destination.body[key] = first.body[key]
        if partitions.by_ingestion(first.body) and destination.part is None:
            destination.parts = content  # rows stay in the partitions they came in
        rows = pa.concat_tables([*content.values(), first.arrow.empty_table()])

        def described(prepared: destinations.Prepared) -> None:
            size = sum(p.size for p in prepared.pieces)
            job.statistics = {"copy": {"copiedRows": str(rows.num_rows), "copiedLogicalBytes": str(size)}}

        destinations.write(self._host, job, destination, rows, first.fields, described)

    def _source(self, reference: dict[str, str], location: str) -> tuple[TableRecord, str | None]:
        project, dataset, name, part = destinations.named(reference, "sourceTable")
        table = self.catalog.table((project, dataset, name))
        if table.is_view:
            raise invalid(f"Cannot copy {table.path}: it is a view")
        if self.catalog.dataset(project, dataset).location != location:
            raise invalid(
                "Cannot read and write in different locations: source: "
                f"{self.catalog.dataset(project, dataset).location}, destination: {location}"
            )
        if part is not None:
            partitions.check_decorator(part, partitions.of(table.body), table.path)
        return table, part

    def _content(self, tables: list[tuple[TableRecord, str | None]]) -> dict[str, pa.Table]:
        """Stored rows by partition; those in the streaming buffer are left behind."""
        pieces: dict[str, list[pa.Table]] = {}
        for table, wanted in tables:
            for _, part, _, data, file in self.catalog.manifest(table.uid, stored_only=True):
                if wanted in {None, part}:
                    pieces.setdefault(part, []).append(self.catalog.read(table, data, file))
        return {part: pa.concat_tables(some) for part, some in pieces.items()}


def _shape(table: TableRecord) -> tuple[object, ...]:
    return table.columns, table.info.required, partitions.of(table.body)


def sources(config: dict[str, Any]) -> list[dict[str, str]]:
    """The tables to be copied."""
    listed: list[dict[str, str]] = config.get("sourceTables") or (
        [config["sourceTable"]] if config.get("sourceTable") else []
    )
    return listed
