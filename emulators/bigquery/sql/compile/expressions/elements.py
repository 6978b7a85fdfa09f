"""Compile the access to elements: array[OFFSET(i)], json[i], json['key'].

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#array_subscript_operator,
…/operators#json_subscript_operator
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.values import Value
from emulators.bigquery.sql.read import syntax as s


def index(c: Compiling, node: s.Index) -> Value:
    """array[OFFSET(i)] and its kin; json[i] and json['key']."""
    of = c.compile(node.of)
    if of.type.kind == "JSON" and not node.how:
        key = c.compile(node.index)
        if key.type.kind == "STRING":
            return Value(f"bq_json_field({of.sql}, {key.sql})", t.JSON, fragile=True)
        if key.type.kind == "INT64":
            return Value(f"bq_json_element({of.sql}, {key.sql})", t.JSON, fragile=True)
    if of.type.kind == "STRUCT" and node.how in {"OFFSET", "ORDINAL"}:
        raise not_implemented("struct[OFFSET(…)]")
    if of.type.kind != "ARRAY":
        raise c.error(
            f"Element access using [{node.how or 'INT64'}()] is not supported on values of type {of.type}", node
        )
    position = c.as_type(node.index, t.INT64, "Array position")
    how = node.how or "OFFSET"
    plus = "" if how.endswith("ORDINAL") else " + 1"
    safe = how.startswith("SAFE")
    macro = "bq_array_at_safe" if safe else "bq_array_at"
    return Value(f"{macro}({of.sql}, {position.sql}{plus})", of.type.of, fragile=True)
