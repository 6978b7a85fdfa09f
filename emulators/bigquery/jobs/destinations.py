"""Put rows into a destination table: create it, check its schema, cut rows into partitions.

Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationQuery (dispositions,
schemaUpdateOptions), …/docs/managing-partitioned-table-data
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from emulators.bigquery import column_limits, partitions, schemas
from emulators.bigquery.access.resources import Resource
from emulators.bigquery.errors import ApiError, duplicate, invalid, invalid_query, not_found, not_implemented
from emulators.bigquery.jobs import anonymous
from emulators.bigquery.jobs.host import Host
from emulators.bigquery.jobs.job import Job
from emulators.bigquery.jobs.resolver import check_ids
from emulators.bigquery.storage import fragments
from emulators.bigquery.storage.catalog import Catalog
from emulators.bigquery.storage.contents import Change
from emulators.bigquery.storage.fitting import schemas_fit
from emulators.bigquery.storage.fragments import Fragment
from emulators.bigquery.storage.records import Key, TableRecord

_ATTEMPTS = 10
_OPTIONS = {"ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"}


@dataclass
class Destination:
    """Where rows go and how, as a job's configuration says it."""

    key: Key
    part: str | None
    create: str
    write: str
    options: frozenset[str]
    body: dict[str, Any] = field(default_factory=dict)  # partitioning, clustering, labels… of a table to be created
    parts: dict[str, pa.Table] | None = None  # the rows by partition, where they are not cut by a column

    @property
    def path(self) -> str:
        """As messages name it."""
        return f"{self.key[0]}:{self.key[1]}.{self.key[2]}" + (f"${self.part}" if self.part else "")


def read(config: dict[str, Any], *, default_write: str) -> Destination:
    """The destination of a query, load or copy configuration; raises invalid for what cannot be."""
    project, dataset, table, part = named(config["destinationTable"], "destinationTable")
    create = config.get("createDisposition") or "CREATE_IF_NEEDED"
    write = config.get("writeDisposition") or default_write
    if create not in {"CREATE_IF_NEEDED", "CREATE_NEVER"}:
        raise invalid(f"Invalid value for createDisposition: {create} is not a valid value")
    if write not in {"WRITE_EMPTY", "WRITE_TRUNCATE", "WRITE_TRUNCATE_DATA", "WRITE_APPEND"}:
        raise invalid(f"Invalid value for writeDisposition: {write} is not a valid value")
    options = frozenset(config.get("schemaUpdateOptions") or ())
    if options - _OPTIONS:
        raise invalid(f"Invalid value for schemaUpdateOptions: {sorted(options - _OPTIONS)[0]} is not a valid value")
    if options and not (write in {"WRITE_APPEND", "WRITE_TRUNCATE_DATA"} or (write == "WRITE_TRUNCATE" and part)):
        raise invalid(
            "Schema update options should only be specified with WRITE_APPEND disposition, or with WRITE_TRUNCATE "
            "disposition on a table partition."
        )
    body = {k: config[k] for k in ("timePartitioning", "rangePartitioning", "clustering") if config.get(k)}
    return Destination((project, dataset, table), part, create, write, options, body)


def named(reference: dict[str, Any], field: str) -> tuple[str, str, str, str | None]:
    """Project, dataset, table and decorator of a REST TableReference; raises invalid."""
    for name in ("projectId", "datasetId", "tableId"):
        if not reference.get(name):
            raise invalid(f"Required parameter is missing: {field}.{name}")
    key = reference["projectId"], reference["datasetId"], reference["tableId"]
    check_ids(key)
    if anonymous.is_anonymous(reference):
        raise not_implemented(f"the anonymous table of a query as {field}; give the query a destination")
    return (*key[:2], *partitions.split_decorator(key[2]))


@dataclass
class Prepared:
    """Rows cut and encoded, waiting for the transaction that puts them in place."""

    destination: Destination
    pieces: list[Fragment]
    fields: schemas.Fields
    created: dict[str, Any] | None
    table: TableRecord | None


def write(
    host: Host,
    job: Job,
    destination: Destination,
    rows: pa.Table,
    given: schemas.Fields,
    described: Callable[[Prepared], None] = lambda _: None,
) -> None:
    """Put the rows into the destination and end the job, in one transaction; `described` sees what will be written.

    Raises ApiError for what does not fit, and when the table's schema changes again and again meanwhile.
    """
    for _ in range(_ATTEMPTS):
        prepared = prepare(host.catalog, destination, rows, given)
        if prepared.table is not None and prepared.fields != prepared.table.fields:
            job.caller.need("bigquery.tables.update", Resource(*destination.key))
        described(prepared)
        try:
            host.finish(job, lambda p=prepared: commit(host.catalog, p))  # type: ignore[misc]
            return
        except Changed:
            continue
    raise invalid_query("Could not serialize access to the table due to concurrent update")


def prepare(catalog: Catalog, destination: Destination, rows: pa.Table, given: schemas.Fields) -> Prepared:
    """Check everything that can be, and encode; nothing is visible yet. `given` is the schema of the rows."""
    table = catalog.find_table(destination.key)
    catalog.dataset(destination.key[0], destination.key[1])
    if table is not None and table.is_view:
        raise invalid(f"{destination.path} is a view and cannot be written to.")
    body = _body_of_new(destination, given) if table is None else table.body
    if table is None and destination.create == "CREATE_NEVER":
        raise not_found(f"Not found: Table {destination.key[0]}:{destination.key[1]}.{destination.key[2]}")
    fields = given if table is None else _fields(table, destination, given)
    if table is not None:
        _same_partitioning(table, destination)
        body = table.body | {"schema": fields}
    partitions.check(body, fields)
    partitioning = partitions.of(body)
    if destination.part is not None:
        partitions.check_decorator(destination.part, partitioning, destination.path.partition("$")[0])
    pieces = cut(catalog, destination, rows, fields, partitioning)
    created = body | {"schema": fields} if table is None else None
    return Prepared(destination, pieces, fields, created, table)


