"""Run load jobs of uploaded files: newline-delimited JSON, CSV, Parquet.

Bad rows are reported and, beyond maxBadRecords, fail the job; none is dropped in silence.
Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationLoad,
…/docs/loading-data-cloud-storage-json
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from local.bigquery import rows_in, schemas
from local.bigquery.errors import ApiError, invalid, invalid_query, not_implemented
from local.bigquery.jobs import destinations
from local.bigquery.jobs.job import Job
from local.bigquery.sql import types as t

if TYPE_CHECKING:
    from local.bigquery.service import Service

_SHOWN_ERRORS = 5
_ATTEMPTS = 10


class LoadRunner:
    """Runs load jobs in worker threads."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.catalog = service.catalog

    def check(self, config: dict[str, Any]) -> None:
        """Raise for a configuration that makes no job at all."""
        if not config.get("destinationTable"):
            raise invalid("Required parameter is missing: destinationTable")
        if config.get("sourceUris"):
            raise not_implemented("loading from Cloud Storage; upload the file")
        source = config.get("sourceFormat") or "CSV"
        if source not in {"NEWLINE_DELIMITED_JSON", "CSV", "PARQUET"}:
            raise not_implemented(f"loading the format {source}")
        if config.get("encoding") not in {None, "", "UTF-8", "UTF8"}:
            raise not_implemented(f"the encoding {config['encoding']}")
        destinations.read(config, default_write="WRITE_APPEND")
        if config.get("schema"):
            schemas.checked(config["schema"])

    def run(self, job: Job, media: bytes) -> None:
        """Parse, check, put in place; raises ApiError."""
        config = job.configuration["load"]
        destination = destinations.read(config, default_write="WRITE_APPEND")
        properties = config.get("destinationTableProperties") or {}
        for name in ("description", "friendlyName", "labels"):
            if properties.get(name):
                destination.body[name] = properties[name]
        dataset = self.catalog.dataset(destination.key[0], destination.key[1])
        job.location = dataset.location
        table = self.catalog.find_table(destination.key)
        destinations.check_empty(self.catalog, destination)
        source = config.get("sourceFormat") or "CSV"
        fields = schemas.checked(config["schema"]) if config.get("schema") else None
        if fields is None and table is not None and table.fields and not config.get("autodetect"):
            fields = table.fields
        if source == "PARQUET":
            rows, fields = _parquet(media, fields)
            bad: list[dict[str, str]] = []
        else:
            if fields is None:
                if config.get("autodetect"):
                    raise not_implemented("schema autodetection; give the schema")
                raise invalid("No schema specified on job or table.", None)
            read = _json_rows if source == "NEWLINE_DELIMITED_JSON" else _csv_rows
            rows, bad = read(media, fields, config)
        limit = int(config.get("maxBadRecords") or 0)
        if len(bad) > limit:
            job.errors = [
                {
                    "reason": "invalid",
                    "message": f"Error while reading data, error message: {_KIND[source]} too many errors, giving "
                    f"up. Rows: {rows.num_rows + len(bad)}; errors: {len(bad)}; max bad: {limit}; error percent: 0",
                },
                *bad[:_SHOWN_ERRORS],
            ]
            raise ApiError(
                400,
                "invalid",
                job.errors[0]["message"] + ". Please look into the errors[] collection for more details.",
            )
        job.errors = bad[:_SHOWN_ERRORS]
        size = 0
        for _ in range(_ATTEMPTS):
            prepared = destinations.prepare(self.catalog, destination, rows, fields, exact=True)
            size = sum(p.size for p in prepared.pieces)
            job.statistics = {
                "load": {
                    "inputFiles": "1", "inputFileBytes": str(len(media)), "outputRows": str(rows.num_rows),
                    "outputBytes": str(size), "badRecords": str(len(bad)),
                }
            }  # fmt: skip
            try:
                self.service.finish(job, lambda p=prepared: destinations.commit(self.catalog, p))  # type: ignore[misc]
                return
            except destinations.Changed:
                continue
        raise invalid_query("Could not serialize access to the table due to concurrent update")


_KIND = {
    "NEWLINE_DELIMITED_JSON": "JSON processing encountered",
    "CSV": "CSV processing encountered",
    "PARQUET": "Parquet",
}


def _bad(position: int, message: str, kind: str) -> dict[str, str]:
    return {
        "reason": "invalid",
        "message": f"Error while reading data, error message: {kind} parsing error in row starting at position "
        f"{position}: {message}",
    }


def _json_rows(media: bytes, fields: schemas.Fields, config: dict[str, Any]) -> tuple[pa.Table, list[dict[str, str]]]:
    read = rows_in.row_reader(fields, ignore_unknown=bool(config.get("ignoreUnknownValues")))
    good: list[dict[str, Any]] = []
    bad: list[dict[str, str]] = []
    position = 0
    loads = json.loads
    for line in media.split(b"\n"):
        if line.strip():
            try:
                good.append(read(loads(line)))
            except rows_in.BadValue as error:
                bad.append(_bad(position, str(error), "JSON"))
            except (ValueError, RecursionError):
                bad.append(_bad(position, "Parser terminated before end of string", "JSON"))
        position += len(line) + 1
    return pa.Table.from_pylist(good, schema=schemas.arrow_schema(fields)), bad


