"""Which partition a row belongs to, and what a `$decorator` means.

Source: https://cloud.google.com/bigquery/docs/partitioned-tables, …/docs/managing-partitioned-table-data
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from emulators.bigquery.errors import invalid, not_implemented
from emulators.bigquery.schemas import Fields

NULL_PARTITION = "__NULL__"
UNPARTITIONED = "__UNPARTITIONED__"
_FORMATS = {"HOUR": "%Y%m%d%H", "DAY": "%Y%m%d", "MONTH": "%Y%m", "YEAR": "%Y"}
_ID_LENGTH = {"HOUR": 10, "DAY": 8, "MONTH": 6, "YEAR": 4}
_KINDS = {"DATE": {"DAY", "MONTH", "YEAR"}, "TIMESTAMP": set(_FORMATS), "DATETIME": set(_FORMATS)}
# Partitions one job may modify; quotas page, "Partitioned tables".
_MAX_MODIFIED = 4000


@dataclass(frozen=True)
class Partitioning:
    """How a table is partitioned; `field` is None for ingestion time."""

    type: str
    field: str | None
    start: int = 0
    end: int = 0
    interval: int = 0


def of(body: dict[str, Any]) -> Partitioning | None:
    """The partitioning of a table's body; None when it has none."""
    time, ranged = body.get("timePartitioning"), body.get("rangePartitioning")
    if time:
        return Partitioning(time["type"], time.get("field") or None)
    if ranged:
        span = ranged["range"]
        return Partitioning("RANGE", ranged["field"], int(span["start"]), int(span["end"]), int(span["interval"]))
    return None


def by_ingestion(body: dict[str, Any]) -> bool:
    """Whether the table is partitioned by when rows come in."""
    found = of(body)
    return found is not None and found.field is None


def check(body: dict[str, Any], fields: Fields) -> None:
    """Raise invalid unless partitioning and clustering fit the schema."""
    time, ranged = body.get("timePartitioning"), body.get("rangePartitioning")
    by_name = {f["name"].lower(): f for f in fields}
    if time and ranged:
        raise invalid("Only one of timePartitioning and rangePartitioning may be given")
    if ranged == {} or time == {}:
        raise invalid(
            f"Required parameter is missing: {'timePartitioning.type' if time == {} else 'rangePartitioning'}"
        )
    if time:
        _check_time(by_name, time)
    if ranged:
        _check_range(by_name, ranged)
    _check_clustering(by_name, (body.get("clustering") or {}).get("fields") or [])


def _check_time(by_name: dict[str, dict[str, Any]], time: dict[str, Any]) -> None:
    if time.get("type") not in _FORMATS:
        raise invalid(f"Invalid value for timePartitioning.type: {time.get('type')} is not a valid value")
    if int(time.get("expirationMs") or 0) < 0:
        raise invalid(
            f"Invalid value for timePartitioning.expirationMs: {time['expirationMs']}; it must not be negative"
        )
    if not time.get("field"):
        return
    field = _partition_field(by_name, time["field"])
    allowed = _KINDS.get(field["type"])
    if allowed is None or field["mode"] == "REPEATED":
        raise invalid(
            "The field specified for partitioning can only be of type TIMESTAMP, DATE or DATETIME. "
            f"The type found is: {field['type']}."
        )
    if time["type"] not in allowed:
        raise invalid(f"{time['type']} partitioning is not supported for a column of type {field['type']}")


def _check_range(by_name: dict[str, dict[str, Any]], ranged: dict[str, Any]) -> None:
    field = _partition_field(by_name, ranged.get("field") or "")
    _range_of(ranged)
    if field["type"] != "INTEGER" or field["mode"] == "REPEATED":
        raise invalid(
            f"The field specified for range partitioning must be of type INTEGER. The type found is: {field['type']}."
        )


def _check_clustering(by_name: dict[str, dict[str, Any]], names: list[str]) -> None:
    if len(names) > 4:
        raise invalid("Too many clustering fields: at most 4 are allowed")
    for name in names:
        cluster = by_name.get(name.lower())
        if cluster is None:
            raise invalid(f"The field specified for clustering cannot be found in the schema. Invalid field: {name}.")
        if cluster["mode"] == "REPEATED" or cluster["type"] in {"RECORD", "FLOAT", "BYTES", "JSON", "TIME"}:
            raise invalid(f"Field {name} of type {cluster['type']} cannot be used for clustering.")


def _range_of(ranged: dict[str, Any]) -> None:
    span = ranged.get("range") or {}
    for name in ("start", "end", "interval"):
        if span.get(name) in {None, ""}:
            raise invalid(f"Required parameter is missing: rangePartitioning.range.{name}")
    if int(span["interval"]) <= 0:
        raise invalid(f"Invalid value for rangePartitioning.range.interval: {span['interval']}; it must be positive")
    if int(span["start"]) >= int(span["end"]):
        raise invalid(
            f"Invalid value for rangePartitioning.range: start {span['start']} must be less than end {span['end']}"
        )


