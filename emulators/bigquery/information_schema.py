"""INFORMATION_SCHEMA views over the catalog.

Source: https://cloud.google.com/bigquery/docs/information-schema-intro and the pages of the views
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from emulators.bigquery.errors import invalid, not_found, not_implemented
from emulators.bigquery.functions import civil
from emulators.bigquery.sql import type_parameters
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.tables import InlineTable
from emulators.bigquery.storage.catalog import Catalog
from emulators.bigquery.storage.records import Key, TableRecord

_S, _I, _T, _B = t.STRING, t.INT64, t.TIMESTAMP, t.BOOL
_VIEWS: dict[str, tuple[tuple[str, t.Type], ...]] = {
    "TABLES": (
        ("table_catalog", _S),
        ("table_schema", _S),
        ("table_name", _S),
        ("table_type", _S),
        ("is_insertable_into", _S),
        ("is_typed", _S),
        ("creation_time", _T),
        ("base_table_catalog", _S),  # of clones and snapshots, which are not served
        ("base_table_schema", _S),
        ("base_table_name", _S),
        ("snapshot_time_ms", _T),
    ),
    "COLUMNS": (
        ("table_catalog", _S),
        ("table_schema", _S),
        ("table_name", _S),
        ("column_name", _S),
        ("ordinal_position", _I),
        ("is_nullable", _S),
        ("data_type", _S),
        ("is_generated", _S),
        ("generation_expression", _S),
        ("is_stored", _S),
        ("is_hidden", _S),
        ("is_updatable", _S),
        ("is_system_defined", _S),
        ("is_partitioning_column", _S),
        ("clustering_ordinal_position", _I),
        ("rounding_mode", _S),
    ),
    "PARTITIONS": (
        ("table_catalog", _S),
        ("table_schema", _S),
        ("table_name", _S),
        ("partition_id", _S),
        ("total_rows", _I),
        ("total_logical_bytes", _I),
        ("total_billable_bytes", _I),
        ("last_modified_time", _T),
        ("storage_tier", _S),
    ),
    "VIEWS": (
        ("table_catalog", _S),
        ("table_schema", _S),
        ("table_name", _S),
        ("view_definition", _S),
        ("check_option", _S),
        ("use_standard_sql", _S),
    ),
    "TABLE_OPTIONS": (
        ("table_catalog", _S),
        ("table_schema", _S),
        ("table_name", _S),
        ("option_name", _S),
        ("option_type", _S),
        ("option_value", _S),
    ),
    "SCHEMATA": (
        ("catalog_name", _S),
        ("schema_name", _S),
        ("schema_owner", _S),
        ("creation_time", _T),
        ("last_modified_time", _T),
        ("location", _S),
    ),
}
_DAY_MS = 24 * 3600 * 1000
_MAX_ROWS = 100_000
# The meta-table of a dataset from before INFORMATION_SCHEMA, which scripts still read.
META_TABLE = "__TABLES__"
_META_COLUMNS = (
    ("project_id", _S), ("dataset_id", _S), ("table_id", _S), ("creation_time", _I), ("last_modified_time", _I),
    ("row_count", _I), ("size_bytes", _I), ("type", _I),
)  # fmt: skip


def table(catalog: Catalog, project: str, parts: list[str], default: tuple[str, str] | None) -> InlineTable:
    """The rows of `[project.][dataset.]INFORMATION_SCHEMA.view` as they are now."""
    at = [p.upper() for p in parts].index("INFORMATION_SCHEMA")
    if at != len(parts) - 2:
        raise invalid(f'Invalid table name: "{".".join(parts)}"')
    view = parts[-1].upper()
    if view not in _VIEWS:
        raise not_implemented(f"INFORMATION_SCHEMA.{view}; known: {', '.join(sorted(_VIEWS))}")
    qualifiers = parts[:at]
    if view == "SCHEMATA":
        rows = _schemata(catalog, project, qualifiers)
    else:
        if not qualifiers and default is not None:
            qualifiers = list(default)
        if len(qualifiers) == 1 and not qualifiers[0].lower().startswith("region-"):
            qualifiers = [project, qualifiers[0]]
        if len(qualifiers) != 2 or qualifiers[1].lower().startswith("region-"):
            raise not_implemented(f"INFORMATION_SCHEMA.{view} of a region; name a dataset")
        owner, dataset = qualifiers
        try:
            catalog.dataset(owner, dataset)
        except Exception as error:
            raise not_found(f"Not found: Dataset {owner}:{dataset} was not found in location US") from error
        tables = catalog.tables(owner, dataset, "", _MAX_ROWS)
        rows = [row for one in tables for row in _ROWS[view](catalog, one)]
    return InlineTable(_VIEWS[view], _values(_VIEWS[view], rows))


def meta_table(catalog: Catalog, key: Key) -> InlineTable:
    """The rows of `dataset.__TABLES__` as they are now: times in milliseconds, type 1 a table, 2 a view."""
    catalog.dataset(key[0], key[1])
    rows = []
    for one in catalog.tables(key[0], key[1], "", _MAX_ROWS):
        size = catalog.statistics(one.uid)
        kind = 2 if one.is_view else 1
        rows.append((*one.key, one.created_ms, one.modified_ms, size["rows"], size["bytes"], kind))
    return InlineTable(_META_COLUMNS, _values(_META_COLUMNS, rows))


def _values(columns: tuple[tuple[str, t.Type], ...], rows: list[tuple[Any, ...]]) -> str:
    names = ", ".join(f"c{i}" for i in range(len(columns)))
    kinds = [k for _, k in columns]
    if not rows:
        blank = ", ".join(f"CAST(NULL AS {k.duck}) AS c{i}" for i, k in enumerate(kinds))
        return f"SELECT {blank} WHERE FALSE"
    listed = ", ".join("(" + ", ".join(_literal(v, k) for v, k in zip(row, kinds, strict=True)) + ")" for row in rows)
    return f"SELECT * FROM (VALUES {listed}) AS v({names})"


def _literal(value: Any, kind: t.Type) -> str:
    if value is None:
        return f"CAST(NULL AS {kind.duck})"
    if kind == _T:
        moment = datetime.fromtimestamp(value / 1000, UTC).replace(tzinfo=None)
        return f"CAST({t.text(civil.datetime_text(moment))} AS TIMESTAMP)"
    return t.text(value) if kind == _S else f"CAST({value} AS BIGINT)"


def _schemata(catalog: Catalog, project: str, qualifiers: list[str]) -> list[tuple[Any, ...]]:
    if any(q.lower().startswith("region-") for q in qualifiers):
        # a recording shows a dataset that exists and is not listed there; what the rule is, is not documented
        raise not_implemented("region-qualified INFORMATION_SCHEMA.SCHEMATA; leave the region out")
    owner = qualifiers[0] if qualifiers else project
    return [
        (d.project, d.dataset, None, d.created_ms, d.modified_ms, d.location)
        for d in catalog.datasets(owner, "", _MAX_ROWS)
        if d.location == "US"
    ]


def _tables(_catalog: Catalog, one: TableRecord) -> list[tuple[Any, ...]]:
    view = one.is_view
    kind, insertable = ("VIEW", "NO") if view else ("BASE TABLE", "YES")
    return [(*one.key, kind, insertable, "NO", one.created_ms, None, None, None, None)]


def _columns(_catalog: Catalog, one: TableRecord) -> list[tuple[Any, ...]]:
    clusters = [c.lower() for c in (one.body.get("clustering") or {}).get("fields") or []]
    partition = (one.info.partition_field or "").lower()
    out: list[tuple[Any, ...]] = []
    for position, (field, (name, kind)) in enumerate(zip(one.fields, one.columns, strict=True), 1):
        nullable = "NO" if field["mode"] == "REQUIRED" else "YES"
        cluster = clusters.index(name.lower()) + 1 if name.lower() in clusters else None
        spelled = type_parameters.spelled(field, kind)
        out.append((*one.key, name, position, nullable, spelled, "NEVER", None, None, "NO", None, "NO",
                    "YES" if name.lower() == partition else "NO", cluster, None))  # fmt: skip
    return out


def _partitions(catalog: Catalog, one: TableRecord) -> list[tuple[Any, ...]]:
    if one.is_view:
        return []
    found = catalog.partitions(one.uid)
    if one.info.partition_type is None:
        rows, size = sum(p[1] for p in found), sum(p[2] for p in found)
        return [(*one.key, None, rows, size, size, one.modified_ms, "ACTIVE")]
    return [(*one.key, part, rows, size, size, changed, "ACTIVE") for part, rows, size, changed in found if rows]


def _views(_catalog: Catalog, one: TableRecord) -> list[tuple[Any, ...]]:
    return [(*one.key, one.body["view"]["query"], None, "YES")] if one.is_view else []


def _table_options(_catalog: Catalog, one: TableRecord) -> list[tuple[Any, ...]]:
    out: list[tuple[Any, ...]] = []
    for key, name in (("description", "description"), ("friendlyName", "friendly_name")):
        if one.body.get(key):
            out.append((*one.key, name, "STRING", json.dumps(one.body[key], ensure_ascii=False)))
    if one.partition_lifetime_ms:
        out.append((*one.key, "partition_expiration_days", "FLOAT64", str(one.partition_lifetime_ms / _DAY_MS)))
    if one.info.require_filter:
        out.append((*one.key, "require_partition_filter", "BOOL", "true"))
    if one.body.get("labels"):
        listed = ", ".join(f'STRUCT("{k}", "{v}")' for k, v in sorted(one.body["labels"].items()))
        out.append((*one.key, "labels", "ARRAY<STRUCT<STRING, STRING>>", f"[{listed}]"))
    return out


_ROWS = {
    "TABLES": _tables,
    "COLUMNS": _columns,
    "PARTITIONS": _partitions,
    "VIEWS": _views,
    "TABLE_OPTIONS": _table_options,
}
