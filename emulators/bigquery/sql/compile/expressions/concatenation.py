"""CONCAT and ||.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#concat, …/operators
"""

from __future__ import annotations

from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions import casts
from emulators.bigquery.sql.compile.values import Value, common
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.tokens import line_and_column

# What CONCAT and || take beside BYTES.
_WRITTEN = t.SCALARS - {"BYTES", "JSON"}


def operator(c: Compiling, left: Value, right: Value, node: s.Binary) -> Value:
    """|| of arrays, or of what CONCAT takes."""
    values = [left, right]
    if any(v.type.kind == "ARRAY" for v in values):
        converted, kind = common(values, c.analysis.sql, node.pos, "Arguments of || have no common type")
        return Value(f"bq_array_concat({converted[0].sql}, {converted[1].sql})", kind)
    return joined(c, values, "operator ||", node)


def joined(c: Compiling, values: list[Value], what: str, node: s.Node) -> Value:
    """CONCAT and ||: all BYTES, or STRING and what is written as one; NULL if one is.

    `what` names the function or operator in the refusal of other types; both have the same overloads.
    """
    kinds = {v.type.kind for v in values} - {"NULL"}
    kind = t.BYTES if "BYTES" in kinds else t.STRING
    if kinds - ({"BYTES"} if kind == t.BYTES else _WRITTEN):
        raise t.no_signature(what, [v.type for v in values], f" at {line_and_column(c.analysis.sql, node.pos)}")
    parts = [casts.convert_explicitly(value, kind, c, node) for value in values]
    return Value(f"({' || '.join(parts)})", kind, fragile=any(v.fragile for v in values))