def _partition_field(by_name: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    field = by_name.get(name.lower())
    if field is None:
        raise invalid("The field specified for partitioning cannot be found in the schema.")
    return field


def split_decorator(table: str) -> tuple[str, str | None]:
    """The table's name and its decorator.

    >>> split_decorator("cost$20251115")
    ('cost', '20251115')
    """
    name, dollar, part = table.partition("$")
    return name, part if dollar else None


def check_decorator(part: str, partitioning: Partitioning | None, path: str) -> None:
    """Raise invalid unless the decorator names a partition of such a table."""
    if part == "__PARTITIONS_SUMMARY__":
        raise not_implemented("the meta-table $__PARTITIONS_SUMMARY__; INFORMATION_SCHEMA.PARTITIONS is served")
    if partitioning is None:
        raise invalid(f"Cannot read partition information from a table that is not partitioned: {path}${part}")
    if partitioning.type == "RANGE":
        if not re.fullmatch(r"-?\d+", part):
            raise invalid(f"Invalid partition id {part} for the integer-range partitioned table {path}")
        raise not_implemented("decorators of integer-range partitions")
    if part in {NULL_PARTITION, UNPARTITIONED}:
        raise not_implemented(f"the decorator ${part}")
    wanted = _ID_LENGTH[partitioning.type]
    shape = {10: "yyyymmddhh", 8: "yyyymmdd", 6: "yyyymm", 4: "yyyy"}[wanted]
    if not re.fullmatch(rf"\d{{{wanted}}}", part):
        raise invalid(
            f"Invalid partition id {part}: the table {path} has {partitioning.type} partitions, whose ids are {shape}."
        )
    try:
        datetime.strptime(part, _FORMATS[partitioning.type])  # noqa: DTZ007 - only whether it is a date
    except ValueError:
        raise invalid(f"Invalid partition id {part}: no such date; partition ids are {shape}.") from None


def current(partitioning: Partitioning, now_ms: int) -> str:
    """The ingestion-time partition of now."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime(_FORMATS[partitioning.type])


def start_of(part: str) -> datetime | None:
    """When a partition of time starts, in UTC: its _PARTITIONTIME; None for rows that have none.

    >>> start_of("202401")
    datetime.datetime(2024, 1, 1, 0, 0)
    """
    if not part.isdigit():
        return None
    numbers = [int(part[:4]), *(int(part[i : i + 2]) for i in range(4, len(part), 2))]
    year, month, day, hour = (numbers + [1, 1, 0][len(numbers) - 1 :])[:4]
    return datetime(year, month, day, hour)


def bounds(body: dict[str, Any], part: str) -> tuple[datetime | int | None, datetime | int | None]:
    """The least and the greatest value of the partitioning column in a partition; None for one of NULLs.

    By ingestion time, both are the partition's start, which is the _PARTITIONTIME of its rows.

    >>> [str(end) for end in bounds({"timePartitioning": {"type": "MONTH", "field": "d"}}, "202402")]
    ['2024-02-01 00:00:00', '2024-02-29 23:59:59.999999']
    """
    partitioning = of(body)
    if partitioning is None or part == NULL_PARTITION:
        return None, None
    if partitioning.type == "RANGE":
        low = int(part)
        return low, min(low + partitioning.interval, partitioning.end) - 1
    start = start_of(part)
    if start is None or partitioning.field is None:
        return start, start
    lasts = {"HOUR": timedelta(hours=1), "DAY": timedelta(days=1), "MONTH": timedelta(days=31)}
    after = start + lasts.get(partitioning.type, timedelta(days=366))
    if partitioning.type == "MONTH":
        after = after.replace(day=1)
    elif partitioning.type == "YEAR":
        after = after.replace(month=1, day=1)
    return start, after - timedelta(microseconds=1)


def split(rows: pa.Table, partitioning: Partitioning | None, now_ms: int, decorator: str | None) -> dict[str, pa.Table]:
    """Rows by partition id; an unpartitioned table has the one partition ''."""
    if partitioning is None:
        return {"": rows}
    import pyarrow.compute as pc  # takes longer than the rest of pyarrow: not at the start

    if partitioning.field is None:
        return {decorator or current(partitioning, now_ms): rows}
    index = next(i for i, n in enumerate(rows.schema.names) if n.lower() == str(partitioning.field).lower())
    column = rows.column(index).combine_chunks()
    ids = _range_ids(column, partitioning) if partitioning.type == "RANGE" else _time_ids(column, partitioning)
    found: list[str] = pc.unique(ids).to_pylist()
    if len(found) > _MAX_MODIFIED:
        raise invalid(
            f"Too many partitions produced by query, allowed {_MAX_MODIFIED}, query produces at "
            f"least {len(found)} partitions"
        )
    if len(found) == 1:
        return {found[0]: rows}
    return {one: rows.filter(pc.equal(ids, one)) for one in sorted(found)}


def _time_ids(column: pa.Array, partitioning: Partitioning) -> pa.Array:
    import pyarrow.compute as pc

    stamps = (
        column.cast(pa.timestamp("s"))
        if pa.types.is_date(column.type)
        else pc.floor_temporal(column, unit="second").cast(pa.timestamp("s"))
    )
    return pc.fill_null(pc.strftime(stamps, _FORMATS[partitioning.type]), NULL_PARTITION)


def _range_ids(column: pa.Array, p: Partitioning) -> pa.Array:
    def one(value: int | None) -> str:
        if value is None:
            return NULL_PARTITION
        if not p.start <= value < p.end:
            return UNPARTITIONED
        return str(p.start + (value - p.start) // p.interval * p.interval)

    return pa.array([one(v) for v in column.to_pylist()], pa.string())
