"""Compile queries: FROM, SELECT lists, grouping, set operations, CTEs, views.

Every SELECT becomes one DuckDB SELECT whose output columns are c0, c1, …; names and types are kept beside it.
Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from local.bigquery.errors import not_implemented
from local.bigquery.sql import aggregates
from local.bigquery.sql import syntax as s
from local.bigquery.sql import types as t
from local.bigquery.sql.analysis import Analysis
from local.bigquery.sql.expressions import ExpressionCompiler, own_name
from local.bigquery.sql.from_clause import FromCompiler
from local.bigquery.sql.scope import NO_READS, Column, Reads, Scope, Source
from local.bigquery.sql.values import Value, convert


@dataclass
class Compiled:
    """A query as DuckDB text; `columns` are its outputs, `Column.sql` being c0, c1, …."""

    sql: str
    columns: list[Column]
    value_table: bool = False
    row_order: str = ""


@dataclass
class Cte:
    """A common table expression, compiled where it is named."""

    name: str
    compiled: Compiled
    alias: str


@dataclass
class _Item:
    name: str
    value: Value
    reads: Reads
    alias: bool
    node: s.Expr | None = None


class QueryCompiler:
    """Queries of one statement; `ctes` are those in scope, innermost last."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.ctes: list[Cte] = []

    def subquery(self, query: s.Query, outer: Scope | None) -> Compiled:
        """A query inside another; it sees the names around it."""
        return self.query(query, outer)

    def query(self, query: s.Query, outer: Scope | None) -> Compiled:
        """A query with its CTEs."""
        depth = len(self.ctes)
        prefix = ""
        try:
            if query.ctes:
                prefix = self._with(query, outer)
            compiled = self._body(query, outer)
        finally:
            del self.ctes[depth:]
        return replace(compiled, sql=prefix + compiled.sql)

    def _with(self, query: s.Query, outer: Scope | None) -> str:
        if query.recursive:
            raise not_implemented("WITH RECURSIVE")
        parts = []
        seen: set[str] = set()
        for name, inner in query.ctes:
            if name.lower() in seen:
                raise self.analysis.error(f"Duplicate alias {name} for WITH subquery", inner.pos)
            seen.add(name.lower())
            compiled = self.query(inner, outer)
            alias = self.analysis.alias("w")
            parts.append(f"{alias} AS ({compiled.sql})")
            self.ctes.append(Cte(name, compiled, alias))
        return f"WITH {', '.join(parts)} "

    def _body(self, query: s.Query, outer: Scope | None) -> Compiled:
        body = query.body
        tail = self._limit(query)
        if isinstance(body, s.Select):
            return _SelectCompiler(self, body, outer).compile(query.order, tail)
        compiled = self._set_operation(body, outer) if isinstance(body, s.SetOperation) else self.query(body, outer)
        if not query.order and not tail:
            return compiled
        alias = self.analysis.alias("q")
        columns = [replace(c, sql=f"{alias}.{c.sql}") for c in compiled.columns]
        order = self._order_after(query.order, columns, alias, outer)
        return replace(compiled, sql=f"SELECT * FROM ({compiled.sql}) AS {alias}{order}{tail}")

    def _order_after(self, order: list[s.OrderItem], columns: list[Column], alias: str, outer: Scope | None) -> str:
        """ORDER BY over the outputs of a set operation."""
        if not order:
            return ""
        scope = Scope(outer, [Source(None, columns)])
        c = ExpressionCompiler(self.analysis, scope, self)
        keys = []
        for item in order:
            if isinstance(item.expr, s.Literal) and item.expr.kind == "INT64":
                column = self.ordinal(item.expr, columns)
                keys.append(aggregates.order_key(Value(column.sql, column.type), item, c))
            else:
                keys.append(aggregates.order_key(c.compile(item.expr), item, c))
        del alias
        return " ORDER BY " + ", ".join(keys)

    def ordinal(self, node: s.Literal, columns: list[Column]) -> Column:
        """ORDER BY 2 and GROUP BY 2."""
        position = int(str(node.value))
        if not 1 <= position <= len(columns):
            raise self.analysis.error(
                f"ORDER BY column number item is out of range: {position}; SELECT list has {len(columns)} items",
                node.pos,
            )
        return columns[position - 1]

    def _limit(self, query: s.Query) -> str:
        """LIMIT and OFFSET: integer literals, parameters, and casts of them."""
        out = ""
        c = ExpressionCompiler(self.analysis, Scope(), self)
        for word, node in (("LIMIT", query.limit), ("OFFSET", query.offset)):
            if node is None:
                continue
            if not isinstance(node, s.Literal | s.Param | s.Cast):
                raise not_implemented(f"{word} of an expression; give an integer literal or a parameter")
            value = c.compile(node)
            if value.type.kind != "INT64":
                raise self.analysis.error(f"{word} expects an integer literal or parameter", node.pos)
            if value.literal is not None and value.literal.startswith("-"):
                raise self.analysis.error(f"{word} expects a non-negative integer literal or parameter", node.pos)
            out += f" {word} {value.sql if value.literal is not None else _counted(value.sql)}"
        return out

    def _set_operation(self, node: s.SetOperation, outer: Scope | None) -> Compiled:
        operands, op, every = _flatten(node)
        sides = [self.query(o, outer) for o in operands]
        width = len(sides[0].columns)
        for side, query in zip(sides, operands, strict=True):
            if len(side.columns) != width:
                raise self.analysis.error(
                    f"Queries in {op} {'ALL' if every else 'DISTINCT'} have mismatched column count; "
                    f"query 1 has {width} columns, query {operands.index(query) + 1} has {len(side.columns)} columns",
                    query.pos,
                )
        kinds: list[t.Type] = []
        for i in range(width):
            parts = [
                (t.NULL if _is_untyped(q, i) else s_.columns[i].type, _literal_text(q, i) is not None, False)
                for s_, q in zip(sides, operands, strict=True)
            ]
            kind = t.supertype(parts)
            if kind is None:
                listed = ", ".join(str(s_.columns[i].type) for s_ in sides)
                raise self.analysis.error(
                    f"Column {i + 1} in {op} {'ALL' if every else 'DISTINCT'} has incompatible types: {listed}",
                    node.pos,
                )
            if not every and not kind.groupable:
                raise self.analysis.error(
                    f"Column {i + 1} in {op} DISTINCT has type that does not support set operation comparisons: {kind}",
                    node.pos,
                )
            if kind.kind == "BIGNUMERIC" and not every:
                raise not_implemented("set operations over BIGNUMERIC")
            kinds.append(t.INT64 if kind.kind == "NULL" else kind)
        texts = []
        for side, query in zip(sides, operands, strict=True):
            texts.append(self._converted(side, kinds, query))
        word = f"{op}{' ALL' if every else ''}"
        columns = [
            Column(first.name, kind, f"c{i}", frozenset().union(*(s_.columns[i].reads for s_ in sides)))
            for i, (first, kind) in enumerate(zip(sides[0].columns, kinds, strict=True))
        ]
        if not every:
            for column in columns:
                self.analysis.reads |= column.reads
        return Compiled(f" {word} ".join(f"({text})" for text in texts), columns, sides[0].value_table)

    def _converted(self, side: Compiled, kinds: list[t.Type], query: s.Query) -> str:
        if all(c.type == k for c, k in zip(side.columns, kinds, strict=True)):
            return side.sql
        alias = self.analysis.alias("q")
        items = []
        for i, (column, kind) in enumerate(zip(side.columns, kinds, strict=True)):
            if column.type != kind and _is_untyped(query, i):
                empty = "[]" if kind.kind == "ARRAY" and isinstance(_item(query, i), s.Array) else "NULL"
                items.append(f"CAST({empty} AS {kind.duck}) AS c{i}")
                continue
            literal = _literal_text(query, i) if column.type != kind else None
            value = Value(f"{alias}.{column.sql}", column.type, literal=literal)
            items.append(f"{convert(value, kind, self.analysis.sql, query.pos).sql} AS c{i}")
        return f"SELECT {', '.join(items)} FROM ({side.sql}) AS {alias}"


