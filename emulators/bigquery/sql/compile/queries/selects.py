"""Compile one SELECT: its list, WHERE, HAVING, QUALIFY, ORDER BY, and the rows it yields.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#select_list
"""

from __future__ import annotations

from dataclasses import replace

from emulators.bigquery.errors import ApiError, not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiled import Compiled, Item
from emulators.bigquery.sql.compile.compiling import Querying
from emulators.bigquery.sql.compile.expression_compiler import ExpressionCompiler
from emulators.bigquery.sql.compile.expressions.names import own_name
from emulators.bigquery.sql.compile.expressions.ordering import order_key, ordinal
from emulators.bigquery.sql.compile.queries import partition_filters
from emulators.bigquery.sql.compile.queries.from_clause import FromCompiler
from emulators.bigquery.sql.compile.queries.grouping import Grouping
from emulators.bigquery.sql.compile.queries.recursion import DEPTH
from emulators.bigquery.sql.compile.scans import NO_SCANS
from emulators.bigquery.sql.compile.scope import Column, Reads, Scope
from emulators.bigquery.sql.compile.values import Value, convert
from emulators.bigquery.sql.read import syntax as s


class SelectCompiler:
    """One SELECT inside the names of `outer`."""

    def __init__(self, queries: Querying, node: s.Select, outer: Scope | None) -> None:
        self.queries, self.node = queries, node
        self.analysis = queries.analysis
        self.scope = Scope(outer)
        self.items: list[Item] = []
        self.c = ExpressionCompiler(queries, self.scope)
        self.c.windows = node.windows

    def compile(self, order: list[s.OrderItem], tail: str) -> Compiled:
        """The SELECT with ORDER BY and LIMIT."""
        node, c = self.node, self.c
        source = ""
        if node.from_ is not None:
            source = " FROM " + FromCompiler(self.queries, self.scope).compile(node.from_)
        where = self._where()
        c.clause = "SELECT"
        self._select_list()
        grouping = Grouping(c, node, self.items)
        group = grouping.compile()
        grouped = grouping.present or c.has_aggregate or node.having is not None
        if grouped:
            self.scope.grouped = frozenset(grouping.keys)
            grouping.check_items()
        having = qualify = ""
        if node.having is not None:
            having = f" HAVING {self._condition(node.having, 'HAVING')}"
            if not grouping.present and not c.has_aggregate:
                raise self._error("The HAVING clause requires GROUP BY or aggregation to be present", node.having)
        if node.qualify is not None:
            before, c.has_window = c.has_window, False
            qualify = f" QUALIFY {self._condition(node.qualify, 'QUALIFY')}"
            if not c.has_window and not before:
                raise self._error("The QUALIFY clause requires analytic function to be present", node.qualify)
            c.has_window = True
        keys = self._order(order, grouped=grouped)
        guard = "" if grouped or c.has_window or "SELECT" in where else where
        compiled = self._listed(source + (f" WHERE {where}" if where else "") + group + having + qualify, keys, guard)
        correlation = compiled.correlation | ({"LIMIT"} if tail and compiled.correlation else set())
        return replace(compiled, sql=compiled.sql + tail, correlation=correlation)

    def _error(self, message: str, node: s.Node) -> ApiError:
        return self.analysis.error(message, node.pos)

    def _where(self) -> str:
        node = self.node
        if node.where is None:
            return ""
        if node.from_ is None:
            raise self._error("Query without FROM clause cannot have a WHERE clause", node.where)
        sql = self.c.condition(node.where, "WHERE").sql
        if self.scope.outer:
            self._judge_correlation(node.where)
        partition_filters.note(self.c, node.where, self.scope.scans())
        return sql

    def _judge_correlation(self, where: s.Expr) -> None:
        """Note "=" where an equality of WHERE ties this query to those around it: then it can become a join."""
        for test in s.conjuncts(where):
            if isinstance(test, s.Binary) and test.op == "=":
                before, self.scope.outer = self.scope.outer, set()
                self.c.compile(test)
                tied = bool(self.scope.outer)
                self.scope.outer = before | ({"="} if tied else set())

    def _condition(self, node: s.Expr, clause: str) -> str:
        """HAVING and QUALIFY see SELECT aliases before the columns of FROM."""
        self._see_aliases()
        self.scope.clause = f"{clause} clause"
        sql = self.c.condition(node, clause).sql
        self.scope.aliases = {}
        return sql

    def _see_aliases(self) -> None:
        for item in self.items:
            if item.alias and item.name.lower() not in self.scope.aliases:
                self.scope.aliases[item.name.lower()] = Column(item.name, item.value.type, item.value.sql, item.reads)

    # -- SELECT list -----------------------------------------------------------------------------------

    def _select_list(self) -> None:
        anonymous = 0
        for expr, alias in self.node.items:
            if isinstance(expr, s.Star):
                self._star(expr)
                continue
            value, reads = self._value(expr)
            name = alias or own_name(expr)
            unnamed = not name
            if unnamed and not (self.node.as_struct or self.node.as_value):
                name = f"f{anonymous}_"
                anonymous += 1
            self.items.append(Item(name, value, reads, alias is not None, expr, expr.pos, unnamed))

    def _value(self, expr: s.Expr) -> tuple[Value, Reads]:
        """An expression and what it reads, which counts only if the item is used."""
        outside, self.analysis.reads = self.analysis.reads, set()
        value = self.c.compile(expr)
        reads = frozenset(self.analysis.reads)
        self.analysis.reads = outside
        return convert(value, t.INT64) if value.type.kind == "NULL" else value, reads

    def _star(self, star: s.Star) -> None:
        columns, made_of = self._star_columns(star)
        names = {column.name.lower() for column in columns}
        for name in star.except_:
            if name.lower() not in names:
                raise self._error(f"Column {name} in SELECT * EXCEPT list does not exist", star)
        dropped = {n.lower() for n in star.except_}
        columns = [column for column in columns if column.name.lower() not in dropped]
        if not columns:
            raise self._error("SELECT * expands to zero columns after applying EXCEPT", star)
        replaced = {name.lower(): expr for name, expr in star.replace}
        for name in replaced:
            if name not in names - dropped:
                raise self._error(f"Column {name} in SELECT * REPLACE list does not exist", star)
        for column in columns:
            expr = replaced.get(column.name.lower())
            if expr is not None:
                value, reads = self._value(expr)
                self.items.append(Item(column.name, value, reads, alias=False, node=expr, pos=star.pos))
            else:
                value = Value(column.sql, column.type, partitions=column.partitions)
                self.items.append(Item(column.name, value, column.reads, alias=False, node=made_of, pos=star.pos))

    def _star_columns(self, star: s.Star) -> tuple[list[Column], s.Expr | None]:
        """The columns, and the expression whose fields they are where they are none of FROM."""
        if star.of is None:
            if self.node.from_ is None:
                raise self._error("SELECT * must have a FROM clause", star)
            return self.scope.star(), None
        if isinstance(star.of, s.Name):
            for scope in self.scope.chain():
                source = scope.range_variable(star.of.name)
                if source is not None and (source.value is None or source.value.type.kind == "STRUCT"):
                    return source.visible(), None
        value, reads = self._value(star.of)
        if value.type.kind != "STRUCT":
            raise self._error(f"Dot-star is not supported for type {value.type}", star)
        return [
            Column(name, kind, f"struct_extract({value.sql}, {t.text(duck)})", reads)
            for (name, kind), duck in zip(value.type.fields, value.type.duck_names, strict=True)
        ], star.of

    # -- ORDER BY --------------------------------------------------------------------------------------

    def _order(self, order: list[s.OrderItem], *, grouped: bool) -> str:
        self.scope.clause = "ORDER BY clause"
        keys = [self._order_key(item) for item in order]
        if order and self.c.has_aggregate and not grouped:
            raise self._error(
                "The ORDER BY clause only allows aggregation if GROUP BY or SELECT list aggregation is present",
                order[0],
            )
        return f" ORDER BY {', '.join(keys)}" if keys else ""

    def _order_key(self, item: s.OrderItem) -> str:
        """ORDER BY sees SELECT aliases first, then the columns of FROM."""
        expr = item.expr
        chosen: Item | None = None
        if isinstance(expr, s.Literal):
            if expr.kind != "INT64":
                raise self._error("Cannot ORDER BY literal values", expr)
            columns = [Column(i.name, i.value.type, str(n)) for n, i in enumerate(self.items)]
            chosen = self.items[int(ordinal(self.analysis, expr, columns).sql)]
        elif isinstance(expr, s.Name):
            named = [i for i in self.items if i.name.lower() == expr.name.lower()]
            if len({i.value.sql for i in named}) > 1:
                raise self._error(f"Column name {expr.name} is ambiguous", expr)
            chosen = named[0] if named else None
        if chosen is not None:
            self.analysis.reads |= chosen.reads
            return order_key(self._after_distinct(chosen.value, item), item, self.c)
        self._see_aliases()
        value = self.c.compile(expr)
        self.scope.aliases = {}
        return order_key(self._after_distinct(value, item), item, self.c)

    def _after_distinct(self, value: Value, item: s.OrderItem) -> Value:
        """After DISTINCT only output columns can be ordered by."""
        if not self.node.distinct:
            return value
        for index, selected in enumerate(self.items):
            if selected.value.sql == value.sql:
                return replace(value, sql=f"c{index}")
        self.scope.grouped = frozenset(selected.value.sql for selected in self.items)
        try:
            self.c.compile(item.expr)
        except ApiError:
            raise self._error(
                "ORDER BY clause expression references a column which is not visible after SELECT DISTINCT", item
            ) from None
        raise not_implemented("ORDER BY an expression over the columns of SELECT DISTINCT; select the expression too")

    # -- the rows --------------------------------------------------------------------------------------

    def _listed(self, rest: str, order: str, guard: str) -> Compiled:
        """The outputs as c0, c1, …

        A filter around this query may be computed before its own WHERE, so what may fail is kept behind `guard`.
        """
        node = self.node
        if node.as_struct:
            kind = t.struct_of([(i.name, i.value.type) for i in self.items])
            packed = ", ".join(
                f"{t.quote(n)} := {i.value.sql}" for n, i in zip(kind.duck_names, self.items, strict=True)
            )
            reads = frozenset[tuple[int, str]]().union(*(i.reads for i in self.items))
            fragile = any(i.value.fragile for i in self.items)
            self.items = [Item("", Value(f"struct_pack({packed})", kind, fragile=fragile), reads, alias=False)]
        if node.as_value and len(self.items) != 1:
            raise self._error("SELECT AS VALUE query must have exactly one column", node)
        if node.distinct:
            for item in self.items:
                if not item.value.type.groupable:
                    raise self._error(f"SELECT DISTINCT cannot be used with a column of type {item.value.type}", node)
                self.analysis.reads |= item.reads
        columns, listed = [], []
        for number, item in enumerate(self.items):
            value = item.value
            partitions = NO_SCANS if self.c.has_window else value.partitions
            columns.append(
                Column(
                    item.name, value.type, f"c{number}", item.reads, partitions=partitions, unnamed=item.unnamed,
                )
            )  # fmt: skip
            sql = f"CASE WHEN {guard} THEN {value.sql} END" if guard and value.fragile else value.sql
            listed.append(f"{sql} AS c{number}")
        if self.scope.depth:
            listed.append(f"{self.scope.depth} + 1 AS {DEPTH}")
        sql = f"SELECT {'DISTINCT ' if node.distinct else ''}{', '.join(listed)}{rest}{order}"
        return Compiled(sql, columns, node.as_struct or node.as_value, frozenset(self.scope.outer), self.scope.tables)
