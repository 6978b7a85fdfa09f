"""Compile one statement into a plan: DuckDB text for its rows, their names and types, what is read and written."""

from __future__ import annotations

from dataclasses import dataclass, field

from local.bigquery.errors import invalid_query, not_implemented
from local.bigquery.sql import partition_filters
from local.bigquery.sql import syntax as s
from local.bigquery.sql import types as t
from local.bigquery.sql.analysis import Analysis, Catalog, InlineTable, TableInfo
from local.bigquery.sql.expressions import ExpressionCompiler
from local.bigquery.sql.from_clause import FromCompiler, table_columns, table_name
from local.bigquery.sql.queries import QueryCompiler
from local.bigquery.sql.scope import Scope, Source
from local.bigquery.sql.values import Value, coerces, convert


@dataclass
class Rows:
    """A query: `sql` yields columns c0, c1, … named and typed by `columns`."""

    sql: str
    columns: list[tuple[str, t.Type]]
    repeated: tuple[str, ...] = ()  # names that the query gave more than once
    unnamed: int = 0  # the first column without a name, counted from 1

    def check_names(self, what: str, where: str) -> None:
        """Raise unless each column has a name of its own, as CREATE TABLE AS and CREATE VIEW ask."""
        if self.unnamed:
            raise invalid_query(f"{what} columns must be named, but column {self.unnamed} has no name{where}")
        if self.repeated:
            raise invalid_query(f"{what} has columns with duplicate name {self.repeated[0]}{where}")

    def check_destination(self) -> None:
        """Raise for repeated names, which no table can hold."""
        if self.repeated:
            raise invalid_query(
                "Duplicate column names in the result are not supported when a destination table is present. "
                f"Found duplicate(s): {', '.join(self.repeated)}"
            )


@dataclass
class Effect:
    """What DML does: `sql` yields "_bq_row", act (1 update, 2 delete), then the new columns."""

    sql: str


@dataclass
class Plan:
    """A compiled statement; `rows` of SELECT and INSERT, `effects` and `inserts` of other DML."""

    statement: s.Statement
    kind: str
    rows: Rows | None = None
    target: TableInfo | None = None
    target_columns: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    inserts: list[Rows] = field(default_factory=list)
    tables: dict[int, TableInfo] = field(default_factory=dict)
    views: list[TableInfo] = field(default_factory=list)
    reads: set[tuple[int, str]] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    uses_now: bool = False
    cacheable: bool = True


def compile_statement(
    sql: str,
    statement: s.Statement,
    catalog: Catalog,
    parameters: dict[str, t.Type],
    default: tuple[str, str] | None,
    *,
    runs: bool = True,
) -> Plan:
    """The plan of a query or DML statement; raises what BigQuery's analyzer would, or notImplemented.

    A query that never `runs`, because it becomes a view, needs no filter over partitions.
    """
    analysis = Analysis(sql, catalog, parameters, default)
    plan = _Compiler(analysis).compile(statement)
    plan.tables, plan.views, plan.reads = analysis.tables, analysis.views, analysis.reads
    plan.parameters, plan.uses_now = analysis.used_parameters, analysis.uses_now
    if runs:
        partition_filters.check(analysis.scans)
    plan.cacheable = not analysis.uncacheable and not analysis.views
    return plan


