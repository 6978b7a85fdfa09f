"""Compile AND and OR.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#logical_operators
"""

from __future__ import annotations

from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.values import Value


def logical(op: str, left: Value, right: Value) -> Value:
    """AND, OR; what may fail on the right is computed only where the left leaves the answer open.

    DuckDB computes both sides of AND in a SELECT list, and orders the parts of a filter by what they cost.
    """
    if not right.fragile:
        return Value(f"({left.sql} {op} {right.sql})", t.BOOL, fragile=left.fragile)
    decided = f"NOT {left.sql} THEN FALSE" if op == "AND" else f"{left.sql} THEN TRUE"
    return Value(f"CASE WHEN {decided} ELSE ({right.sql} {op} {left.sql}) END", t.BOOL, fragile=True)
