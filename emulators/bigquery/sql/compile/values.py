"""A compiled expression: DuckDB text with its BigQuery type, and how it is coerced."""

from __future__ import annotations

from dataclasses import dataclass, replace

from emulators.bigquery.errors import ApiError, invalid_query
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile import literals
from emulators.bigquery.sql.compile.scans import NO_SCANS, Scans
from emulators.bigquery.sql.read.tokens import line_and_column


@dataclass(frozen=True)
class Value:
    """`sql` yields a value of `type`.

    `literal` holds the text of a literal, which coerces more widely; `parameter` marks a query parameter.
    `path` is the column path it reads, if it is nothing else; `name` is what a SELECT list calls it.
    """

    sql: str
    type: t.Type
    literal: str | None = None
    parameter: bool = False
    name: str = ""
    fragile: bool = False  # may raise, so SAFE. must not swallow it with its own errors
    aggregate: bool = False
    items: tuple[Value, ...] | None = None  # parts of an array or struct literal
    partitions: Scans = NO_SCANS  # the scans whose partitioning column it is

    @property
    def is_literal(self) -> bool:
        """Whether literal coercion applies (also to literals of literals)."""
        if self.items is not None:
            return all(item.is_literal or item.type.kind == "NULL" for item in self.items)
        return self.literal is not None


def null_of(kind: t.Type) -> str:
    """A typed NULL."""
    return f"CAST(NULL AS {kind.duck})"


def untyped(sql: str, kind: t.Type) -> str:
    """An untyped NULL, or ERROR(…), which has no type of its own either, as a type."""
    return null_of(kind) if sql == "NULL" else f"CAST({sql} AS {kind.duck})"


def coerces(value: Value, target: t.Type) -> bool:
    """Whether the value becomes `target` without a cast."""
    if value.items is not None and value.type.kind == target.kind == "STRUCT":
        return len(value.items) == len(target.fields) and all(
            coerces(item, kind) for item, kind in zip(value.items, target.types, strict=True)
        )
    if value.items is not None and value.type.kind == target.kind == "ARRAY":
        return all(coerces(item, target.of) for item in value.items)
    return t.coerces(value.type, target, literal=value.is_literal, parameter=value.parameter)


def convert(value: Value, target: t.Type, sql: str = "", pos: int = 0) -> Value:
    """The value as `target`; the caller has checked that it coerces."""
    source = value.type
    if source == target:
        return value
    if source.kind == "NULL":
        return replace(value, sql=untyped(value.sql, target), type=target)
    if value.literal is not None and source.kind == "STRING":
        return Value(literals.from_text(target.kind, value.literal, sql, pos), target)
    if value.literal is not None and target.kind in {"NUMERIC", "FLOAT64", "BIGNUMERIC"}:
        return Value(literals.number(target.kind, value.literal, sql, pos), target, value.literal)
    if value.items is not None and source.kind == "STRUCT":
        parts = [convert(i, k, sql, pos) for i, k in zip(value.items, target.types, strict=True)]
        return replace(value, sql=struct_sql(target, [p.sql for p in parts]), type=target, items=tuple(parts))
    if value.items is not None and source.kind == "ARRAY":
        parts = [convert(i, target.of, sql, pos) for i in value.items]
        return replace(value, sql=array_sql(target, [p.sql for p in parts]), type=target, items=tuple(parts))
    return replace(value, sql=widen(value.sql, source, target), type=target, literal=None)


def struct_sql(kind: t.Type, parts: list[str]) -> str:
    """A struct of DuckDB expressions; an empty struct cannot be."""
    fields = ", ".join(f"{t.quote(n)} := {p}" for n, p in zip(kind.duck_names, parts, strict=True))
    return f"struct_pack({fields})"


def array_sql(kind: t.Type, parts: list[str]) -> str:
    """A list of DuckDB expressions."""
    return f"CAST([{', '.join(parts)}] AS {kind.duck})"


_WIDEN = {
    ("INT64", "NUMERIC"): "CAST({0} AS DECIMAL(38,9))",
    ("INT64", "FLOAT64"): "CAST({0} AS DOUBLE)",
    ("INT64", "BIGNUMERIC"): "CAST({0} AS VARCHAR)",
    ("NUMERIC", "FLOAT64"): "bq_numeric_to_float({0})",
    ("NUMERIC", "BIGNUMERIC"): "bq_numeric_to_string({0})",
    ("BIGNUMERIC", "FLOAT64"): "bq_string_to_float({0})",
    ("DATE", "DATETIME"): "CAST({0} AS TIMESTAMP)",
    ("STRING", "DATE"): "bq_string_to_date({0})",
    ("STRING", "DATETIME"): "bq_string_to_datetime({0})",
    ("STRING", "TIME"): "bq_string_to_time({0})",
    ("STRING", "TIMESTAMP"): "bq_string_to_timestamp({0})",
    ("FLOAT64", "NUMERIC"): "bq_float_to_numeric({0})",
}


def widen(sql: str, source: t.Type, target: t.Type) -> str:
    """DuckDB text that turns a `source` into a wider `target`, part by part."""
    if source == target or source.duck == target.duck:
        return sql
    if source.kind == target.kind == "ARRAY":
        return f"list_transform({sql}, lambda bq_e: {widen('bq_e', source.of, target.of)})"
    if source.kind == target.kind == "STRUCT":
        parts = [
            widen(f"struct_extract({sql}, {t.text(n)})", a, b)
            for n, a, b in zip(source.duck_names, source.types, target.types, strict=True)
        ]
        return f"CASE WHEN {sql} IS NULL THEN NULL ELSE {struct_sql(target, parts)} END"
    return _WIDEN[source.kind, target.kind].format(sql)


def common_type(values: list[Value]) -> t.Type | None:
    """The type all values coerce to, INT64 where all are NULL; None when there is none."""
    kind = t.supertype([(open_type(v), v.is_literal, v.parameter) for v in values])
    return kind and closed(kind)


def open_type(value: Value) -> t.Type:
    """The type of a value, in which a NULL that stands in a struct or array literal has no type yet."""
    if value.items and value.type.kind == "STRUCT":
        names = [name for name, _ in value.type.fields]
        return t.struct_of(list(zip(names, map(open_type, value.items), strict=True)))
    if value.items is not None and value.type.kind == "ARRAY":
        element = t.supertype([(open_type(i), i.is_literal, i.parameter) for i in value.items])
        return t.array_of(element or (value.type.of if value.items else t.NULL))
    return value.type


def closed(kind: t.Type) -> t.Type:
    """The type with INT64 for what has stayed NULL in it."""
    if kind.kind == "ARRAY":
        return t.array_of(closed(kind.of))
    if kind.kind == "STRUCT":
        return t.struct_of([(name, closed(field)) for name, field in kind.fields])
    return t.INT64 if kind.kind == "NULL" else kind


def common(values: list[Value], sql: str, pos: int, what: str) -> tuple[list[Value], t.Type]:
    """All values as their common supertype; raises invalidQuery naming `what` when there is none."""
    kind = common_type(values)
    if kind is None:
        raise no_supertype(values, sql, pos, what)
    return [convert(v, kind, sql, pos) for v in values], kind


def no_supertype(values: list[Value], sql: str, pos: int, what: str) -> ApiError:
    """The analyzer's words for types that do not fit together."""
    kinds = ", ".join(dict.fromkeys(str(v.type) for v in values))
    return invalid_query(f"{what}; actual types: {kinds} at {line_and_column(sql, pos)}")
