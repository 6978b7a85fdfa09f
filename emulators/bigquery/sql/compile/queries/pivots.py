"""Compile PIVOT and UNPIVOT.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#pivot_operator
"""

from __future__ import annotations

from dataclasses import dataclass

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.calls.aggregates import AGGREGATES
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.comparisons import compare
from emulators.bigquery.sql.compile.scope import Column, Scope
from emulators.bigquery.sql.compile.values import Value, convert
from emulators.bigquery.sql.read import syntax as s

_PIVOTABLE = {"SUM", "AVG", "MIN", "MAX", "COUNT", "ANY_VALUE"}

Named = list[tuple[str, t.Type]]  # the names and types of c0, c1, …


def compile_pivot(c: Compiling, item: s.Pivot | s.Unpivot, columns: list[Column], source: str) -> tuple[str, Named]:
    """A query of the rows that the operator makes of `source`, whose columns `c` sees."""
    if isinstance(item, s.Pivot):
        return _pivot(c, item, columns, source)
    return _unpivot(c, item, columns, source)


def _pivot(c: Compiling, item: s.Pivot, columns: list[Column], source: str) -> tuple[str, Named]:
    value = c.compile(item.input)
    used: set[str] = {value.sql}
    outputs: list[tuple[str, Value]] = []
    if len(item.aggregates) > 1 and not all(name for _, name in item.aggregates):
        raise not_implemented("PIVOT with several aggregates of which one has no alias")
    for expr, alias in item.values:
        if not isinstance(expr, s.Literal):
            raise not_implemented("PIVOT over values that are not literals")
        test = _pivot_test(c, item, value, expr)
        for call, name in item.aggregates:
            result = _pivot_result(c, call, test, used)
            label = alias or _label(expr)
            outputs.append((f"{name}_{label}" if name else label, result))
    keys = [column for column in columns if column.sql not in used]
    listed = [(key.name, Value(key.sql, key.type)) for key in keys] + outputs
    select = ", ".join(f"{output.sql} AS c{i}" for i, (_, output) in enumerate(listed))
    group = f" GROUP BY {', '.join(key.sql for key in keys)}" if keys else ""
    return f"SELECT {select} FROM {source}{group}", [(name, output.type) for name, output in listed]


def _pivot_test(c: Compiling, item: s.Pivot, value: Value, expr: s.Literal) -> str:
    """DuckDB text that tells whether a row belongs to a value of IN."""
    test = compare(c, "=", value, c.compile(expr), item)
    return f"({value.sql} IS NULL)" if expr.kind == "NULL" else test.sql


def _pivot_result(c: Compiling, call: s.Call, test: str, used: set[str]) -> Value:
    """The aggregate over the rows of `test`; the columns that it takes are added to `used`."""
    if call.name not in _PIVOTABLE or call.distinct or call.order or call.having:
        raise not_implemented(f"{call.name} in PIVOT")
    if call.star:
        return Value(f"count(*) FILTER (WHERE {test})", t.INT64)
    used |= {c.compile(argument).sql for argument in call.args}
    return AGGREGATES[call.name](c, call, f" FILTER (WHERE {test})")


def _label(literal: s.Literal) -> str:
    """The column name a pivot value makes: its text, with other characters as underscores."""
    if (
        literal.kind == "STRING"
        and str(literal.value).replace("_", "a").isalnum()
        and not str(literal.value)[:1].isdigit()
    ):
        return str(literal.value)
    if literal.kind == "INT64" and not str(literal.value).startswith("-"):
        return f"_{literal.value!s}"
    if literal.kind == "BOOL":
        return str(literal.value).upper()
    raise not_implemented("PIVOT values whose column name is not plain; give an alias")


@dataclass(frozen=True)
class _Branch:
    """What UNPIVOT makes of each row of its source: the columns that become values, and their label."""

    columns: list[Column]
    label: Value


def _unpivot(c: Compiling, item: s.Unpivot, columns: list[Column], source: str) -> tuple[str, Named]:
    branches = _branches(c, item, {column.name.lower(): column for column in columns})
    kinds = _value_types(c, item, branches)
    spent = {name.lower() for names, _ in item.columns for name in names}
    kept = [column for column in columns if column.name.lower() not in spent]
    named = [(column.name, column.type) for column in kept]
    named += [*zip(item.values, kinds, strict=True), (item.name, branches[0].label.type)]
    selects = []
    for branch in branches:
        values = [
            convert(Value(column.sql, column.type), kind).sql
            for column, kind in zip(branch.columns, kinds, strict=True)
        ]
        parts = [*(column.sql for column in kept), *values, branch.label.sql]
        listed = ", ".join(f"{part} AS c{i}" for i, part in enumerate(parts))
        present = " OR ".join(f"{column.sql} IS NOT NULL" for column in branch.columns)
        selects.append(f"SELECT {listed} FROM {source}{'' if item.include_nulls else f' WHERE {present}'}")
    return " UNION ALL ".join(selects), named


def _branches(c: Compiling, item: s.Unpivot, by_name: dict[str, Column]) -> list[_Branch]:
    branches = []
    for names, label in item.columns:
        if len(names) != len(item.values):
            raise c.error("UNPIVOT columns and values differ in number", item)
        for name in names:
            if name.lower() not in by_name:
                raise c.error(f"Unrecognized name: {name}", item)
        found = [by_name[name.lower()] for name in names]
        if label is None:
            branches.append(_Branch(found, Value(t.text("_".join(names)), t.STRING)))
        elif isinstance(label, s.Literal) and label.kind in {"STRING", "INT64"}:
            branches.append(_Branch(found, c.within(Scope()).compile(label)))
        else:
            raise not_implemented("UNPIVOT labels that are not literals")
    return branches


def _value_types(c: Compiling, item: s.Unpivot, branches: list[_Branch]) -> list[t.Type]:
    """The types of the columns of values; each must be the same in all branches."""
    kinds = []
    for index in range(len(item.values)):
        given = [branch.columns[index].type for branch in branches]
        kind = t.supertype([(one, False, False) for one in given])
        if kind is None or any(one != kind for one in given):
            raise c.error("UNPIVOT columns must all have the same type", item)
        kinds.append(kind)
    return kinds
