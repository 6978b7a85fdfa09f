"""Look table names up for the analyzer."""

from __future__ import annotations

import unicodedata

from emulators.bigquery import information_schema
from emulators.bigquery.access.callers import Caller
from emulators.bigquery.access.resources import Resource
from emulators.bigquery.errors import ApiError, invalid, not_found, not_implemented
from emulators.bigquery.jobs import anonymous
from emulators.bigquery.sql.tables import InlineTable, TableInfo
from emulators.bigquery.storage.catalog import Catalog
from emulators.bigquery.storage.records import Key, TableRecord

# Letters, marks, numbers, connectors, dashes and spaces: docs/tables, "Table naming".
_IN_TABLE_NAMES = frozenset(["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Zs"])


class Resolver:
    """Names as one query sees them; `records` are the tables it named.

    What the caller may not read is denied where it is not found: nobody learns from errors what there is.
    All are in one `location`: the one given, or else that of the first (docs/locations, "Specify locations").
    """

    def __init__(self, catalog: Catalog, project: str, location: str | None, caller: Caller) -> None:
        self._catalog = catalog
        self._caller = caller
        self.project = project
        self.records: dict[int, TableRecord] = {}
        self.location: str | None = location

    def key(self, parts: list[str], default: tuple[str, str] | None) -> Key:
        """Project, dataset and table of a path."""
        if len(parts) == 1 and default is not None:
            return (*default, parts[0])
        if len(parts) == 1:
            raise invalid(f'Table "{parts[0]}" must be qualified with a dataset (e.g. dataset.table).', parts[0])
        if len(parts) == 2:
            return self.project, parts[0], parts[1]
        if len(parts) == 3:
            return parts[0], parts[1], parts[2]
        if len(parts) > 3 and ":" not in parts[0] and "." in ".".join(parts[:-2]):
            return ".".join(parts[:-2]), parts[-2], parts[-1]
        raise invalid(f'Invalid table name: "{".".join(parts)}"', ".".join(parts))

    def table(self, parts: list[str], default: tuple[str, str] | None) -> TableInfo | InlineTable:
        """A table; raises notFound with the location, as queries do."""
        upper = [p.upper() for p in parts]
        if "INFORMATION_SCHEMA" in upper[:-1] or upper[-1:] == ["INFORMATION_SCHEMA"]:
            self._need_metadata(parts[: upper.index("INFORMATION_SCHEMA")] or list(default or ()))
            return information_schema.table(self._catalog, self.project, parts, default)
        key = self.key(parts, default)
        if key[2] == "__TABLES_SUMMARY__":
            raise not_implemented(
                "the meta-table __TABLES_SUMMARY__; __TABLES__ and INFORMATION_SCHEMA.TABLES are served"
            )
        if key[2] == information_schema.META_TABLE:
            self._need_metadata([key[0], key[1]])
            return information_schema.meta_table(self._catalog, self._in_location(key))
        return self.record(key).info

    def _in_location(self, key: Key) -> Key:
        """The same, its dataset's location noted; raises notFound as queries do, accessDenied for another project."""
        try:
            if key[0] != self.project and not self._catalog.datasets(key[0], "", 1):
                name = f"{key[0]}:{key[1]}.{key[2]}"
                raise ApiError(
                    403, "accessDenied",
                    f"Access Denied: Table {name}: User does not have permission to query table "
                    f"{name}, or perhaps it does not exist.",
                )  # fmt: skip
            dataset = self._catalog.dataset(key[0], key[1])
            if dataset.location.upper() != (self.location or dataset.location).upper():
                raise not_found(f"Not found: Dataset {key[0]}:{key[1]}")
        except ApiError as error:
            raise self._elsewhere(error) from error
        self.location = dataset.location
        return key

    def _elsewhere(self, error: ApiError) -> ApiError:
        """What is not found is not found in a location."""
        if error.reason == "notFound":
            return not_found(f"{error.message} was not found in location {self.location or 'US'}")
        return error

    def record(self, key: Key) -> TableRecord:
        """A table's record, its location noted."""
        check_ids(key)
        if anonymous.is_anonymous({"datasetId": key[1], "tableId": key[2]}):
            raise not_implemented("the anonymous table of a query in SQL; give the query a destination")
        name, dollar, _ = key[2].partition("$")
        if dollar:
            raise invalid(f"Table decorators are not supported in standard SQL: {key[2]}", "query")
        key = key[0], key[1], name
        if self._catalog.find_table(key) is None:
            self._caller.need("bigquery.tables.getData", Resource(*key))
        key = self._in_location(key)
        try:
            record = self._catalog.table(key)
        except ApiError as error:
            raise self._elsewhere(error) from error
        self.records[record.uid] = record
        return record

    def _need_metadata(self, qualifiers: list[str]) -> None:
        """What the metadata views ask for (docs/information-schema-tables, "Required permissions")."""
        if not qualifiers:
            self._caller.need("bigquery.datasets.get", Resource(self.project))
            return
        owner = qualifiers[0] if len(qualifiers) > 1 else self.project
        for permission in ("bigquery.tables.get", "bigquery.tables.list"):
            self._caller.need(permission, Resource(owner, qualifiers[-1]))

    def wildcard(self, parts: list[str], default: tuple[str, str] | None) -> list[TableInfo]:
        """Tables that a path ending in * matches, in order of their names."""
        project, dataset, pattern = self.key(parts, default)
        check_ids((project, dataset, "x"))
        self._catalog.dataset(project, dataset)
        prefix = pattern[:-1]
        names = [n for n in self._catalog.table_names(project, dataset) if n.startswith(prefix)]
        if not names:
            raise not_found(f"{project}:{dataset}.{pattern} does not match any table.")
        return [self.record((project, dataset, n)).info for n in names]


def check_ids(key: Key) -> None:
    """Raise invalid for ids that no dataset or table can have."""
    project, dataset, name = key
    if not project:
        raise invalid(f'Invalid project ID "{project}".')
    if not dataset or not all(c.isalnum() or c == "_" for c in dataset) or len(dataset) > 1024 or not dataset.isascii():
        raise invalid(
            f'Invalid dataset ID "{dataset}". Dataset IDs must be alphanumeric (plus underscores) and must be at most '
            "1024 characters long.", f"{dataset}.{name}",
        )  # fmt: skip
    bare = name.partition("$")[0]
    if not bare or any(unicodedata.category(c) not in _IN_TABLE_NAMES for c in bare) or len(bare.encode()) > 1024:
        raise invalid(
            f'Invalid table ID "{name}". Table IDs must be alphanumeric (plus underscores) and must be at most 1024 '
            "characters long. Also, Table decorators cannot be used."
        )
