"""See to it that a step's destination is there, belongs to the tenant, and has the columns of its schema."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from shared.contracts.tables import Column, DatasetRef, TableRef, TableSchema
from shared.contracts.tenant import TENANT_LABEL, owner_of_dataset
from shared.errors import IsolationRefused, NotOurs, SchemaMismatch
from shared.ports import Catalog
from shared.tenants.directory import Directory

# A table is looked at once an instance; ten thousand tenants with a few tables each fit.
MOST_KNOWN = 100_000


class TenantDestinations:
    """Tables that this instance has seen to. A known table costs no call.

    Before anything that is missing is made, the tenant is read afresh: what an off-boarding has removed is not made
    again by a run that still believes in the tenant (rules 3).
    """

    def __init__(self, catalog: Catalog, directory: Directory, *, location: str) -> None:
        self._catalog, self._directory, self._location = catalog, directory, location
        self._known: OrderedDict[TableRef, tuple[str, TableSchema]] = OrderedDict()
        self._lock = threading.Lock()

    def ensure(
        self, tenant_id: str, table: TableRef, schema: TableSchema, *, before_making: Callable[[], None] = lambda: None
    ) -> None:
        """Make dataset and table where they are missing; add new columns where the table lacks them.

        `before_making` is called before a table is made: what it raises leaves none behind.

        Raises IsolationRefused when the dataset's name is another's, NotOurs when it does not bear the tenant's label,
        SchemaMismatch naming each column that has another type or mode; TenantUnknown or TenantSuspended where
        something would have to be made for a tenant that is no longer one, or not active.
        """
        if owner_of_dataset(table.dataset) != tenant_id:
            raise IsolationRefused(f"{table.dataset} is no dataset of {tenant_id}")
        tenant = self._directory.get(tenant_id)
        # Of an earlier life of the tenant nothing is left.
        known = (tenant.epoch if tenant else "", schema)
        with self._lock:
            if self._known.get(table) == known:
                return
        self._see_to_dataset(tenant_id, table.dataset_ref)
        self._see_to_table(tenant_id, table, schema, before_making)
        with self._lock:
            self._known[table] = known
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)

    def forget(self, table: TableRef) -> None:
        """Look again next time."""
        with self._lock:
            self._known.pop(table, None)

    def _see_to_dataset(self, tenant_id: str, ref: DatasetRef) -> None:
        dataset = self._catalog.get_dataset(ref)
        if dataset is None:
            self._directory.confirm(tenant_id)
            self._catalog.create_dataset(
                ref,
                location=self._location,
                labels={TENANT_LABEL: tenant_id},
                description=f"Data of tenant {tenant_id}",
            )
            dataset = self._catalog.get_dataset(ref)
        if dataset is None or dataset.labels.get(TENANT_LABEL) != tenant_id:
            raise NotOurs(
                f"dataset {ref.dataset} does not bear the label {TENANT_LABEL}={tenant_id}: nothing is written to it"
            )

    def _see_to_table(
        self, tenant_id: str, table: TableRef, schema: TableSchema, before_making: Callable[[], None]
    ) -> None:
        found = self._catalog.get_schema(table)
        if found is None:
            before_making()
            self._directory.confirm(tenant_id)
            if self._catalog.create_table(table, schema, labels={TENANT_LABEL: tenant_id}):
                return
        found = found or self._catalog.get_schema(table) or schema
        wrong: list[str] = []
        columns = _merged(found.fields, schema.fields, wrong)
        if found.partition_field != schema.partition_field:
            wrong.append(f"it is {_partitioned(found)}, not {_partitioned(schema)}")
        if wrong:
            is_not = f"table {table.table} is there and is not what the step wants: {'; '.join(wrong)}"
            raise SchemaMismatch(f"{is_not}; change the schema template, or name another table, or drop this one")
        if columns != found.fields:
            self._catalog.add_columns(table, found.model_copy(update={"fields": columns}))


def _partitioned(schema: TableSchema) -> str:
    return f"partitioned by {schema.partition_field}" if schema.partition_field else "without partitions"


def _merged(have: Sequence[Column], want: Sequence[Column], wrong: list[str], within: str = "") -> tuple[Column, ...]:
    """The columns that there are, then the wanted ones that are new, also inside of records; says which do not fit."""
    new = {column.name.lower(): column for column in want}
    merged = []
    for column in have:
        wanted = new.pop(column.name.lower(), None)
        if wanted and (column.type_name, column.mode) != (wanted.type_name, wanted.mode):
            wrong.append(f"{within}{column.name} is {column.kind}, not {wanted.kind}")
        elif wanted and wanted.fields:
            fields = _merged(column.fields, wanted.fields, wrong, f"{within}{column.name}.")
            column = column.model_copy(update={"fields": fields})  # noqa: PLW2901 - the same column, with more in it
        merged.append(column)
    return (*merged, *new.values())
