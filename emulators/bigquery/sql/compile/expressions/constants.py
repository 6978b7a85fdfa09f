"""Compile literals and query parameters.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#literals, …/lexical#query_parameters
"""

from __future__ import annotations

from emulators.bigquery.errors import ApiError
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile import literals
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.values import Value
from emulators.bigquery.sql.read import syntax as s


def literal(c: Compiling, node: s.Literal) -> Value:
    """A literal; DATE '…' and its kin are checked here."""
    sql = c.analysis.sql
    if node.kind == "NULL":
        return Value("NULL", t.NULL)
    if node.kind == "BOOL":
        return Value("TRUE" if node.value else "FALSE", t.BOOL)
    if isinstance(node.value, bytes):
        return Value(literals.bytes_literal(node.value), t.BYTES)
    written = str(node.value)
    if node.kind == "STRING":
        return Value(t.text(written), t.STRING, literal=written)
    if node.kind in {"INT64", "FLOAT64"}:
        return Value(literals.number(node.kind, written, sql, node.pos), t.Type(node.kind), literal=written)
    kind = t.Type(node.kind)
    try:
        return Value(literals.from_text(node.kind, written, sql, node.pos), kind)
    except ApiError as error:
        raise c.error(f"Invalid {node.kind} literal", node) from error


def parameter(c: Compiling, node: s.Param) -> Value:
    """A query parameter; its value is bound when the query runs."""
    key = node.name if node.name is not None else str(node.index)
    kind = c.analysis.parameters.get(key)
    if kind is None:
        if node.name is None:
            raise c.error("Query parameter number out of range: no value was given for it", node)
        raise c.error(f"Query parameter '{node.name}' not found", node)
    c.analysis.used_parameters.add(key)
    return Value(f"CAST($p_{key} AS {kind.duck})", kind, parameter=True)
