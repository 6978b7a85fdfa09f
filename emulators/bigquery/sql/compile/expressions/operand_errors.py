"""The analyzer's words for operands that an operator does not take."""

from __future__ import annotations

from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.values import Value
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.tokens import line_and_column

_COMPARISONS = {"=", "!=", "<", ">", "<=", ">="}


def no_operator(c: Compiling, op: str, values: list[Value], node: s.Node) -> Exception:
    """`No matching signature for operator …`, with the types given."""
    kinds = [v.type for v in values]
    shape = {"AND": "BOOL", "OR": "BOOL", "NOT": "BOOL"}.get(op)
    where = f" at {line_and_column(c.analysis.sql, node.pos)}"
    signature = f"\n  Signature: {op} ({shape})" if shape else ""
    if op in _COMPARISONS:
        listed = ", ".join(str(k) for k in kinds)
        signature = (
            f"\n  Signature: T1 {op} T1\n    Unable to find common supertype for templated argument <T1>\n"
            f"      Input types for <T1>: {{{listed}}}"
        )
    return t.no_signature(f"operator {op}", kinds, signature + where)
