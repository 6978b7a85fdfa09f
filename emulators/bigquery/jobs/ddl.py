"""Run DDL and TRUNCATE.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language
"""

from __future__ import annotations

from typing import Any

from emulators.bigquery import partitions, schemas
from emulators.bigquery.access.resources import Resource
from emulators.bigquery.errors import ApiError, invalid, invalid_query, not_found, not_implemented
from emulators.bigquery.jobs import definitions, destinations, measuring, permits, rewriting, stages, views
from emulators.bigquery.jobs.execution import Execution
from emulators.bigquery.jobs.host import Host
from emulators.bigquery.jobs.job import Job
from emulators.bigquery.jobs.planning import Planner
from emulators.bigquery.jobs.resolver import Resolver, check_ids
from emulators.bigquery.locations import checked_location
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.read import statements as st
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.storage.contents import Change
from emulators.bigquery.storage.records import Key, TableRecord

_NOTHING_READ: dict[str, Any] = {
    "totalBytesProcessed": "0", "totalBytesBilled": "0", "cacheHit": False, "referencedTables": [],
}  # fmt: skip

_DDL = (st.CreateTable, st.CreateView, st.CreateSchema, st.Drop, st.AlterTable, st.Truncate)


def is_ddl(statement: st.Statement) -> bool:
    """Whether the statement is run here."""
    return isinstance(statement, _DDL)


class DdlRunner:
    """Runs DDL for query jobs, in their threads."""

    def __init__(self, host: Host, planner: Planner, execution: Execution) -> None:
        self.host = host
        self.planner = planner
        self.execution = execution

    def run(
        self, job: Job, text: str, statement: st.Statement, kinds: dict[str, t.Type], values: dict[str, Any],
        default: tuple[str, str] | None, *, dry_run: bool, last: bool,
    ) -> None:  # fmt: skip
        """Run one statement and, if it is the last, end the job with it."""
        _Ddl(self, job, text, kinds, values, default, dry_run=dry_run, last=last).run(statement)


