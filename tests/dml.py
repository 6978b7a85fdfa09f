"""What the platform's own DML does to rows in memory: INSERT of values, UPDATE, DELETE, MERGE with what it selects.

A source selects parameters, or columns of the target itself, or counts its rows.

`tests/contract/ports/test_jobs.py` runs the same statements here and on the embedded BigQuery.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlglot import exp, parse_one

from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import TableRef

Row = dict[str, Any]


class Statement:
    """One statement, read."""

    def __init__(self, sql: Sql) -> None:
        self._tree = parse_one(sql.text, read="bigquery")
        self._values = {each.name: _value(each) for each in sql.parameters}

    @property
    def table(self) -> TableRef | None:
        """The table that it changes; None where it changes none."""
        if not isinstance(self._tree, exp.Insert | exp.Update | exp.Delete | exp.Merge):
            return None
        found = self._tree.find(exp.Table)
        assert found is not None
        return TableRef(*(part.name for part in found.parts))

    def run(self, rows: list[Row]) -> tuple[list[Row], int]:
        """The rows after it, and how many it changed."""
        tree, self._stored = self._tree, rows
        if isinstance(tree, exp.Insert):
            names = [each.name for each in tree.this.expressions]
            return [*rows, self._inserted(names, tree.expression.expressions[0].expressions)], 1
        if isinstance(tree, exp.Merge):
            return self._merge(tree, rows)
        touched = [bool(self._evaluate(tree.args["where"].this, row)) for row in rows]
        if isinstance(tree, exp.Delete):
            return [row for row, hit in zip(rows, touched, strict=True) if not hit], sum(touched)
        assert isinstance(tree, exp.Update)
        changed = [{**row, **self._assigned(tree, row)} if hit else row for row, hit in zip(rows, touched, strict=True)]
        return changed, sum(touched)

    def _merge(self, tree: exp.Merge, rows: list[Row]) -> tuple[list[Row], int]:
        sources, target = self._selected(tree.args["using"].this), tree.this.alias

        def are_one(row: Row, source: Row) -> bool:
            return bool(self._evaluate(tree.args["on"], row, source=source, target=target))

        matches = [any(are_one(row, source) for source in sources) for row in rows]
        after, count = [], 0
        whens = tree.args["whens"].expressions
        for row, matched in zip(rows, matches, strict=True):
            for when in whens:
                applies = bool(when.args["matched"]) == matched and (matched or when.args.get("source"))
                condition = when.args.get("condition")
                if not applies or (condition is not None and not self._evaluate(condition, row)):
                    continue
                count += 1
                if isinstance(when.args["then"], exp.Update):
                    after.append({**row, **self._assigned(when.args["then"], row)})
                break
            else:
                after.append(row)
        for when in whens:
            then = when.args["then"]
            for source in sources:
                if isinstance(then, exp.Insert) and not any(are_one(row, source) for row in rows):
                    names = [each.name for each in then.this.expressions]
                    after.append(self._inserted(names, then.expression.expressions))
                    count += 1
        return after, count

    def _selected(self, query: Any) -> list[Row]:
        if isinstance(query, exp.Union):
            both = self._selected(query.left) + self._selected(query.right)
            return [row for index, row in enumerate(both) if row not in both[:index]]
        assert isinstance(query, exp.Select)
        found, rows = query.find(exp.From), list[Row]([{}])
        if found and found.parent is query:
            rows = self._stored if isinstance(found.this, exp.Table) else self._selected(found.this.this)
        if where := query.args.get("where"):
            rows = [row for row in rows if self._evaluate(where.this, row)]
        if isinstance(query.expressions[0], exp.Count):
            return [{"": len(rows)}]
        return [{each.alias_or_name: self._evaluate(each.unalias(), row) for each in query.expressions} for row in rows]

    def _inserted(self, names: list[str], values: list[exp.Expression]) -> Row:
        return {name: self._evaluate(value, {}) for name, value in zip(names, values, strict=True)}

    def _assigned(self, update: exp.Update, row: Row) -> Row:
        return {each.this.name: self._evaluate(each.expression, row) for each in update.expressions}

    def _evaluate(self, node: Any, row: Row, *, source: Mapping[str, Any] | None = None, target: str = "") -> Any:
        def value(part: Any) -> Any:
            return self._evaluate(part, row, source=source, target=target)

        if isinstance(node, exp.Parameter):
            return self._values[node.name]
        if isinstance(node, exp.Column):
            return _comparable((source or {}).get(node.name) if source and node.table != target else row.get(node.name))
        if isinstance(node, exp.Subquery):
            return next(iter(self._selected(node.this)[0].values()))
        if isinstance(node, exp.Literal):
            return node.name
        if isinstance(node, exp.Paren):
            return value(node.this)
        if isinstance(node, exp.And):
            return value(node.this) and value(node.expression)
        if isinstance(node, exp.Or):
            return value(node.this) or value(node.expression)
        if isinstance(node, exp.Is):
            return value(node.this) is None
        if isinstance(node, exp.In):
            return value(node.this) in value(node.args["unnest"].expressions[0])
        left, right = value(node.this), value(node.expression)
        # A comparison with NULL is not true.
        return left is not None and right is not None and _COMPARISONS[type(node)](left, right)


_COMPARISONS: dict[type[exp.Expression], Callable[[Any, Any], bool]] = {
    exp.EQ: lambda left, right: left == right,
    exp.NEQ: lambda left, right: left != right,
    exp.GT: lambda left, right: left > right,
    exp.LT: lambda left, right: left < right,
}


def _value(parameter: Parameter) -> Any:
    value = parameter.value
    if parameter.type == "TIMESTAMP" and isinstance(value, str):
        return datetime.fromisoformat(value)
    return list(value) if parameter.array and isinstance(value, tuple | list) else value


def _comparable(value: Any) -> Any:
    """A stored time as a time: rows of load jobs hold text."""
    if isinstance(value, str) and len(value) > 18 and value[10:11] == "T":
        return datetime.fromisoformat(value)
    return value
