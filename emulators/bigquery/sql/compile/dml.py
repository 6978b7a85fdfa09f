"""Compile INSERT, UPDATE, DELETE and MERGE.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.analysis import Analysis
from emulators.bigquery.sql.compile.compiling import Querying
from emulators.bigquery.sql.compile.expression_compiler import ExpressionCompiler
from emulators.bigquery.sql.compile.plans import Effect, Plan, Rows
from emulators.bigquery.sql.compile.queries import partition_filters
from emulators.bigquery.sql.compile.queries.from_clause import FromCompiler
from emulators.bigquery.sql.compile.queries.set_operations import literal_text
from emulators.bigquery.sql.compile.queries.sources import table_columns
from emulators.bigquery.sql.compile.scope import Scope, Source
from emulators.bigquery.sql.compile.values import Value, coerces, convert
from emulators.bigquery.sql.read import statements as st
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.tables import InlineTable, TableInfo, table_name


class DmlCompiler:
    """DML of one analysis; `queries` compiles what it selects from."""

    def __init__(self, analysis: Analysis, queries: Querying) -> None:
        self.analysis, self.queries = analysis, queries

    def compile(self, statement: st.Statement) -> Plan:
        """The plan; raises what the analyzer would, or notImplemented."""
        if isinstance(statement, st.Insert):
            return self._insert(statement)
        if isinstance(statement, st.Update):
            return self._update(statement)
        if isinstance(statement, st.Delete):
            return self._delete(statement)
        if isinstance(statement, st.Merge):
            return self._merge(statement)
        raise not_implemented(f"the statement {type(statement).__name__}")

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

    def _insert(self, node: st.Insert) -> Plan:
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

    def _insert_values(self, node: st.Insert, columns: list[tuple[str, t.Type]]) -> Rows:
        assert node.rows is not None
        c = ExpressionCompiler(self.queries, Scope())
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

    def _insert_query(self, node: st.Insert, columns: list[tuple[str, t.Type]]) -> Rows:
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
            literal = literal_text(node.query, i)
            value = Value(f"{alias}.{source.sql}", source.type, literal=literal)
            parts.append(f"{self._assigned(value, name, kind, node.query.pos)} AS c{i}")
        return Rows(f"SELECT {', '.join(parts)} FROM ({compiled.sql}) AS {alias}", columns)

    # -- UPDATE, DELETE, MERGE -------------------------------------------------------------------------

    def _update(self, node: st.Update) -> Plan:
        table = self._target(node.table)
        scope, source = self._target_scope(table, node.table)
        if node.from_ is not None:
            source += f" CROSS JOIN {FromCompiler(self.queries, scope).compile(node.from_)}"
        c = ExpressionCompiler(self.queries, scope)
        where = self._where(c, node.where, table)
        new = self._new_columns(c, table, node.sets, node.pos)
        listed = ", ".join(f"{sql} AS c{i}" for i, sql in enumerate(new))
        effect = Effect(f'SELECT t0."_bq_row", 1 AS act, {listed} FROM {source} WHERE {where}')
        return Plan(node, "UPDATE", target=table, effects=[effect])

    def _delete(self, node: st.Delete) -> Plan:
        table = self._target(node.table)
        scope, source = self._target_scope(table, node.table)
        c = ExpressionCompiler(self.queries, scope)
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

    def _merge(self, node: st.Merge) -> Plan:
        table = self._target(node.table)
        plan = Plan(node, "MERGE", target=table)
        scope, target = self._target_scope(table, node.table)
        source_scope = Scope()
        source = FromCompiler(self.queries, source_scope).compile(node.source)
        both = Scope(None, scope.sources + source_scope.sources)
        c = ExpressionCompiler(self.queries, both)
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
            own = ExpressionCompiler(self.queries, scope)
            absent = f" WHERE NOT EXISTS (SELECT 1 FROM {source} WHERE {on})"
            plan.effects.append(self._effect(own, table, orphans, target, absent))
        if fresh:
            own = ExpressionCompiler(self.queries, source_scope)
            absent = f"NOT EXISTS (SELECT 1 FROM {target} WHERE {on})"
            taken: list[str] = []
            for when in fresh:
                plan.inserts.append(self._merge_insert(own, table, when, source_scope, source, absent, taken))
        return plan

    def _note_merge(self, c: ExpressionCompiler, node: st.Merge, target: Scope) -> None:
        """ON narrows the target unless its rows count without a match; then every WHEN must narrow it.

        Source: https://cloud.google.com/bigquery/docs/using-dml-with-partitioned-tables, "MERGE statements"
        """
        scans = target.scans()
        if not any(w.match == "not_matched_by_source" for w in node.whens):
            partition_filters.note(c, node.on, scans)
        elif any(scan.table.require_filter for scan in scans):
            raise not_implemented("WHEN NOT MATCHED BY SOURCE on a table that requires a partition filter")

    def _effect(
        self, c: ExpressionCompiler, table: TableInfo, whens: list[st.MergeWhen], source: str, where: str
    ) -> Effect:
        tests, acts, news = [], [], []
        for when in whens:
            tests.append(c.condition(when.condition, "WHEN").sql if when.condition else "TRUE")
            acts.append("2" if when.action == "delete" else "1")
            news.append(self._new_columns(c, table, when.sets, when.pos) if when.action == "update" else None)
        act = "CASE " + " ".join(f"WHEN {q} THEN {a}" for q, a in zip(tests, acts, strict=True)) + " ELSE 0 END"
        columns = []
        for i, (name, _) in enumerate(table.columns):
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
        when: st.MergeWhen,
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


def _repeated(columns: list[tuple[str, t.Type]]) -> str:
    names = [n.lower() for n, _ in columns]
    return next(n for n, _ in columns if names.count(n.lower()) > 1)


def _pos(row: list[s.Expr | None], node: s.Node) -> int:
    return next((e.pos for e in row if e is not None), node.pos)
