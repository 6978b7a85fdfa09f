"""Compile CASE.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/conditional_expressions#case
"""

from __future__ import annotations

from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.comparisons import compare
from emulators.bigquery.sql.compile.values import Value, common
from emulators.bigquery.sql.read import syntax as s


def case(c: Compiling, node: s.Case) -> Value:
    """CASE; the results have a common supertype."""
    results = [c.compile(r) for _, r in node.whens]
    results.append(c.compile(node.otherwise) if node.otherwise else Value("NULL", t.NULL))
    what = "Result types of CASE have no common supertype"
    converted, kind = common(results, c.analysis.sql, node.pos, what)
    tests = []
    if node.operand is not None:
        operand = c.compile(node.operand)
        tests = [compare(c, "=", operand, c.compile(w), node).sql for w, _ in node.whens]
    else:
        tests = [c.as_type(w, t.BOOL, "CASE condition").sql for w, _ in node.whens]
    arms = " ".join(f"WHEN {w} THEN {r.sql}" for w, r in zip(tests, converted, strict=False))
    return Value(f"CASE {arms} ELSE {converted[-1].sql} END", kind, fragile=True)