def _counted(sql: str) -> str:
    """A LIMIT that is known as the query runs; DuckDB takes NULL for no limit at all."""
    return (
        f"(SELECT CASE WHEN bq_n IS NULL THEN bq_raise_int('Limit requires non-null count and offset') WHEN bq_n < 0 "
        f"THEN bq_raise_int('Limit requires non-negative count and offset') ELSE bq_n END FROM (SELECT {sql} AS bq_n))"
    )


def _flatten(node: s.SetOperation) -> tuple[list[s.Query], str, bool]:
    """The operands of a chain of the same operation; only UNION chains are flattened."""
    if node.op != "UNION":
        return [node.left, node.right], node.op, node.all
    operands: list[s.Query] = []
    left: s.Query = node.left
    operands.append(node.right)
    while (
        isinstance(left.body, s.SetOperation)
        and left.body.op == "UNION"
        and left.body.all == node.all
        and not (left.ctes or left.order or left.limit)
    ):
        operands.append(left.body.right)
        left = left.body.left
    return [left, *reversed(operands)], node.op, node.all


def _item(query: s.Query, index: int) -> s.Expr | None:
    """The expression of an output column, where the text shows which it is."""
    body = query.body
    if not isinstance(body, s.Select) or any(isinstance(i, s.Star) for i, _ in body.items):
        return None
    return body.items[index][0] if index < len(body.items) else None


