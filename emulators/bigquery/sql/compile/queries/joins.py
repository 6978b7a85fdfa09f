"""Compile what joins ask of their sides: the merged columns of USING, the equality that outer joins need.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#join_types
"""

from __future__ import annotations

from emulators.bigquery.errors import invalid_query
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.comparisons import compare
from emulators.bigquery.sql.compile.scans import NO_SCANS, Scans
from emulators.bigquery.sql.compile.scope import Column, Scope, Source
from emulators.bigquery.sql.compile.values import Value, convert
from emulators.bigquery.sql.read import syntax as s


def merge_columns(c: Compiling, join: s.Join, left: list[Source], right: list[Source]) -> str:
    """DuckDB text of the condition of USING; its columns become single ones of the scope.

    Raises invalidQuery for a name that is not one column of each side.
    """
    tests = []
    merged = []
    for name in join.using:
        already = [column for column in c.scope.merged if column.name.lower() == name.lower()]
        a = _only(c, join, name, "left", already or [column for source in left for column in source.find(name)])
        b = _only(c, join, name, "right", [column for source in right for column in source.find(name)])
        tests.append(compare(c, "=", Value(a.sql, a.type), Value(b.sql, b.type), join).sql)
        c.analysis.reads |= a.reads | b.reads
        merged.append(_merged(join.kind, a, b))
    names = {name.lower() for name in join.using}
    c.scope.merged = merged + [column for column in c.scope.merged if column.name.lower() not in names]
    return " AND ".join(tests)


def _only(c: Compiling, join: s.Join, name: str, side: str, found: list[Column]) -> Column:
    if not found:
        raise c.error(f"Column {name} in USING clause not found on {side} side of join", join)
    if len(found) > 1:
        raise c.error(f"Column {name} in USING clause is ambiguous on {side} side of join", join)
    return found[0]


def _merged(join: str, left: Column, right: Column) -> Column:
    """The column that a name of USING stands for: the side whose rows are all kept, or what is not NULL."""
    kind = t.supertype([(left.type, False, False), (right.type, False, False)]) or left.type
    left_sql = convert(Value(left.sql, left.type), kind).sql
    right_sql = convert(Value(right.sql, right.type), kind).sql
    sql = {"LEFT": left_sql, "INNER": left_sql, "RIGHT": right_sql}.get(join, f"COALESCE({left_sql}, {right_sql})")
    narrows: dict[str, Scans] = {"LEFT": left.partitions, "RIGHT": right.partitions, "FULL": NO_SCANS}
    partitions = narrows.get(join, left.partitions | right.partitions)
    return Column(left.name, kind, sql, left.reads | right.reads, partitions=partitions)


def check_outer_join(scope: Scope, join: s.Join, left: list[Source], right: list[Source]) -> None:
    """An outer join needs an equality of both sides, or BigQuery does not run it."""
    assert join.on is not None
    tests = s.conjuncts(join.on)
    for test in tests:
        if isinstance(test, s.Binary) and test.op == "=":
            sides = [_sides(scope, part, left, right) for part in (test.left, test.right)]
            if sorted(sides) == ["left", "right"]:
                return
    if not any(_sides(scope, test, left, right) == "both" for test in tests):
        return  # ON TRUE pairs all rows
    raise invalid_query(
        f"{join.kind} OUTER JOIN cannot be used without a condition that is an equality of fields from both sides "
        "of the join."
    )


def _sides(scope: Scope, node: s.Expr, left: list[Source], right: list[Source]) -> str:
    """Which side of a join an expression reads: left, right, both, or neither."""
    read = set()
    for part in s.walk(node):
        found = scope.lookup(part.name) if isinstance(part, s.Name) else None
        for name, sources in (("left", left), ("right", right)):
            if any(found is src or found is src.value or found in src.columns for src in sources if found):
                read.add(name)
    return "both" if len(read) == 2 else read.pop() if read else "neither"