def _body_of_new(destination: Destination, given: schemas.Fields) -> dict[str, Any]:
    body = dict(destination.body)
    if destination.part is not None and "timePartitioning" not in body and "rangePartitioning" not in body:
        # a decorator write creates a table partitioned by ingestion time
        body["timePartitioning"] = {"type": {4: "YEAR", 6: "MONTH", 10: "HOUR"}.get(len(destination.part), "DAY")}
    return body | {"schema": given}


def _same_partitioning(table: TableRecord, destination: Destination) -> None:
    wanted, have = partitions.of(destination.body), partitions.of(table.body)
    if wanted is not None and wanted != have:
        raise invalid(
            "Incompatible table partitioning specification. Expected partitioning specification "
            f"{_spec(have)}, but input "
            f"partitioning specification is {_spec(wanted)}"
        )
    clusters = (destination.body.get("clustering") or {}).get("fields")
    known = (table.body.get("clustering") or {}).get("fields")
    if clusters and clusters != known:
        expected = f"clustering({','.join(known)})" if known else "none"
        raise invalid(
            f"Incompatible table partitioning specification. Expected clustering specification {expected}, but input "
            "clustering specification is "
            f"clustering({','.join(clusters)})"
        )


def _spec(partitioning: partitions.Partitioning | None) -> str:
    if partitioning is None:
        return "none"
    if partitioning.type == "RANGE":
        return f"range(field:{partitioning.field},start:{partitioning.start},end:{partitioning.end})"
    field_text = f",field:{partitioning.field}" if partitioning.field else ""
    return f"interval(type:{partitioning.type.lower()}{field_text})"


def _fields(table: TableRecord, destination: Destination, given: schemas.Fields) -> schemas.Fields:
    """The schema the table will have."""
    if destination.write == "WRITE_TRUNCATE" and destination.part is None:
        return given
    if not table.fields:
        return given
    addition = "ALLOW_FIELD_ADDITION" in destination.options
    relaxation = "ALLOW_FIELD_RELAXATION" in destination.options
    try:
        fields = schemas.widened(table.fields, given, addition=addition, relaxation=relaxation)
    except ApiError as error:
        message = error.message.replace("Schema does not match Table.", f"Schema does not match Table {table.path}.")
        raise invalid(message) from error
    names = {f["name"].lower() for f in given}
    for one in fields:
        if one["mode"] == "REQUIRED" and one["name"].lower() not in names:
            raise invalid(
                f"Provided Schema does not match Table {table.path}. Field {one['name']} is missing in new schema"
            )
    return fields


def cut(
    catalog: Catalog,
    destination: Destination,
    rows: pa.Table,
    fields: schemas.Fields,
    partitioning: partitions.Partitioning | None,
) -> list[Fragment]:
    """Rows as encoded fragments, one for each partition that has any."""
    columns, arrow = schemas.columns(fields), schemas.arrow_schema(fields)
    parts = destination.parts
    if parts is None:
        parts = partitions.split(schemas_fit(rows, arrow), partitioning, catalog.clock_ms(), destination.part)
    filled = {part: some for part, some in parts.items() if some.num_rows}
    if destination.part is not None and set(filled) - {destination.part}:
        raise invalid(f"Some rows belong to different partitions rather than destination partition {destination.path}")
    held = ((part, column_limits.enforced(schemas_fit(some, arrow), fields)) for part, some in filled.items())
    return fragments.write_parts(catalog.files, held, columns)


def commit(catalog: Catalog, prepared: Prepared, *, keep_streamed: bool = False) -> TableRecord:
    """Put the rows in place; call within `database.transaction()` together with the job's end."""
    destination = prepared.destination
    table = catalog.find_table(destination.key)
    if prepared.table is None and table is not None:
        raise Changed(destination.path)
    if table is None:
        if prepared.created is None:
            raise Changed(destination.path)
        table = catalog.create_table(destination.key, prepared.created)
    fields = prepared.fields if prepared.fields != table.fields else None

    def check(now: TableRecord) -> None:
        if prepared.table is not None and (now.uid, now.version) != (prepared.table.uid, prepared.table.version):
            raise Changed(destination.path)
        if destination.write == "WRITE_EMPTY" and has_rows(catalog, now.uid, destination.part):
            raise duplicate(f"Already Exists: Table {destination.path}")

    replace = None
    if destination.write in {"WRITE_TRUNCATE", "WRITE_TRUNCATE_DATA"}:
        replace = destination.part if destination.part is not None else "all"
    return catalog.change(Change(table.uid, prepared.pieces, replace, fields, keep_streamed=keep_streamed), check=check)


def check_empty(catalog: Catalog, destination: Destination) -> None:
    """WRITE_EMPTY refuses a table with rows before anything is computed."""
    table = catalog.find_table(destination.key)
    if table is not None and destination.write == "WRITE_EMPTY" and has_rows(catalog, table.uid, destination.part):
        raise duplicate(f"Already Exists: Table {destination.path}")


def has_rows(catalog: Catalog, uid: int, part: str | None) -> bool:
    """Whether the table, or one partition of it, holds rows."""
    return any(rows for one, rows, _, _ in catalog.partitions(uid) if part is None or one == part)


class Changed(Exception):
    """The destination changed its schema between `prepare` and `commit`: prepare again."""