class _Compiler:
    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.queries = QueryCompiler(analysis)

    def compile(self, statement: s.Statement) -> Plan:
        if isinstance(statement, s.QueryStatement):
            return Plan(statement, "SELECT", self.query(statement.query))
        if isinstance(statement, s.Insert):
            return self._insert(statement)
        if isinstance(statement, s.Update):
            return self._update(statement)
        if isinstance(statement, s.Delete):
            return self._delete(statement)
        if isinstance(statement, s.Merge):
            return self._merge(statement)
        raise not_implemented(f"the statement {type(statement).__name__}")

    def query(self, query: s.Query) -> Rows:
        compiled = self.queries.query(query, None)
        for column in compiled.columns:
            self.analysis.reads |= column.reads
        columns = compiled.columns
        if compiled.value_table and len(columns) == 1 and columns[0].type.kind == "STRUCT":
            # a value table of structs leaves the service as their fields
            kind = columns[0].type
            alias = self.analysis.alias("v")
            parts = [f"struct_extract({alias}.c0, {t.text(n)}) AS c{i}" for i, n in enumerate(kind.duck_names)]
            sql = f"SELECT {', '.join(parts)} FROM ({compiled.sql}) AS {alias}"
            return _named_rows(sql, list(kind.fields), [not name for name, _ in kind.fields])
        return _named_rows(compiled.sql, [(c.name, c.type) for c in columns], [c.unnamed for c in columns])

    # -- targets ---------------------------------------------------------------------------------------

    def _target(self, ref: s.TableRef) -> TableInfo:
        found = self.analysis.catalog.table(ref.parts, self.analysis.default_dataset)
        if isinstance(found, InlineTable) or found.view is not None:
            raise self.analysis.error("DML over views and INFORMATION_SCHEMA is not allowed", ref.pos)
        self.analysis.tables[found.uid] = found
        return found

    def _column(self, table: TableInfo, name: str, pos: int) -> tuple[str, t.Type]:
        for column, kind in table.columns:
            if column.lower() == name.lower():
                return column, kind
        if table.ingestion_time and name.upper() == "_PARTITIONTIME":
            raise not_implemented("DML that writes _PARTITIONTIME")
        raise self.analysis.error(
            f"Column {name} is not present in table {table.project}.{table.dataset}.{table.name}", pos
        )

    def _assigned(self, value: Value, column: str, kind: t.Type, pos: int) -> str:
        if value.items == () and kind.kind == "ARRAY":
            return f"CAST([] AS {kind.duck})"
        if coerces(value, kind):
            return convert(value, kind, self.analysis.sql, pos).sql
        raise self.analysis.error(
            f"Value of type {value.type} cannot be assigned to {column}, which has type {kind}", pos
        )

    # -- INSERT ----------------------------------------------------------------------------------------

    def _insert(self, node: s.Insert) -> Plan:
        table = self._target(node.table)
        names = node.columns or [n for n, _ in table.columns]
        columns = [self._column(table, n, node.pos) for n in names]
        if len({n.lower() for n, _ in columns}) != len(columns):
            raise self.analysis.error(f"INSERT has columns with duplicate name: {_repeated(columns)}", node.pos)
        if node.rows is not None:
            rows = self._insert_values(node, columns)
        else:
            assert node.query is not None
            rows = self._insert_query(node, columns)
        return Plan(node, "INSERT", rows, table, [n for n, _ in columns])

    def _insert_values(self, node: s.Insert, columns: list[tuple[str, t.Type]]) -> Rows:
        assert node.rows is not None
        c = ExpressionCompiler(self.analysis, Scope(), self.queries)
        selects = []
        for row in node.rows:
            if len(row) != len(columns):
                raise self.analysis.error(
                    f"Inserted row has wrong column count; Has {len(row)}, expected {len(columns)}", _pos(row, node)
                )
            parts = []
            for i, (expr, (name, kind)) in enumerate(zip(row, columns, strict=True)):
                value = Value("NULL", t.NULL) if expr is None else c.compile(expr)
                parts.append(f"{self._assigned(value, name, kind, expr.pos if expr else node.pos)} AS c{i}")
            selects.append(f"SELECT {', '.join(parts)}")
        return Rows(" UNION ALL ".join(selects), columns)

    def _insert_query(self, node: s.Insert, columns: list[tuple[str, t.Type]]) -> Rows:
        assert node.query is not None
        compiled = self.queries.query(node.query, None)
        if len(compiled.columns) != len(columns):
            raise self.analysis.error(
                f"Inserted row has wrong column count; Has {len(compiled.columns)}, expected {len(columns)}", node.pos
            )
        alias = self.analysis.alias("q")
        parts = []
        for i, (source, (name, kind)) in enumerate(zip(compiled.columns, columns, strict=True)):
            self.analysis.reads |= source.reads
            literal = _literal_output(node.query, i)
            value = Value(f"{alias}.{source.sql}", source.type, literal=literal)
            parts.append(f"{self._assigned(value, name, kind, node.query.pos)} AS c{i}")
        return Rows(f"SELECT {', '.join(parts)} FROM ({compiled.sql}) AS {alias}", columns)

    # -- UPDATE, DELETE, MERGE -------------------------------------------------------------------------

    def _update(self, node: s.Update) -> Plan:
        table = self._target(node.table)
        scope, source = self._target_scope(table, node.table)
        if node.from_ is not None:
            source += f" CROSS JOIN {FromCompiler(self.queries, scope).compile(node.from_)}"
        c = ExpressionCompiler(self.analysis, scope, self.queries)
        where = self._where(c, node.where, table)
        new = self._new_columns(c, table, node.sets, node.pos)
        listed = ", ".join(f"{sql} AS c{i}" for i, sql in enumerate(new))
        effect = Effect(f'SELECT t0."_bq_row", 1 AS act, {listed} FROM {source} WHERE {where}')
        return Plan(node, "UPDATE", target=table, effects=[effect])

    def _delete(self, node: s.Delete) -> Plan:
        table = self._target(node.table)
        scope, source = self._target_scope(table, node.table)
        c = ExpressionCompiler(self.analysis, scope, self.queries)
        where = self._where(c, node.where, table)
        effect = Effect(f'SELECT t0."_bq_row", 2 AS act FROM {source} WHERE {where}')
        return Plan(node, "DELETE", target=table, effects=[effect])

    def _where(self, c: ExpressionCompiler, node: s.Expr, table: TableInfo) -> str:
        sql = c.condition(node, "WHERE").sql
        partition_filters.note(c, node, c.scope.scans())
        self.analysis.reads |= {(table.uid, n) for n, _ in table.columns}
        return sql

    def _target_scope(self, table: TableInfo, ref: s.TableRef) -> tuple[Scope, str]:
        scope = Scope(None, [Source(ref.alias or ref.parts[-1], table_columns(table, "t0", self.analysis.scan(table)))])
        return scope, f"{table_name(table.uid)} AS t0"

    def _new_columns(
        self, c: ExpressionCompiler, table: TableInfo, sets: list[tuple[list[str], s.Expr | None]], pos: int
    ) -> list[str]:
        new: dict[str, str] = {}
        for path, expr in sets:
            names = path
            if (
                len(path) == 2
                and c.scope.range_variable(path[0])
                and not any(n.lower() == path[0].lower() for n, _ in table.columns)
            ):
                names = path[1:]
            if len(names) > 1:
                raise not_implemented("UPDATE of a field inside a STRUCT")
            column, kind = self._column(table, names[0], pos)
            if column in new:
                raise self.analysis.error(f"Update item {column} assigned more than once", pos)
            value = Value("NULL", t.NULL) if expr is None else c.compile(expr)
            new[column] = self._assigned(value, column, kind, expr.pos if expr else pos)
        return [new.get(n, f"t0.{t.quote(n)}") for n, _ in table.columns]

    def _merge(self, node: s.Merge) -> Plan:
        table = self._target(node.table)
        plan = Plan(node, "MERGE", target=table)
        scope, target = self._target_scope(table, node.table)
        source_scope = Scope()
        source = FromCompiler(self.queries, source_scope).compile(node.source)
        both = Scope(None, scope.sources + source_scope.sources)
        c = ExpressionCompiler(self.analysis, both, self.queries)
        on = c.condition(node.on, "JOIN ON").sql
        self._note_merge(c, node, scope)
        self.analysis.reads |= {(table.uid, n) for n, _ in table.columns}
        matched = [w for w in node.whens if w.match == "matched"]
        orphans = [w for w in node.whens if w.match == "not_matched_by_source"]
        fresh = [w for w in node.whens if w.match == "not_matched"]
        for when in matched + orphans:
            if when.action.startswith("insert"):
                raise self.analysis.error("INSERT is not allowed in this WHEN clause", when.pos)
        if matched:
            plan.effects.append(self._effect(c, table, matched, f"{target} JOIN {source} ON {on}", ""))
        if orphans:
            own = ExpressionCompiler(self.analysis, scope, self.queries)
            absent = f" WHERE NOT EXISTS (SELECT 1 FROM {source} WHERE {on})"
            plan.effects.append(self._effect(own, table, orphans, target, absent))
        if fresh:
            own = ExpressionCompiler(self.analysis, source_scope, self.queries)
            absent = f"NOT EXISTS (SELECT 1 FROM {target} WHERE {on})"
            taken: list[str] = []
            for when in fresh:
                plan.inserts.append(self._merge_insert(own, table, when, source_scope, source, absent, taken))
        return plan

    def _note_merge(self, c: ExpressionCompiler, node: s.Merge, target: Scope) -> None:
        """ON narrows the target unless its rows count without a match; then every WHEN must narrow it.

        Source: https://cloud.google.com/bigquery/docs/using-dml-with-partitioned-tables, "MERGE statements"
        """
        scans = target.scans()
        if not any(w.match == "not_matched_by_source" for w in node.whens):
            partition_filters.note(c, node.on, scans)
        elif scans:
            raise not_implemented("WHEN NOT MATCHED BY SOURCE on a table that requires a partition filter")

    def _effect(
        self, c: ExpressionCompiler, table: TableInfo, whens: list[s.MergeWhen], source: str, where: str
    ) -> Effect:
        tests, acts, news = [], [], []
        for when in whens:
            tests.append(c.condition(when.condition, "WHEN").sql if when.condition else "TRUE")
            acts.append("2" if when.action == "delete" else "1")
            news.append(self._new_columns(c, table, when.sets, when.pos) if when.action == "update" else None)
        act = "CASE " + " ".join(f"WHEN {q} THEN {a}" for q, a in zip(tests, acts, strict=True)) + " ELSE 0 END"
        columns = []
        for i, (name, _) in enumerate(table.columns):
            arms = " ".join(f"WHEN {q} THEN {n[i]}" for q, n in zip(tests, news, strict=True) if n is not None)
            # every earlier WHEN must have failed, so deletes take part in the order too
            arms = " ".join(
                f"WHEN {q} THEN {n[i] if n is not None else f't0.{t.quote(name)}'}"
                for q, n in zip(tests, news, strict=True)
            )
            columns.append(f"CASE {arms} ELSE t0.{t.quote(name)} END AS c{i}")
        inner = f'SELECT t0."_bq_row", {act} AS act, {", ".join(columns)} FROM {source}{where}'
        return Effect(f"SELECT * FROM ({inner}) WHERE act > 0")

    def _merge_insert(
        self,
        c: ExpressionCompiler,
        table: TableInfo,
        when: s.MergeWhen,
        scope: Scope,
        source: str,
        absent: str,
        taken: list[str],
    ) -> Rows:
        names = when.columns or [n for n, _ in table.columns]
        columns = [self._column(table, n, when.pos) for n in names]
        if when.action == "insert_row":
            stars = scope.star()
            values: list[tuple[Value, int]] = []
            for column in stars:
                self.analysis.reads |= column.reads
                values.append((Value(column.sql, column.type), when.pos))
        elif when.action == "insert":
            values = [
                (Value("NULL", t.NULL) if e is None else c.compile(e), e.pos if e else when.pos) for e in when.values
            ]
        else:
            raise self.analysis.error("Only INSERT is allowed in a WHEN NOT MATCHED BY TARGET clause", when.pos)
        if len(values) != len(columns):
            raise self.analysis.error(
                f"Inserted row has wrong column count; Has {len(values)}, expected {len(columns)}", when.pos
            )
        given = {n: self._assigned(v, n, k, p) for (v, p), (n, k) in zip(values, columns, strict=True)}
        parts = [f"{given.get(n, f'CAST(NULL AS {k.duck})')} AS c{i}" for i, (n, k) in enumerate(table.columns)]
        test = c.condition(when.condition, "WHEN").sql if when.condition else "TRUE"
        earlier = "".join(f" AND ({q}) IS NOT TRUE" for q in taken)
        taken.append(test)
        return Rows(
            f"SELECT {', '.join(parts)} FROM {source} WHERE {absent} AND ({test}){earlier}", list(table.columns)
        )