def _literal_text(query: s.Query, index: int) -> str | None:
    """The text of a literal, which coerces more widely than a value."""
    expr = _item(query, index)
    if isinstance(expr, s.Literal) and expr.kind in {"STRING", "INT64", "FLOAT64"}:
        return str(expr.value)
    return None


def _is_untyped(query: s.Query, index: int) -> bool:
    """NULL and [], which take any type."""
    expr = _item(query, index)
    if isinstance(expr, s.Array):
        return not expr.items and expr.type is None
    return isinstance(expr, s.Literal) and expr.kind == "NULL"


@dataclass
class _SelectCompiler:
    """One SELECT."""

    queries: QueryCompiler
    node: s.Select
    outer: Scope | None
    scope: Scope = field(default_factory=Scope)
    items: list[_Item] = field(default_factory=list)

    def compile(self, order: list[s.OrderItem], tail: str) -> Compiled:
        """The SELECT with ORDER BY and LIMIT."""
        node, analysis = self.node, self.queries.analysis
        self.scope = Scope(self.outer)
        source = ""
        if node.from_ is not None:
            source = " FROM " + FromCompiler(self.queries, self.scope).compile(node.from_)
        c = ExpressionCompiler(analysis, self.scope, self.queries)
        c.windows = node.windows
        where = ""
        if node.where is not None:
            if node.from_ is None:
                raise analysis.error("Query without FROM clause cannot have a WHERE clause", node.where.pos)
            before = set(analysis.reads)
            analysis.reads.clear()
            where = f" WHERE {c.condition(node.where, 'WHERE').sql}"
            analysis.filtered |= analysis.reads
            analysis.reads |= before
        c.clause = "SELECT"
        self._select_list(c)
        group, grouped = self._group_by(c)
        having = qualify = ""
        if node.having is not None:
            self._see_aliases()
            having = f" HAVING {c.condition(node.having, 'HAVING').sql}"
            if not grouped and not c.has_aggregate:
                raise analysis.error(
                    "The HAVING clause requires GROUP BY or aggregation to be present", node.having.pos
                )
        if node.qualify is not None:
            self._see_aliases()
            before_window = c.has_window
            c.has_window = False
            qualify = f" QUALIFY {c.condition(node.qualify, 'QUALIFY').sql}"
            if not c.has_window and not before_window:
                raise analysis.error("The QUALIFY clause requires analytic function to be present", node.qualify.pos)
        self.scope.aliases = {}
        if node.from_ is None and (order or node.distinct):
            pass
        return self._finish(c, source + where + group + having + qualify, order, tail)

    # -- SELECT list -----------------------------------------------------------------------------------

    def _select_list(self, c: ExpressionCompiler) -> None:
        analysis = self.queries.analysis
        outside = analysis.reads
        anonymous = 0
        for expr, alias in self.node.items:
            if isinstance(expr, s.Star):
                self._star(c, expr)
                continue
            analysis.reads = set()
            value = c.compile(expr)
            if value.type.kind == "NULL":
                value = convert(value, t.INT64)
            name = alias or own_name(expr)
            if not name and not (self.node.as_struct or self.node.as_value):
                name = f"f{anonymous}_"
                anonymous += 1
            self.items.append(_Item(name, value, frozenset(analysis.reads), alias is not None, expr))
        analysis.reads = outside

    def _star(self, c: ExpressionCompiler, star: s.Star) -> None:
        analysis = self.queries.analysis
        columns = self._star_columns(c, star)
        dropped = {n.lower() for n in star.except_}
        for name in star.except_:
            if name.lower() not in {col.name.lower() for col in columns}:
                raise analysis.error(f"Column {name} in SELECT * EXCEPT list does not exist", star.pos)
        columns = [col for col in columns if col.name.lower() not in dropped]
        if not columns:
            raise analysis.error("SELECT * expands to zero columns after applying EXCEPT", star.pos)
        replaced = {name.lower(): expr for expr, name in ((e, n) for n, e in star.replace)}
        for name in replaced:
            if name not in {col.name.lower() for col in columns}:
                raise analysis.error(f"Column {name} in SELECT * REPLACE list does not exist", star.pos)
        for column in columns:
            expr = replaced.get(column.name.lower())
            if expr is not None:
                outside, analysis.reads = analysis.reads, set()
                value = c.compile(expr)
                value = convert(value, t.INT64) if value.type.kind == "NULL" else value
                self.items.append(_Item(column.name, value, frozenset(analysis.reads), alias=False, node=expr))
                analysis.reads = outside
            else:
                self.items.append(_Item(column.name, Value(column.sql, column.type), column.reads, alias=False))

    def _star_columns(self, c: ExpressionCompiler, star: s.Star) -> list[Column]:
        if star.of is None:
            if self.node.from_ is None:
                raise self.queries.analysis.error("SELECT * must have a FROM clause", star.pos)
            return self.scope.star()
        if isinstance(star.of, s.Name):
            scope: Scope | None = self.scope
            while scope is not None:
                source = scope.range_variable(star.of.name)
                if source is not None and (source.value is None or source.value.type.kind == "STRUCT"):
                    return source.visible()
                scope = scope.parent
        outside = self.queries.analysis.reads
        self.queries.analysis.reads = set()
        value = c.compile(star.of)
        reads = frozenset(self.queries.analysis.reads)
        self.queries.analysis.reads = outside
        if value.type.kind != "STRUCT":
            raise self.queries.analysis.error(f"Dot-star is not supported for type {value.type}", star.pos)
        return [
            Column(name, kind, f"struct_extract({value.sql}, {t.text(duck)})", reads)
            for (name, kind), duck in zip(value.type.fields, value.type.duck_names, strict=True)
        ]

    def _see_aliases(self) -> None:
        """HAVING and QUALIFY see SELECT aliases; a column of FROM with that name comes first."""
        for item in self.items:
            if item.alias and not self.scope.columns(item.name) and self.scope.range_variable(item.name) is None:
                self.scope.aliases[item.name.lower()] = Column(item.name, item.value.type, item.value.sql, item.reads)

    # -- GROUP BY --------------------------------------------------------------------------------------

    def _group_by(self, c: ExpressionCompiler) -> tuple[str, bool]:
        node = self.node
        if node.group_all:
            raise not_implemented("GROUP BY ALL")
        if node.sets is not None:
            sets = ["(" + ", ".join(self._key(c, e) for e in one) + ")" for one in node.sets]
            return f" GROUP BY GROUPING SETS ({', '.join(sets)})", True
        if node.group is None:
            return "", False
        keys = [self._key(c, e) for e in node.group]
        if node.rollup:
            return f" GROUP BY ROLLUP ({', '.join(keys)})", True
        return " GROUP BY " + ", ".join(keys), True

    def _key(self, c: ExpressionCompiler, expr: s.Expr) -> str:
        analysis = self.queries.analysis
        value, reads = self._key_value(c, expr)
        if not value.type.groupable:
            raise analysis.error(f"Grouping by expressions of type {value.type} is not allowed", expr.pos)
        if value.type.kind == "BIGNUMERIC":
            raise not_implemented("GROUP BY a BIGNUMERIC")
        analysis.reads |= reads
        return f"({value.sql})"

    def _key_value(self, c: ExpressionCompiler, expr: s.Expr) -> tuple[Value, Reads]:
        if isinstance(expr, s.Literal) and expr.kind == "INT64":
            position = int(str(expr.value))
            if not 1 <= position <= len(self.items):
                raise self.queries.analysis.error(
                    f"GROUP BY column number item is out of range: {position}; SELECT list has {len(self.items)} items",
                    expr.pos,
                )
            item = self.items[position - 1]
            self._no_aggregate(item, expr)
            return item.value, item.reads
        if isinstance(expr, s.Name):
            # a FROM column comes before a SELECT alias of the same name
            found = self.scope.columns(expr.name) or self.scope.range_variable(expr.name)
            if not found:
                for item in self.items:
                    if item.alias and item.name.lower() == expr.name.lower():
                        self._no_aggregate(item, expr)
                        return item.value, item.reads
        c.clause = "GROUP BY"
        try:
            return c.compile(expr), NO_READS
        finally:
            c.clause = "SELECT"

    def _no_aggregate(self, item: _Item, expr: s.Expr) -> None:
        if item.value.aggregate:
            raise self.queries.analysis.error(
                f"Column {item.name} contains an aggregation function, which is not allowed in GROUP BY", expr.pos
            )

    # -- the end ---------------------------------------------------------------------------------------

    def _finish(self, c: ExpressionCompiler, rest: str, order: list[s.OrderItem], tail: str) -> Compiled:
        node = self.node
        if node.as_struct:
            kind = t.struct_of([(i.name, i.value.type) for i in self.items])
            packed = ", ".join(
                f"{t.quote(n)} := {i.value.sql}" for n, i in zip(kind.duck_names, self.items, strict=True)
            )
            reads = frozenset().union(*(i.reads for i in self.items))
            self.items = [_Item("", Value(f"struct_pack({packed})", kind), reads, alias=False)]
        if node.as_value and len(self.items) != 1:
            raise self.queries.analysis.error("SELECT AS VALUE query must have exactly one column", node.pos)
        keys: list[str] = []
        if order:
            keys = [self._order_key(c, item) for item in order]
        if node.distinct:
            for item in self.items:
                if not item.value.type.groupable:
                    raise self.queries.analysis.error(
                        f"SELECT DISTINCT cannot be used with a column of type {item.value.type}", node.pos
                    )
                self.queries.analysis.reads |= item.reads
        columns = [Column(i.name, i.value.type, f"c{n}", i.reads) for n, i in enumerate(self.items)]
        listed = ", ".join(f"{i.value.sql} AS c{n}" for n, i in enumerate(self.items))
        by = f" ORDER BY {', '.join(keys)}" if keys else ""
        sql = f"SELECT {'DISTINCT ' if node.distinct else ''}{listed}{rest}{by}{tail}"
        return Compiled(sql, columns, node.as_struct or node.as_value)

    def _order_key(self, c: ExpressionCompiler, item: s.OrderItem) -> str:
        """ORDER BY sees SELECT aliases first, then the columns of FROM."""
        expr = item.expr
        analysis = self.queries.analysis
        chosen: _Item | None = None
        if isinstance(expr, s.Literal) and expr.kind == "INT64":
            columns = [Column(i.name, i.value.type, str(n)) for n, i in enumerate(self.items)]
            chosen = self.items[int(self.queries.ordinal(expr, columns).sql)]
        elif isinstance(expr, s.Name):
            named = [i for i in self.items if i.name.lower() == expr.name.lower()]
            if len({i.value.sql for i in named}) > 1:
                raise analysis.error(f"Column name {expr.name} is ambiguous", expr.pos)
            chosen = named[0] if named else None
        if chosen is not None:
            analysis.reads |= chosen.reads
            return aggregates.order_key(self._visible(chosen.value), item, c)
        for selected in self.items:  # aliases inside an expression
            taken = self.scope.aliases
            if selected.alias and selected.name.lower() not in taken:
                taken[selected.name.lower()] = Column(
                    selected.name, selected.value.type, selected.value.sql, selected.reads
                )
        value = c.compile(expr)
        self.scope.aliases = {}
        if self.node.distinct and value.sql not in {i.value.sql for i in self.items}:
            raise analysis.error(
                "ORDER BY clause expression references a column which is not visible after SELECT DISTINCT", item.pos
            )
        return aggregates.order_key(self._visible(value), item, c)

    def _visible(self, value: Value) -> Value:
        """After DISTINCT only output columns can be ordered by."""
        if not self.node.distinct:
            return value
        index = next(n for n, i in enumerate(self.items) if i.value.sql == value.sql)
        return replace(value, sql=f"c{index}")
