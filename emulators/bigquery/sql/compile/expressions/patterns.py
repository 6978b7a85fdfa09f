"""Compile LIKE.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#like_operator
"""

from __future__ import annotations

from emulators.bigquery.errors import invalid_query, not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.operand_errors import no_operator
from emulators.bigquery.sql.compile.values import Value, convert
from emulators.bigquery.sql.read import syntax as s


def like(c: Compiling, node: s.Like) -> Value:
    """LIKE with backslash escapes."""
    value = c.compile(node.value)
    patterns = [c.compile(p) for p in node.patterns]
    for pattern in patterns:
        if not all(v.type.kind in {"STRING", "NULL"} for v in (value, pattern)):
            if "BYTES" in {value.type.kind, pattern.type.kind}:
                raise not_implemented("LIKE on BYTES")
            raise no_operator(c, "LIKE", [value, pattern], node)
    left = convert(value, t.STRING).sql
    tests = [f"({left} LIKE {_pattern(convert(p, t.STRING))} ESCAPE '\\')" for p in patterns]
    joined = (" AND " if node.quantifier == "ALL" else " OR ").join(tests)
    return Value(f"(NOT ({joined}))" if node.negated else f"({joined})", t.BOOL, fragile=True)


def _pattern(value: Value) -> str:
    """A LIKE pattern; one that ends inside of an escape is an error."""
    wrong = "LIKE pattern ends with a backslash"
    if value.literal is not None:
        if (len(value.literal) - len(value.literal.rstrip("\\"))) % 2:
            raise invalid_query(wrong)
        return value.sql
    return (
        rf"list_transform([{value.sql}], lambda bq_l: CASE WHEN regexp_matches(bq_l, '(^|[^\\])(\\\\)*\\$') "
        f"THEN CAST(bq_raise_int('{wrong}') AS VARCHAR) ELSE bq_l END)[1]"
    )