def _named_rows(sql: str, columns: list[tuple[str, t.Type]], unnamed: list[bool]) -> Rows:
    seen: set[str] = set()
    repeated = []
    for (name, _), made_up in zip(columns, unnamed, strict=True):
        if not made_up and name.lower() in seen:
            repeated.append(name)
        seen.add(name.lower())
    first = unnamed.index(True) + 1 if True in unnamed else 0
    return Rows(sql, result_names(columns), tuple(dict.fromkeys(repeated)), first)


def result_names(columns: list[tuple[str, t.Type]]) -> list[tuple[str, t.Type]]:
    """Names as results carry them: anonymous ones get f0_, repeated ones a number.

    >>> [n for n, _ in result_names([("id", t.INT64), ("id", t.INT64)])]
    ['id', 'id_1']
    """
    taken: set[str] = set()
    out = []
    for index, (name, kind) in enumerate(columns):
        unique, number = name or f"f{index}_", 0
        while unique.lower() in taken:
            number += 1
            unique = f"{name}_{number}"
        taken.add(unique.lower())
        out.append((unique, kind))
    return out


def _repeated(columns: list[tuple[str, t.Type]]) -> str:
    names = [n.lower() for n, _ in columns]
    return next(n for n, _ in columns if names.count(n.lower()) > 1)


def _pos(row: list[s.Expr | None], node: s.Node) -> int:
    return next((e.pos for e in row if e is not None), node.pos)


def _literal_output(query: s.Query, index: int) -> str | None:
    body = query.body
    if isinstance(body, s.Select) and index < len(body.items) and not any(isinstance(e, s.Star) for e, _ in body.items):
        expr = body.items[index][0]
        if isinstance(expr, s.Literal) and expr.kind in {"STRING", "INT64", "FLOAT64"}:
            return str(expr.value)
    return None
