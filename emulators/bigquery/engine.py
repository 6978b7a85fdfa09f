"""DuckDB in memory: what runs compiled SQL over snapshots of tables.

No file of the host can be read or written through it: external access is off and the configuration locked.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections import OrderedDict
from typing import Any

import duckdb
import pyarrow as pa

from emulators.bigquery.functions import registry
from emulators.bigquery.snapshots import Snapshots
from emulators.bigquery.storage.catalog import Catalog

# Rows that are fetched as Python values: DuckDB's way to Arrow runs a second statement, which costs a small query
# as much again as it cost to run.
_FEW_ROWS = 64
# Columns of other types go DuckDB's way.
_SIMPLE = {
    "BIGINT": pa.int64(), "VARCHAR": pa.string(), "BOOLEAN": pa.bool_(), "DOUBLE": pa.float64(), "BLOB": pa.binary(),
    "DATE": pa.date32(), "TIME": pa.time64("us"), "TIMESTAMP": pa.timestamp("us"),
    "DECIMAL(38,9)": pa.decimal128(38, 9),
}  # fmt: skip
# Parsed statements kept, and the longest text that is: parsing is a third of what a small query costs.
_STATEMENTS = 1_000
_STATEMENT_CHARACTERS = 20_000


class Engine:
    """The DuckDB database and its snapshots. Every method may be called from any thread."""

    def __init__(self, catalog: Catalog) -> None:
        # one thread per query: rows keep their order, sums of FLOAT64 come out the same each time
        self._root = duckdb.connect(":memory:", config={"threads": "1", "python_enable_replacements": "false"})
        warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")  # see run()
        registry.install(self._root)
        self._root.execute("SET enable_external_access = false")
        self._root.execute("SET preserve_insertion_order = true")
        self._root.execute("SET lock_configuration = true")
        self._lock = threading.Lock()
        self._local = threading.local()
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._statements: OrderedDict[str, Any] = OrderedDict()
        self.snapshots = Snapshots(catalog, self.cursor)
        self.sources = self.snapshots.sources

    def close(self) -> None:
        """Give the memory back; nothing may be running."""
        for cursor in self._cursors:
            cursor.close()
        self._root.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of this thread's own."""
        found: duckdb.DuckDBPyConnection | None = getattr(self._local, "cursor", None)
        if found is None:
            found = self._root.cursor()
            self._local.cursor = found
            with self._lock:
                self._cursors.append(found)
        return found

    def run(self, sql: str, parameters: dict[str, Any], started: Any = None) -> pa.Table:
        """The rows of compiled SQL; `started` is called with the connection, whose interrupt() ends the query."""
        cursor = self.cursor()
        if started is not None:
            started(cursor)
        # execute() rather than sql(): it binds once, and most queries are so small that binding is what they cost
        cursor.execute(self._statement(cursor, sql), parameters)
        description = cursor.description or ()
        kinds = [_SIMPLE.get(str(column[1])) for column in description]
        if not kinds or None in kinds:
            whole: pa.Table = cursor.to_arrow_table()
            return whole
        few = cursor.fetchmany(_FEW_ROWS)
        names = [column[0] for column in description]
        values = zip(*few, strict=True) if few else ((),) * len(kinds)
        columns = [pa.array(cells, kind) for cells, kind in zip(values, kinds, strict=True)]
        first = pa.Table.from_arrays(columns, names)
        if len(few) < _FEW_ROWS:
            return first
        rest: Any = cursor.to_arrow_table()
        return pa.concat_tables([first, rest.cast(first.schema)])

    def _statement(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> Any:
        """The text as DuckDB's parser read it; exactly one statement."""
        if len(sql) > _STATEMENT_CHARACTERS:
            return sql
        with self._lock:
            found = self._statements.get(sql)
            if found is not None:
                self._statements.move_to_end(sql)
                return found
        (parsed,) = cursor.extract_statements(sql)
        with self._lock:
            self._statements[sql] = parsed
            while len(self._statements) > _STATEMENTS:
                self._statements.popitem(last=False)
        return parsed

    def table_names(self, sql: str) -> set[str]:
        """The tables that DuckDB's own parser finds in compiled SQL."""
        # fetchall, because a connection with a result half fetched can do nothing else
        row = self.cursor().execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()[0]
        tree = json.loads(row[0])
        if tree.get("error"):
            raise RuntimeError(f"DuckDB cannot parse compiled SQL: {tree.get('error_message')}")
        found: set[str] = set()
        nodes: list[Any] = [tree]
        while nodes:
            node = nodes.pop()
            if isinstance(node, dict):
                if node.get("type") == "BASE_TABLE":
                    found.add(node["table_name"])
                nodes += node.values()
            elif isinstance(node, list):
                nodes += node
        return found
