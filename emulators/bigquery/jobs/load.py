"""Run load jobs of uploaded files: newline-delimited JSON, CSV, Parquet.

Bad rows are reported and, beyond maxBadRecords, fail the job; none is dropped in silence.
Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationLoad,
…/docs/loading-data-cloud-storage-json
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from emulators.bigquery import rows_in, schemas
from emulators.bigquery.errors import ApiError, invalid, not_implemented
from emulators.bigquery.jobs import csv_rows, destinations, parquet_rows, permits
from emulators.bigquery.jobs.host import Host
from emulators.bigquery.jobs.job import Job

_SHOWN_ERRORS = 5


class LoadRunner:
    """Runs load jobs in worker threads."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.catalog = host.catalog

    def check(self, config: dict[str, Any]) -> None:
        """Raise for a configuration that makes no job at all."""
        if not config.get("destinationTable"):
            raise invalid("Required parameter is missing: destinationTable")
        if config.get("sourceUris"):
            raise not_implemented("loading from Cloud Storage; upload the file")
        source = config.get("sourceFormat") or "CSV"
        if source not in {"NEWLINE_DELIMITED_JSON", "CSV", "PARQUET"}:
            raise not_implemented(f"loading the format {source}")
        if source == "CSV":
            csv_rows.dialect(config)
        elif config.get("encoding") not in {None, "", "UTF-8", "UTF8"}:
            raise not_implemented(f"the encoding {config['encoding']} of {source}")
        if int(config.get("maxBadRecords") or 0) < 0:
            raise invalid(f"Invalid value for maxBadRecords: {config['maxBadRecords']}; it must not be negative")
        destinations.read(config, default_write="WRITE_APPEND")
        if config.get("schema"):
            schemas.checked(config["schema"])

    def run(self, job: Job, media: bytes) -> None:
        """Parse, check, put in place; raises ApiError."""
        config = job.configuration["load"]
        destination = destinations.read(config, default_write="WRITE_APPEND")
        permits.to_write(job.caller, destination)
        properties = config.get("destinationTableProperties") or {}
        for name in ("description", "friendlyName", "labels"):
            if properties.get(name):
                destination.body[name] = properties[name]
        dataset = self.catalog.dataset(destination.key[0], destination.key[1])
        job.location = dataset.location
        table = self.catalog.find_table(destination.key)
        destinations.check_empty(self.catalog, destination)
        source = config.get("sourceFormat") or "CSV"
        given = schemas.checked(config["schema"]) or None if config.get("schema") else None
        known = table.fields if table is not None and table.fields and not config.get("autodetect") else None
        bad: list[dict[str, str]] = []
        if source == "PARQUET":
            rows, fields = parquet_rows.read(media, given, known, config)
        else:
            rows, fields, bad = _text_rows(source, media, given or known, config)
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

        def described(prepared: destinations.Prepared) -> None:
            job.statistics = {
                "load": {
                    "inputFiles": "1", "inputFileBytes": str(len(media)), "outputRows": str(rows.num_rows),
                    "outputBytes": str(sum(p.size for p in prepared.pieces)), "badRecords": str(len(bad)),
                }
            }  # fmt: skip

        destinations.write(self._host, job, destination, rows, fields, described)


_KIND = {
    "NEWLINE_DELIMITED_JSON": "JSON processing encountered",
    "CSV": "CSV processing encountered",
    "PARQUET": "Parquet",
}


def _text_rows(
    source: str, media: bytes, fields: schemas.Fields | None, config: dict[str, Any]
) -> tuple[pa.Table, schemas.Fields, list[dict[str, str]]]:
    if fields is None:
        if config.get("autodetect"):
            raise not_implemented("schema autodetection; give the schema")
        raise invalid("No schema specified on job or table.", None)
    read, name = (csv_rows.read, "CSV") if source == "CSV" else (_json_rows, "JSON")
    good, bad = read(media, fields, config)
    rows = pa.Table.from_pylist(good, schema=schemas.arrow_schema(fields))
    return rows, fields, [_bad(at, fault, name) for at, fault in bad]


def _bad(position: int, message: str, kind: str) -> dict[str, str]:
    return {
        "reason": "invalid",
        "message": f"Error while reading data, error message: {kind} parsing error in row starting at position "
        f"{position}: {message}",
    }


def _json_rows(
    media: bytes, fields: schemas.Fields, config: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    """Good rows, and the bad ones as (byte where the row starts, what is wrong)."""
    read = rows_in.row_reader(fields, ignore_unknown=bool(config.get("ignoreUnknownValues")))
    good: list[dict[str, Any]] = []
    bad: list[tuple[int, str]] = []
    position = 0
    loads = json.JSONDecoder(parse_constant=_no_constant).decode
    for line in media.split(b"\n"):
        if line.strip():
            try:
                row = loads(line.decode())
                if b"\\u" in line:
                    json.dumps(row, ensure_ascii=False).encode()  # half a character is none
                good.append(read(row))
            except rows_in.BadValue as error:
                bad.append((position, str(error)))
            except (ValueError, RecursionError):
                bad.append((position, "Parser terminated before end of string"))
        position += len(line) + 1
    return good, bad


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