def _csv_rows(media: bytes, fields: schemas.Fields, config: dict[str, Any]) -> tuple[pa.Table, list[dict[str, str]]]:
    for field in fields:
        if field["type"] == "RECORD" or field["mode"] == "REPEATED":
            raise invalid(f"Cannot load CSV data with a nested schema. Field: {field['name']}")
    try:
        text = media.decode()
    except UnicodeDecodeError:
        raise invalid(
            "Error while reading data, error message: Bad character (ASCII 0) or invalid UTF-8 encountered."
        ) from None
    read = rows_in.row_reader(fields)
    null = config.get("nullMarker") or ""
    delimiter = config.get("fieldDelimiter") or ","
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    quote = config.get("quote", '"')
    options: dict[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    if config.get("nullMarkers"):
        raise not_implemented("nullMarkers")
    good: list[dict[str, Any]] = []
    bad: list[dict[str, str]] = []
    position = 0
    skip = int(config.get("skipLeadingRows") or 0)
    if "\n" in text and quote and not config.get("allowQuotedNewlines") and _has_quoted_newline(text, quote):
        raise invalid('Error while reading data, error message: Missing close quote character (").')
    for number, cells in enumerate(
        csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, **options)
    ):
        start, position = position, position + 1
        if number < skip or not cells:
            continue
        if len(cells) < len(fields) and not config.get("allowJaggedRows"):
            bad.append(
                _bad(start, f"Too few columns: expected {len(fields)} column(s) but got {len(cells)} column(s).", "CSV")
            )
            continue
        if len(cells) > len(fields) and not config.get("ignoreUnknownValues"):
            bad.append(
                _bad(
                    start, f"Too many values in line. Found {len(cells)} column(s) while expected {len(fields)}.", "CSV"
                )
            )
            continue
        row = {}
        for field, cell in zip(fields, cells, strict=False):
            is_null = cell == null and (null != "" or field["type"] not in {"STRING", "BYTES"})
            row[field["name"]] = None if is_null else cell
        try:
            good.append(read(row))
        except rows_in.BadValue as error:
            bad.append(_bad(start, str(error), "CSV"))
    return pa.Table.from_pylist(good, schema=schemas.arrow_schema(fields)), bad


def _has_quoted_newline(text: str, quote: str) -> bool:
    return any(line.count(quote) % 2 for line in text.split("\n"))


_PARQUET = [
    (pa.types.is_boolean, t.BOOL),
    (pa.types.is_integer, t.INT64),
    (pa.types.is_floating, t.FLOAT64),
    (pa.types.is_date, t.DATE),
    (pa.types.is_string, t.STRING),
    (pa.types.is_large_string, t.STRING),
    (pa.types.is_binary, t.BYTES),
    (pa.types.is_large_binary, t.BYTES),
    (pa.types.is_time, t.TIME),
]


def _parquet_type(kind: pa.DataType, name: str) -> t.Type:
    if pa.types.is_struct(kind):
        return t.struct_of([(f.name, _parquet_type(f.type, f.name)) for f in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return t.array_of(_parquet_type(kind.value_type, name))
    if pa.types.is_timestamp(kind):
        return t.TIMESTAMP if kind.tz else t.DATETIME
    if pa.types.is_decimal(kind) and kind.scale <= 9 and kind.precision - kind.scale <= 29:
        return t.NUMERIC
    for test, found in _PARQUET:
        if test(kind):
            return found
    raise not_implemented(f"the Parquet column {name} of type {kind}")


def _parquet(media: bytes, fields: schemas.Fields | None) -> tuple[pa.Table, schemas.Fields]:
    try:
        rows = pq.read_table(pa.BufferReader(media), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise invalid(
            f"Error while reading data, error message: Input file is not in Parquet format. {type(error).__name__}"
        ) from error
    named = [(f.name, _parquet_type(f.type, f.name)) for f in rows.schema]
    required = frozenset(f.name for f in rows.schema if not f.nullable)
    found = schemas.checked(schemas.fields_of(named, required))
    given = {f["name"].lower(): f for f in fields or []}
    for index, (field, (name, kind)) in enumerate(zip(found, named, strict=True)):
        wanted = given.get(name.lower())
        if wanted is None:
            continue
        wanted_type = schemas.type_of(wanted)
        if wanted_type != kind and {kind.kind, wanted_type.kind} != {"DATETIME", "TIMESTAMP"}:
            raise invalid(
                "Error while reading data, error message: Provided Schema does not match: field "
                f"{name} has type {kind} in the file and {wanted_type} in the schema"
            )
        if wanted["mode"] == "REQUIRED" and rows.column(index).null_count:
            raise invalid(f"Error while reading data, error message: Required column '{name}' has null values")
        found[index] = wanted | {"name": field["name"]}
    columns = []
    for column, field in zip(rows.columns, found, strict=True):
        wanted_arrow = schemas.arrow_type(schemas.type_of(field))
        plain = column
        if pa.types.is_timestamp(column.type):
            plain = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.timestamp("us"))
        columns.append(plain.cast(wanted_arrow))
    return pa.table(columns, schema=schemas.arrow_schema(found)), found
