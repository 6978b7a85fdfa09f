"""Compile GROUP BY: its keys, and which columns may stand beside aggregates.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#group_by_clause
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.calls import aggregates
from emulators.bigquery.sql.compile.compiled import Item
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.read import syntax as s


class Grouping:
    """The GROUP BY of one SELECT; `keys` is the DuckDB text of its keys, filled by `compile`."""

    def __init__(self, c: Compiling, node: s.Select, items: list[Item]) -> None:
        self.c, self.node, self.items = c, node, items
        self.keys: set[str] = set()

    @property
    def present(self) -> bool:
        """Whether the text has a GROUP BY."""
        return self.node.group_all or self.node.group is not None or self.node.group_sets is not None

    def compile(self) -> str:
        """DuckDB text of the clause, '' when there is none."""
        if self.node.group_all:
            keys = [self._of_item(item, item.pos) for item in self.items if self._is_inferred(item)]
            return f" GROUP BY {', '.join(keys) or '()'}"
        if self.node.group_sets is not None:
            return f" GROUP BY {self._set(self.node.group_sets)}"
        if self.node.group is None:
            return ""
        return " GROUP BY " + ", ".join(self._key(expr) for expr in self.node.group)

    def _set(self, found: s.GroupingSet) -> str:
        if found.sets:
            return f"{found.kind} ({', '.join(self._set(one) for one in found.sets)})"
        lists = [", ".join(self._key(expr) for expr in item) for item in found.items]
        if not found.kind:
            return f"({lists[0]})"
        return f"{found.kind} ({', '.join(f'({one})' for one in lists)})"

    def _is_inferred(self, item: Item) -> bool:
        """GROUP BY ALL takes what reads a column and neither aggregates nor looks at other rows."""
        if item.node is None:
            return True
        parts = list(s.walk(item.node))
        calls = [p for p in parts if isinstance(p, s.Call)]
        if any(p.over is not None or p.name in aggregates.AGGREGATES for p in calls):
            return False
        if any(isinstance(p, s.Subquery) for p in parts):
            raise not_implemented("GROUP BY ALL beside a subquery in the SELECT list")
        return any(isinstance(p, s.Name) and self.c.scope.lookup(p.name) is not None for p in parts)

    def _key(self, expr: s.Expr) -> str:
        if isinstance(expr, s.Literal):
            if expr.kind != "INT64":
                raise self.c.error("Cannot GROUP BY literal values", expr)
            return self._of_item(self._at(expr), expr.pos)
        if isinstance(expr, s.Name):  # a SELECT alias comes before a column of FROM of the same name
            named = [i for i in self.items if i.alias and i.name.lower() == expr.name.lower()]
            if len({i.value.sql for i in named}) > 1:
                raise self.c.error(
                    f"Name {expr.name} in the GROUP BY clause is ambiguous; it may refer to multiple "
                    "columns in the SELECT-list",
                    expr,
                )
            if named:
                return self._of_item(named[0], expr.pos)
        if any(isinstance(part, s.Subquery) for part in s.walk(expr)):
            raise not_implemented("GROUP BY an expression with a subquery; select it under an alias and group by that")
        self.c.clause = "GROUP BY"
        try:
            value = self.c.compile(expr)
        finally:
            self.c.clause = "SELECT"
        return self._of_value(value.sql, value.type, expr.pos)

    def _at(self, node: s.Literal) -> Item:
        position = int(str(node.value))
        if not 1 <= position <= len(self.items):
            raise self.c.error(
                f"GROUP BY column number item is out of range: {position}; SELECT list has {len(self.items)} items",
                node,
            )
        return self.items[position - 1]

    def _of_item(self, item: Item, pos: int) -> str:
        calls = [p for p in s.walk(item.node) if isinstance(p, s.Call)]
        if any(p.over is None and p.name in aggregates.AGGREGATES for p in calls):
            raise self.c.analysis.error(
                f"Column {item.name} contains an aggregation function, which is not allowed in GROUP BY", pos
            )
        if any(p.over is not None for p in calls):
            raise self.c.analysis.error(
                f"Column {item.name} contains an analytic function, which is not allowed in GROUP BY", pos
            )
        self.c.analysis.reads |= item.reads
        return self._of_value(item.value.sql, item.value.type, pos)

    def _of_value(self, sql: str, kind: t.Type, pos: int) -> str:
        if not kind.groupable:
            raise self.c.analysis.error(f"Grouping by expressions of type {kind} is not allowed", pos)
        if kind.kind == "BIGNUMERIC":
            raise not_implemented("GROUP BY a BIGNUMERIC")
        self.keys.add(sql)
        return f"({sql})"

    def check_items(self) -> None:
        """Raise for a SELECT list item that is neither a key nor made of keys and aggregates."""
        for item in self.items:
            if item.value.sql in self.keys:
                continue
            if item.node is not None:
                self.c.compile(item.node)
            else:
                raise self.c.analysis.error(
                    f"Star expansion expression references column {item.name} which is neither grouped nor aggregated",
                    item.pos,
                )
