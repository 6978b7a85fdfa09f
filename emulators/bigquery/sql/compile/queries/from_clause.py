"""Compile FROM: tables, views, CTEs, subqueries, UNNEST, joins, PIVOT, UNPIVOT.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#from_clause
"""

from __future__ import annotations

from dataclasses import replace

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiled import Compiled
from emulators.bigquery.sql.compile.compiling import Querying
from emulators.bigquery.sql.compile.expression_compiler import ExpressionCompiler
from emulators.bigquery.sql.compile.queries import partition_filters, pivots
from emulators.bigquery.sql.compile.queries.joins import check_outer_join, merge_columns
from emulators.bigquery.sql.compile.queries.recursion import DEPTH
from emulators.bigquery.sql.compile.queries.sources import table_columns, value_source
from emulators.bigquery.sql.compile.scans import NO_SCANS
from emulators.bigquery.sql.compile.scope import Column, Scope, Source
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.statement_parser import StatementParser
from emulators.bigquery.sql.tables import InlineTable, TableInfo, table_name

_MAX_VIEW_DEPTH = 16  # quotas page, "Maximum nested view levels"
_JOINS = {"INNER": "JOIN", "LEFT": "LEFT JOIN", "RIGHT": "RIGHT JOIN", "FULL": "FULL JOIN"}


