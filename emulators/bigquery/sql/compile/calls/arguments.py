"""Check the arguments of a call: how many, by which names, of which type a NULL is.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-reference
"""

from __future__ import annotations

from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.values import Value, convert
from emulators.bigquery.sql.read import syntax as s


def arity(c: Compiling, node: s.Call, low: int, high: int) -> None:
    """Raise invalidQuery unless there are `low` to `high` arguments."""
    if not low <= len(node.args) <= high:
        raise c.error(f"Number of arguments does not match for function {node.name}: found {len(node.args)}", node)


def named_argument(c: Compiling, node: s.Call, name: str, kind: t.Type, default: str) -> str:
    """A named argument as DuckDB text, or its default; raises invalidQuery when another name was given."""
    other = next((n for n in node.named if n.lower() != name), None)
    if other is not None:
        raise c.error(f"Named argument {other} not found in signature for call to function {node.name}", node)
    given = next(iter(node.named.values()), None)
    return default if given is None else c.as_type(given, kind, f"{node.name} {name}").sql


def typed(value: Value) -> Value:
    """An untyped NULL is an INT64."""
    return convert(value, t.INT64) if value.type.kind == "NULL" else value