class _Ddl:
    def __init__(
        self, runner: DdlRunner, job: Job, text: str, kinds: dict[str, t.Type], values: dict[str, Any],
        default: tuple[str, str] | None, *, dry_run: bool, last: bool,
    ) -> None:  # fmt: skip
        self.runner, self.catalog, self.job = runner, runner.host.catalog, job
        self.text, self.kinds, self.values, self.default = text, kinds, values, default
        self.dry_run, self.last = dry_run, last
        self.resolver = Resolver(self.catalog, job.project, None, job.caller)

    def run(self, statement: st.Statement) -> None:
        if isinstance(statement, st.CreateTable):
            self._create_table(statement)
        elif isinstance(statement, st.CreateView):
            self._create_view(statement)
        elif isinstance(statement, st.CreateSchema):
            self._create_schema(statement)
        elif isinstance(statement, st.Drop):
            self._drop(statement)
        elif isinstance(statement, st.AlterTable):
            self._alter(statement)
        elif isinstance(statement, st.Truncate):
            self._truncate(statement)

    def _key(self, parts: list[str], *needs: str) -> Key:
        """The table that a path names, for which permissions are needed; tables.create is its dataset's."""
        key = self.resolver.key(parts, self.default)
        check_ids(key)
        for permission in needs:
            place = Resource(key[0], key[1]) if permission == permits.CREATE else Resource(*key)
            self.job.caller.need(permission, place)
        try:
            self.job.location = self.resolver.location = self.catalog.dataset(key[0], key[1]).location
        except ApiError as error:
            raise not_found(f"{error.message} was not found in location {self.job.location}") from error
        return key

    def _end(self, kind: str, key: Key, operation: str, apply: Any, *, schema: schemas.Fields | None = None) -> None:
        """End with `apply`; what the statement has read is in the job's statistics already, if it reads."""
        read = self.job.statistics.get("query", _NOTHING_READ)
        query: dict[str, Any] = read | {
            "statementType": kind, "ddlOperationPerformed": operation,
            "ddlTargetTable": {"projectId": key[0], "datasetId": key[1], "tableId": key[2]},
        }  # fmt: skip
        if schema is not None:
            query["schema"] = {"fields": schema}
        self.job.statistics = {"query": query, "totalBytesProcessed": read["totalBytesProcessed"]}
        self.job.result = None
        if self.dry_run:
            return
        if self.last:
            self.runner.host.finish(self.job, apply)
        else:
            with self.catalog.database.transaction():
                apply()

    def _at(self, node: s.Node) -> str:
        return definitions.place(self.text, node)

    # -- CREATE ----------------------------------------------------------------------------------------

    def _create_table(self, node: st.CreateTable) -> None:
        replaces = (permits.UPDATE, permits.UPDATE_DATA) if node.or_replace else ()
        key = self._key(node.table.parts, permits.CREATE, *replaces)
        existing = self.catalog.find_table(key)
        kind = "CREATE_TABLE_AS_SELECT" if node.query is not None else "CREATE_TABLE"
        if existing is not None and node.if_not_exists:
            self._end(kind, key, "SKIP", lambda: None)
            return
        if existing is not None and not node.or_replace:
            raise ApiError(409, "duplicate", f"Already Exists: Table {key[0]}:{key[1]}.{key[2]}")
        if node.copy is not None:
            raise not_implemented("CREATE TABLE … COPY; use a copy job")
        if node.like is not None:
            like = self.resolver.key(node.like.parts, self.default)
            self.job.caller.need(permits.GET, Resource(*like))
            body = dict(self.resolver.record(like).body)
        else:
            body = {k: v for k, v in definitions.options(node.options, node, self.text).items() if v is not None}
            body["schema"] = definitions.columns(node.columns) if node.columns is not None else []
        if node.partition is not None:
            body |= definitions.partitioning(node.partition, body["schema"], self.text)
        if node.cluster:
            body["clustering"] = {"fields": node.cluster}
        if body.pop("requirePartitionFilter", False):
            body["requirePartitionFilter"] = True
        if node.query is not None:
            self._create_as(node, key, body, existing)
            return
        if not body["schema"]:
            raise invalid_query(f"No column definitions in CREATE TABLE{self._at(node)}")
        partitions.check(body, body["schema"])
        operation = "REPLACE" if existing is not None else "CREATE"
        self._end(kind, key, operation, lambda: self._create(node, key, body), schema=body["schema"])

    def _create(self, node: st.CreateTable | st.CreateView, key: Key, body: dict[str, Any]) -> TableRecord | None:
        """Create within the transaction, where somebody may have been faster; None if it is to be left as it is."""
        if self.catalog.find_table(key) is not None:
            if node.if_not_exists:
                return None
            if node.or_replace:
                self.catalog.delete_table(key)
        return self.catalog.create_table(key, body)

    def _create_as(self, node: st.CreateTable, key: Key, body: dict[str, Any], existing: TableRecord | None) -> None:
        assert node.query is not None
        select = st.QueryStatement(node.query.pos, node.query)
        location = self.job.location
        cached = self.runner.planner.analyse(self.job, self.text, select, self.kinds, self.default)
        if self.job.location != location:
            source = cached.tables[0]
            raise not_found(
                f"Not found: Dataset {source.project}:{source.dataset} was not found in location {location}"
            )
        permits.to_query(self.job.caller, cached)
        assert cached.plan.rows is not None
        if not body["schema"]:
            cached.plan.rows.check_names("CREATE TABLE", self._at(node.query))
        given = schemas.fields_of(cached.plan.rows.columns)
        if body["schema"]:
            self._declared(node, body["schema"], cached.plan.rows.columns)
        else:
            body["schema"] = schemas.checked(given)
        partitions.check(body, body["schema"])
        measuring.describe(self.runner.execution, self.job, cached, self.values)
        operation = "REPLACE" if existing is not None else "CREATE"
        if self.dry_run:
            self._end("CREATE_TABLE_AS_SELECT", key, operation, lambda: None, schema=body["schema"])
            return
        result = self.runner.execution.rows(self.job, cached, self.values)
        rows = result.rows.rename_columns([f["name"] for f in body["schema"]]).cast(
            schemas.arrow_schema(body["schema"])
        )
        for field in body["schema"]:
            if field["mode"] == "REQUIRED" and rows.column(field["name"]).null_count:
                raise invalid_query(f"Required field {field['name']} cannot be null")
        destination = destinations.Destination(key, None, "CREATE_IF_NEEDED", "WRITE_APPEND", frozenset(), body)
        stages.describe(self.job, rows.num_rows, self.catalog.clock_ms())
        pieces = destinations.cut(self.catalog, destination, rows, body["schema"], partitions.of(body))

        def apply() -> None:
            table = self._create(node, key, body)
            if table is not None:
                self.catalog.change(Change(table.uid, pieces))

        self._end("CREATE_TABLE_AS_SELECT", key, operation, apply, schema=body["schema"])

    def _declared(self, node: st.CreateTable, fields: schemas.Fields, columns: list[tuple[str, t.Type]]) -> None:
        if len(fields) != len(columns):
            raise invalid_query(
                "The number of columns in the column definition list does not match the number of "
                f"columns produced by the query{self._at(node)}"
            )
        for field, (_, kind) in zip(fields, columns, strict=True):
            wanted = schemas.type_of(field)
            if wanted != kind and not t.coerces(kind, wanted):
                raise invalid_query(
                    f"Query column {field['name']} has type {kind} which cannot be coerced into "
                    f"column type {wanted}{self._at(node)}"
                )
            if wanted != kind:
                raise not_implemented(f"CREATE TABLE AS with a column type wider than the query's ({kind} to {wanted})")

    def _create_view(self, node: st.CreateView) -> None:
        key = self._key(node.table.parts, permits.CREATE, *((permits.UPDATE,) if node.or_replace else ()))
        existing = self.catalog.find_table(key)
        if existing is not None and node.if_not_exists:
            self._end("CREATE_VIEW", key, "SKIP", lambda: None)
            return
        if existing is not None and (not node.or_replace or not existing.is_view):
            raise ApiError(409, "duplicate", f"Already Exists: Table {key[0]}:{key[1]}.{key[2]}")
        body = {k: v for k, v in definitions.options(node.options, node, self.text).items() if v is not None}
        place, named = self._at(node.query), bool(node.columns)
        caller = self.job.caller
        fields, read = views.schema(
            self.catalog, self.job.project, self.job.location, node.text, place, caller=caller, named=named
        )
        for one in read:
            caller.need(permits.GET_DATA, Resource(*one))
        if node.columns:
            if len(node.columns) != len(fields):
                raise invalid_query(
                    f"The number of columns in the view column list does not match the query{self._at(node)}"
                )
            fields = [f | {"name": n} for f, n in zip(fields, node.columns, strict=True)]
        body |= {"schema": fields, "view": {"query": node.text, "useLegacySql": False}}
        self._end("CREATE_VIEW", key, "REPLACE" if existing else "CREATE", lambda: self._create(node, key, body))
        self.job.statistics["query"]["referencedTables"] = [
            {"projectId": project, "datasetId": dataset, "tableId": name} for project, dataset, name in read
        ]

    def _create_schema(self, node: st.CreateSchema) -> None:
        project, dataset = (self.job.project, node.path[0]) if len(node.path) == 1 else (node.path[0], node.path[1])
        check_ids((project, dataset, "x"))
        self.job.caller.need("bigquery.datasets.create", Resource(project))
        location = self.job.location
        for name, value in node.options.items():
            if name != "location" or not isinstance(value, s.Literal):
                raise not_implemented(f"the dataset option {name}")
            location = checked_location(str(value.value))
        exists = self.catalog.database.row("SELECT 1 FROM datasets WHERE project = ? AND dataset = ?", project, dataset)
        if exists and not node.if_not_exists:
            raise ApiError(409, "duplicate", f"Already Exists: Dataset {project}:{dataset}")
        key = project, dataset, ""
        creator = self.job.caller
        access = {"access": [{"role": "OWNER", "userByEmail": creator.email}]} if creator.is_checked else {}
        if exists:
            self._end("CREATE_SCHEMA", key, "SKIP", lambda: None)
        else:
            self._end(
                "CREATE_SCHEMA", key, "CREATE", lambda: self.catalog.create_dataset(project, dataset, location, access)
            )

    # -- DROP, TRUNCATE, ALTER -------------------------------------------------------------------------

    def _drop(self, node: st.Drop) -> None:
        if node.what == "SCHEMA":
            project, dataset = (self.job.project, node.path[0]) if len(node.path) == 1 else (node.path[0], node.path[1])
            key: Key = (project, dataset, "")
            self.job.caller.need("bigquery.datasets.delete", Resource(project, dataset))
            if node.cascade:
                self.job.caller.need(permits.DELETE, Resource(project, dataset))
            if node.if_exists and not self.catalog.database.row(
                "SELECT 1 FROM datasets WHERE project = ? AND dataset = ?", project, dataset
            ):
                self._end("DROP_SCHEMA", key, "SKIP", lambda: None)
                return
            self._end(
                "DROP_SCHEMA", key, "DROP", lambda: self.catalog.delete_dataset(project, dataset, contents=node.cascade)
            )
            return
        key = self._key(node.path, permits.GET, permits.DELETE)
        existing = self.catalog.find_table(key)
        kind = f"DROP_{node.what}"
        if existing is None:
            if not node.if_exists:
                raise not_found(f"Not found: Table {key[0]}:{key[1]}.{key[2]}")
            self._end(kind, key, "SKIP", lambda: None)
            return
        if existing.is_view != (node.what == "VIEW"):
            raise invalid(
                f"{existing.path} is not allowed for this operation because it is currently a "
                f"{'VIEW' if existing.is_view else 'TABLE'}."
            )
        self._end(kind, key, "DROP", lambda: self.catalog.delete_table(key))

    def _truncate(self, node: st.Truncate) -> None:
        record = self.resolver.record(self._key(node.table.parts, permits.UPDATE_DATA))
        if record.is_view:
            raise invalid(f"{record.path} is a view and cannot be truncated.")
        if not self.dry_run and self.catalog.has_young_streamed_rows(record.uid):
            raise invalid_query(
                f"TRUNCATE DML statement over table {'.'.join(record.key)} would affect rows in the streaming buffer, "
                "which is not supported"
            )
        self._end("TRUNCATE_TABLE", record.key, "TRUNCATE", lambda: self.catalog.change(Change(record.uid, [], "all")))
        del self.job.statistics["query"]["ddlOperationPerformed"]

    def _alter(self, node: st.AlterTable) -> None:
        key = self._key(node.table.parts, permits.GET, permits.UPDATE)
        record = self.catalog.find_table(key)
        if record is None:
            if node.if_exists:
                self._end("ALTER_TABLE", key, "SKIP", lambda: None)
                return
            raise not_found(f"Not found: Table {key[0]}:{key[1]}.{key[2]}")
        if record.is_view:
            raise invalid(f"ALTER TABLE cannot be used on the view {record.path}")
        body = {**record.body, "schema": [dict(f) for f in record.fields]}
        origins: list[str | None] = [f["name"] for f in record.fields]
        name: str | None = None
        for action in node.actions:
            if action.action == "rename":
                name = action.new_name
                check_ids((key[0], key[1], name))
            elif action.action == "set_options":
                body |= definitions.options(action.options, action, self.text)
            else:
                definitions.alter(record, body, origins, action, self.text)
        changed = {k: v for k, v in body.items() if v is not None} | {"schema": schemas.checked(body["schema"])}
        self._end(
            "ALTER_TABLE", key, "ALTER", lambda: rewriting.alter_table(self.catalog, record, changed, origins, name)
        )