class FromCompiler:
    """The FROM clause of one SELECT; adds its sources to `scope`."""

    def __init__(self, queries: Querying, scope: Scope) -> None:
        self.queries = queries
        self.analysis = queries.analysis
        self.scope = scope

    def compile(self, item: s.FromItem) -> str:
        """DuckDB text of a FROM item."""
        if isinstance(item, s.TableRef):
            return self._table(item)
        if isinstance(item, s.UnnestRef):
            return self._unnest(item)
        if isinstance(item, s.QueryRef):
            # a derived table sees the names around the SELECT, not its neighbours
            compiled = self.queries.query(item.query, self.scope.parent)
            return self.derived(compiled, item.alias, item.pos)
        if isinstance(item, s.Join):
            return self._join(item)
        if isinstance(item, s.Pivot | s.Unpivot):
            return self._pivoted(item)
        raise not_implemented(f"{type(item).__name__} in FROM")

    def _pivoted(self, item: s.Pivot | s.Unpivot) -> str:
        scope = Scope(self.scope.parent)
        source = FromCompiler(self.queries, scope).compile(item.source)
        columns = scope.star()
        for column in columns:
            self.analysis.reads |= column.reads
        alias = self.analysis.alias()
        sql, named = pivots.compile_pivot(ExpressionCompiler(self.queries, scope), item, columns, source)
        outputs = [Column(name, kind, f"{alias}.c{i}") for i, (name, kind) in enumerate(named)]
        self.add(Source(item.alias, outputs), item.pos)
        return f"({sql}) AS {alias}"

    def derived(self, compiled: Compiled, name: str | None, pos: int) -> str:
        """A subquery as a source."""
        alias = self.analysis.alias()
        self.scope.outer |= {"FROM"} if compiled.correlation else set()
        self.scope.tables |= compiled.tables
        columns = [replace(c, sql=f"{alias}.{c.sql}", unnamed=False) for c in compiled.columns]
        if compiled.value_table and len(columns) == 1:
            self.add(value_source(name, columns[0]), pos)
        else:
            self.add(Source(name, columns), pos)
        return f"({compiled.sql}) AS {alias}"

    def add(self, source: Source, pos: int) -> None:
        """Put a source into scope; an alias may be used once."""
        if source.alias and self.scope.range_variable(source.alias) is not None:
            raise self.analysis.error(f"Duplicate table alias {source.alias} in the same FROM clause", pos)
        self.scope.sources.append(source)

    # -- tables ----------------------------------------------------------------------------------------

    def _table(self, ref: s.TableRef) -> str:
        array = self._array_path(ref)
        if array is not None:
            return self._unnest(s.UnnestRef(ref.pos, array, ref.alias or ref.parts[-1], ref.offset))
        if ref.offset is not None:
            raise self.analysis.error("WITH OFFSET is only allowed with array scans", ref.pos)
        if len(ref.parts) == 1:
            for cte in reversed(self.queries.ctes):
                if cte.name.lower() == ref.parts[0].lower():
                    alias = self.analysis.alias()
                    columns = [replace(c, sql=f"{alias}.{c.sql}", unnamed=False) for c in cte.compiled.columns]
                    columns = self.analysis.copies(columns)
                    self.scope.tables |= cte.compiled.tables
                    if cte.recursive:
                        self.scope.depth = f"{alias}.{DEPTH}"
                    name = ref.alias or ref.parts[0]
                    if cte.compiled.value_table and len(columns) == 1:
                        self.add(value_source(name, columns[0]), ref.pos)
                    else:
                        self.add(Source(name, columns), ref.pos)
                    return f"{cte.alias} AS {alias}"
        if ref.parts[-1].endswith("*"):
            return self._wildcard(ref)
        return self.table_source(self.analysis.catalog.table(ref.parts, self.analysis.default_dataset), ref)

    def _array_path(self, ref: s.TableRef) -> s.Expr | None:
        """`FROM t, t.labels`: a path that starts with a range variable is a correlated array."""
        if len(ref.parts) < 2:
            return None
        scope: Scope | None = self.scope
        while scope is not None:
            if scope.range_variable(ref.parts[0]) is not None:
                expr: s.Expr = s.Name(ref.pos, ref.parts[0])
                for part in ref.parts[1:]:
                    expr = s.Field(ref.pos, expr, part)
                return expr
            scope = scope.parent
        return None

    def table_source(self, table: TableInfo | InlineTable, ref: s.TableRef) -> str:
        """A table, view or made-up table as a source."""
        name = ref.alias or ref.parts[-1]
        if isinstance(table, InlineTable):
            self.analysis.uncacheable = True
            alias = self.analysis.alias()
            self.add(Source(name, [Column(n, k, f"{alias}.c{i}") for i, (n, k) in enumerate(table.columns)]), ref.pos)
            return f"({table.sql}) AS {alias}"
        if table.view is not None:
            return self._view(table, name, ref.pos)
        alias = self.analysis.alias()
        self.scope.tables = True
        self.analysis.tables[table.uid] = table
        self.add(Source(name, table_columns(table, alias, self.analysis.scan(table))), ref.pos)
        return f"{table_name(table.uid)} AS {alias}"

    def _view(self, table: TableInfo, name: str, pos: int) -> str:
        analysis = self.analysis
        analysis.views.append(table)
        if analysis.view_depth >= _MAX_VIEW_DEPTH:
            raise self.analysis.error("View nesting is too deep or recursive", pos)
        assert table.view is not None
        saved = (analysis.sql, analysis.default_dataset, analysis.parameters, analysis.functions)
        analysis.sql, analysis.default_dataset, analysis.parameters, analysis.functions = table.view, None, {}, {}
        analysis.view_depth += 1
        try:
            # a view knows nothing of the query around it: neither its CTEs nor its parameters
            compiled = self.queries.apart().query(StatementParser(table.view).query(), None)
        finally:
            analysis.sql, analysis.default_dataset, analysis.parameters, analysis.functions = saved
            analysis.view_depth -= 1
        if table.columns:
            for column, (column_name, _) in zip(list(compiled.columns), table.columns, strict=False):
                index = compiled.columns.index(column)
                compiled.columns[index] = replace(column, name=column_name)
        return self.derived(compiled, name, pos)

    def _wildcard(self, ref: s.TableRef) -> str:
        tables = self.analysis.catalog.wildcard(ref.parts, self.analysis.default_dataset)
        prefix = len(ref.parts[-1]) - 1
        latest = tables[-1]
        alias = self.analysis.alias()
        branches = []
        arrival = all(table.ingestion_time for table in tables)
        self.analysis.uncacheable = True  # which tables there are may change without any of them changing
        for table in tables:
            if table.view is not None:
                raise not_implemented("views under a wildcard")
            self.analysis.tables[table.uid] = table
            inner = self.analysis.alias()
            have = {n.lower(): (n, k) for n, k in table.columns}
            parts = []
            for i, (column, kind) in enumerate(latest.columns):
                found = have.get(column.lower())
                if found is None:
                    parts.append(f"CAST(NULL AS {kind.duck}) AS c{i}")
                elif found[1] != kind:
                    raise self.analysis.error(f"Cannot read field '{column}' of type {found[1]} as {kind}", ref.pos)
                else:
                    parts.append(f"{inner}.{t.quote(found[0])} AS c{i}")
            parts.append(f"{t.text(table.name[prefix:])} AS suffix")
            if arrival:
                parts.append(f'{inner}."_PARTITIONTIME" AS arrival')
            branches.append(f"SELECT {', '.join(parts)} FROM {table_name(table.uid)} AS {inner}")
        scans = NO_SCANS.union(*(self.analysis.scan(table) for table in tables))
        field = (latest.partition_field or "").lower()
        columns = [
            Column(
                n, k, f"{alias}.c{i}", frozenset((tb.uid, n) for tb in tables),
                partitions=scans if n.lower() == field else NO_SCANS,
            )
            for i, (n, k) in enumerate(latest.columns)
        ]  # fmt: skip
        if arrival:
            reads = frozenset((tb.uid, "_PARTITIONTIME") for tb in tables)
            columns.append(
                Column("_PARTITIONTIME", t.TIMESTAMP, f"{alias}.arrival", reads, hidden=True, partitions=scans)
            )
        columns.append(Column("_TABLE_SUFFIX", t.STRING, f"{alias}.suffix", hidden=True))
        self.add(Source(ref.alias or ref.parts[-1], columns), ref.pos)
        return f"({' UNION ALL '.join(branches)}) AS {alias}"

    # -- arrays ----------------------------------------------------------------------------------------

    def _unnest(self, ref: s.UnnestRef) -> str:
        c = ExpressionCompiler(self.queries, self.scope)
        array = c.compile(ref.expr)
        if array.type.kind != "ARRAY":
            raise self.analysis.error(
                f"Values referenced in UNNEST must be arrays. UNNEST contains expression of type {array.type}",
                ref.expr.pos,
            )
        element = array.type.of
        alias = self.analysis.alias("u")
        column = Column(ref.alias or "", element, f"{alias}.x")
        self.add(value_source(ref.alias, column), ref.pos)
        ordinality = ""
        if ref.offset is not None:
            ordinality = " WITH ORDINALITY"
            offset = Column(ref.offset, t.INT64, f"({alias}.o - 1)")
            self.add(Source(ref.offset, [offset], value=offset), ref.pos)
        return f"UNNEST({array.sql}){ordinality} AS {alias}(x{', o' if ordinality else ''})"

    # -- joins -----------------------------------------------------------------------------------------

    def _join(self, join: s.Join) -> str:
        before = len(self.scope.sources)
        left = self.compile(join.left)
        middle = len(self.scope.sources)
        right = self.compile(join.right)
        correlated = isinstance(join.right, s.UnnestRef) or right.startswith("UNNEST(")
        if join.kind == "CROSS":
            return f"{left} CROSS JOIN {right}"
        if correlated and join.kind in {"RIGHT", "FULL"}:
            raise not_implemented(f"{join.kind} JOIN with UNNEST")
        word = _JOINS[join.kind]
        if join.using:
            sources = self.scope.sources
            c = ExpressionCompiler(self.queries, self.scope)
            return f"{left} {word} {right} ON {merge_columns(c, join, sources[before:middle], sources[middle:])}"
        if join.on is None:
            if correlated:
                return f"{left} {word} {right} ON TRUE" if join.kind == "LEFT" else f"{left} CROSS JOIN {right}"
            raise self.analysis.error(
                f"{join.kind} JOIN must have an immediately following ON or USING clause", join.pos
            )
        c = ExpressionCompiler(self.queries, self.scope)
        sources = self.scope.sources
        condition = c.condition(join.on, "JOIN ON")
        sides = {"INNER": sources[before:], "LEFT": sources[middle:], "RIGHT": sources[before:middle], "FULL": []}
        partition_filters.note(c, join.on, self.scope.scans(sides[join.kind]))
        if join.kind != "INNER" and not correlated:
            check_outer_join(self.scope, join, sources[before:middle], sources[middle:])
        if correlated and join.kind == "LEFT" and not (isinstance(join.on, s.Literal) and join.on.value is True):
            # DuckDB joins arrays of the left side ON TRUE only: the condition goes within
            name = right.rpartition(" AS ")[2]
            return f"{left} LEFT JOIN LATERAL (SELECT * FROM {right} WHERE {condition.sql}) AS {name} ON TRUE"
        return f"{left} {word} {right} ON {condition.sql}"
