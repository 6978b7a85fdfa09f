"""Compile ARRAY[…] and STRUCT(…).

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#constructing_an_array,
…/data-types#constructing_a_struct
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.names import own_name
from emulators.bigquery.sql.compile.type_names import type_of
from emulators.bigquery.sql.compile.values import Value, array_sql, coerces, common, convert, struct_sql
from emulators.bigquery.sql.read import syntax as s


def array(c: Compiling, node: s.Array) -> Value:
    """[…], ARRAY[…] and ARRAY<type>[…]."""
    items = [c.compile(item) for item in node.items]
    if node.type is not None:
        return _typed_array(c, node, type_of(node.type), items)
    if not items:
        return Value(f"CAST([] AS {t.INT64.duck}[])", t.array_of(t.INT64), items=())
    converted, element = common(
        items, c.analysis.sql, node.pos, "Array elements of types do not have a common supertype"
    )
    if element.kind == "ARRAY":
        raise c.error("Cannot construct array with element type ARRAY because nested arrays are not supported", node)
    kind = t.array_of(element)
    sql = array_sql(kind, [item.sql for item in converted])
    return Value(sql, kind, items=tuple(converted), fragile=_any_fragile(items))


def _typed_array(c: Compiling, node: s.Array, kind: t.Type, items: list[Value]) -> Value:
    for item, source in zip(items, node.items, strict=True):
        if not coerces(item, kind.of):
            raise c.error(f"Array element type {item.type} does not coerce to {kind.of}", source)
    parts = [convert(item, kind.of, c.analysis.sql, node.pos) for item in items]
    return Value(array_sql(kind, [part.sql for part in parts]), kind, fragile=_any_fragile(items))


def struct(c: Compiling, node: s.Struct) -> Value:
    """(…, …), STRUCT(…) and STRUCT<type>(…)."""
    items = [c.compile(expr) for expr, _ in node.fields]
    if node.type is not None:
        return _typed_struct(c, node, type_of(node.type), items)
    named = [convert(item, t.INT64) if item.type.kind == "NULL" else item for item in items]
    names = [alias or own_name(expr) for expr, alias in node.fields]
    kind = t.struct_of([(name, item.type) for name, item in zip(names, named, strict=True)])
    if not kind.fields:
        raise not_implemented("a STRUCT without fields")
    sql = struct_sql(kind, [item.sql for item in named])
    return Value(sql, kind, items=tuple(items), fragile=_any_fragile(items))


def _typed_struct(c: Compiling, node: s.Struct, kind: t.Type, items: list[Value]) -> Value:
    if len(kind.fields) != len(items):
        raise c.error(f"STRUCT type has {len(kind.fields)} fields but constructor call has {len(items)} fields", node)
    for item, (name, field), (source, _) in zip(items, kind.fields, node.fields, strict=True):
        if not coerces(item, field):
            raise c.error(f"Struct field {name} has type {field} which does not match {item.type}", source)
    parts = [convert(item, field, c.analysis.sql, node.pos) for item, field in zip(items, kind.types, strict=True)]
    return Value(struct_sql(kind, [part.sql for part in parts]), kind, fragile=_any_fragile(parts))


def _any_fragile(values: list[Value]) -> bool:
    return any(value.fragile for value in values)
