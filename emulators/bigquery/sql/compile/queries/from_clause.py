"""Compile FROM: tables, views, CTEs, subqueries, UNNEST, joins, PIVOT, UNPIVOT.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#from_clause
"""

from __future__ import annotations

from dataclasses import replace

from emulators.bigquery.errors import invalid_query, not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiled import Compiled
from emulators.bigquery.sql.compile.compiling import Querying
from emulators.bigquery.sql.compile.expression_compiler import ExpressionCompiler
from emulators.bigquery.sql.compile.expressions.comparisons import compare
from emulators.bigquery.sql.compile.queries import partition_filters, pivots
from emulators.bigquery.sql.compile.queries.recursion import DEPTH
from emulators.bigquery.sql.compile.scans import NO_SCANS, Scans
from emulators.bigquery.sql.compile.scope import Column, Scope, Source
from emulators.bigquery.sql.compile.values import Value, convert
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.tables import InlineTable, TableInfo

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
        from emulators.bigquery.sql.read.statement_parser import StatementParser

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
            return f"{left} {word} {right} ON {self._using(join, before, middle)}"
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
            self._check_outer_join(join, sources[before:middle], sources[middle:])
        if correlated and join.kind == "LEFT" and not (isinstance(join.on, s.Literal) and join.on.value is True):
            # DuckDB joins arrays of the left side ON TRUE only: the condition goes within
            name = right.rpartition(" AS ")[2]
            return f"{left} LEFT JOIN LATERAL (SELECT * FROM {right} WHERE {condition.sql}) AS {name} ON TRUE"
        return f"{left} {word} {right} ON {condition.sql}"

    def _check_outer_join(self, join: s.Join, left: list[Source], right: list[Source]) -> None:
        """An outer join needs an equality of both sides, or BigQuery does not run it."""
        assert join.on is not None
        tests = s.conjuncts(join.on)
        for test in tests:
            if isinstance(test, s.Binary) and test.op == "=":
                sides = [self._sides(part, left, right) for part in (test.left, test.right)]
                if sorted(sides) == ["left", "right"]:
                    return
        if not any(self._sides(test, left, right) == "both" for test in tests):
            return  # ON TRUE pairs all rows
        raise invalid_query(
            f"{join.kind} OUTER JOIN cannot be used without a condition that is an equality of fields from both sides "
            "of the join."
        )

    def _sides(self, node: s.Expr, left: list[Source], right: list[Source]) -> str:
        """Which side of a join an expression reads: left, right, both, or neither."""
        read = set()
        for part in s.walk(node):
            found = self.scope.lookup(part.name) if isinstance(part, s.Name) else None
            for name, sources in (("left", left), ("right", right)):
                if any(found is src or found is src.value or found in src.columns for src in sources if found):
                    read.add(name)
        return "both" if len(read) == 2 else read.pop() if read else "neither"

    def _using(self, join: s.Join, before: int, middle: int) -> str:
        c = ExpressionCompiler(self.queries, self.scope)
        sources = self.scope.sources
        tests = []
        merged = []
        for name in join.using:
            left = [m for m in self.scope.merged if m.name.lower() == name.lower()]
            left = left or [col for src in sources[before:middle] for col in src.find(name)]
            right = [col for src in sources[middle:] for col in src.find(name)]
            for side, which in ((left, "left"), (right, "right")):
                if not side:
                    raise self.analysis.error(
                        f"Column {name} in USING clause not found on {which} side of join", join.pos
                    )
                if len(side) > 1:
                    raise self.analysis.error(
                        f"Column {name} in USING clause is ambiguous on {which} side of join", join.pos
                    )
            a, b = Value(left[0].sql, left[0].type), Value(right[0].sql, right[0].type)
            tests.append(compare(c, "=", a, b, join).sql)
            self.analysis.reads |= left[0].reads | right[0].reads
            kind = t.supertype([(a.type, False, False), (b.type, False, False)]) or a.type
            a_sql, b_sql = convert(a, kind).sql, convert(b, kind).sql
            sql = {"LEFT": a_sql, "INNER": a_sql, "RIGHT": b_sql}.get(join.kind, f"COALESCE({a_sql}, {b_sql})")
            reads = left[0].reads | right[0].reads
            narrows = {"LEFT": left[0].partitions, "RIGHT": right[0].partitions, "FULL": NO_SCANS}
            partitions = narrows.get(join.kind, left[0].partitions | right[0].partitions)
            merged.append(Column(left[0].name, kind, sql, reads, partitions=partitions))
        names = {n.lower() for n in join.using}
        self.scope.merged = merged + [m for m in self.scope.merged if m.name.lower() not in names]
        return " AND ".join(tests)


def table_name(uid: int) -> str:
    """What a table is called in compiled text; the runner binds it to a snapshot."""
    return f"src_{uid}"


def table_columns(table: TableInfo, alias: str, scans: Scans = NO_SCANS) -> list[Column]:
    """The columns of a table, with the pseudo columns of ingestion-time partitioning."""
    field = (table.partition_field or "").lower()
    columns = [
        Column(
            n, k, f"{alias}.{t.quote(n)}", frozenset({(table.uid, n)}),
            partitions=scans if n.lower() == field else NO_SCANS,
        )
        for n, k in table.columns
    ]  # fmt: skip
    if table.ingestion_time:
        reads = frozenset({(table.uid, "_PARTITIONTIME")})
        sql = f'{alias}."_PARTITIONTIME"'
        columns.append(Column("_PARTITIONTIME", t.TIMESTAMP, sql, reads, hidden=True, partitions=scans))
        if table.partition_type == "DAY":
            sql = f"CAST({sql} AS DATE)"
            columns.append(Column("_PARTITIONDATE", t.DATE, sql, reads, hidden=True, partitions=scans))
    return columns


def value_source(alias: str | None, column: Column) -> Source:
    """A source whose rows are single values; the fields of structs are its columns."""
    if column.type.kind != "STRUCT":
        return Source(
            alias, [column] if alias else [Column("f0_", column.type, column.sql, column.reads)], value=column
        )
    fields = [
        Column(name, kind, f"struct_extract({column.sql}, {t.text(duck)})", column.reads)
        for (name, kind), duck in zip(column.type.fields, column.type.duck_names, strict=True)
    ]
    return Source(alias, fields, value=column)
