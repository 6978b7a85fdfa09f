"""Run copy jobs: stored rows of tables into another table; streamed rows are left behind.

Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationTableCopy,
…/docs/managing-tables#copy-table
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from local.bigquery import partitions
from local.bigquery.errors import invalid, invalid_query, not_implemented
from local.bigquery.jobs import destinations
from local.bigquery.jobs.job import Job

if TYPE_CHECKING:
    from local.bigquery.service import Service

_ATTEMPTS = 10


class CopyRunner:
    """Runs copy jobs in worker threads."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.catalog = service.catalog

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
        destinations.read(config, default_write="WRITE_EMPTY")

    def run(self, job: Job) -> None:
        """Copy; raises ApiError."""
        config = job.configuration["copy"]
        destination = destinations.read(config, default_write="WRITE_EMPTY")
        job.location = self.catalog.dataset(destination.key[0], destination.key[1]).location
        destinations.check_empty(self.catalog, destination)
        tables = []
        for ref in sources(config):
            name, part = partitions.split_decorator(ref["tableId"])
            if part is not None:
                raise not_implemented("copying one partition")
            table = self.catalog.table((ref["projectId"], ref["datasetId"], name))
            if table.is_view:
                raise invalid(f"Cannot copy {table.path}: it is a view")
            tables.append(table)
        first = tables[0]
        if any(partitions.of(t.body) is not None for t in tables) and partitions.of(first.body).field is None:  # type: ignore[union-attr]
            raise not_implemented("copying tables partitioned by ingestion time")
        pieces = [
            self.catalog.read(first, data, file)
            for table in tables
            for _, _, _, data, file in self.catalog.manifest(table.uid, stored_only=True)
        ]
        rows = pa.concat_tables(pieces) if pieces else first.arrow.empty_table()
        for key in ("timePartitioning", "rangePartitioning", "clustering"):
            if first.body.get(key):
                destination.body[key] = first.body[key]
        for _ in range(_ATTEMPTS):
            prepared = destinations.prepare(self.catalog, destination, rows, first.fields, exact=True)
            job.statistics = {
                "copy": {
                    "copiedRows": str(rows.num_rows),
                    "copiedLogicalBytes": str(sum(p.size for p in prepared.pieces)),
                }
            }
            try:
                self.service.finish(job, lambda p=prepared: destinations.commit(self.catalog, p))  # type: ignore[misc]
                return
            except destinations.Changed:
                continue
        raise invalid_query("Could not serialize access to the table due to concurrent update")


def sources(config: dict[str, Any]) -> list[dict[str, str]]:
    """The tables to be copied."""
    listed: list[dict[str, str]] = config.get("sourceTables") or (
        [config["sourceTable"]] if config.get("sourceTable") else []
    )
    return listed
