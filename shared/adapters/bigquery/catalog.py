"""`ports.Catalog`: datasets and tables, not what is in them."""

from collections.abc import Iterable, Mapping

from google.api_core import exceptions as google
from google.cloud import bigquery
from google.cloud.bigquery.enums import DatasetView, UpdateMode

from shared.adapters.bigquery.columns import column_of, fields_of
from shared.adapters.bigquery.connection import CALL, CALL_TIMEOUT_S, RETRY
from shared.adapters.google_errors import translated
from shared.contracts.tables import DatasetRef, TableRef, TableSchema
from shared.ports import Dataset


class BigQueryCatalog:
    """`ports.Catalog`."""

    def __init__(self, client: bigquery.Client) -> None:
        self._client = client

    def get_dataset(self, ref: DatasetRef) -> Dataset | None:
        """See the port. Who may open it is not asked for: in some organisations that is a right of its own
        (Google's page "Changes to dataset-level access controls").
        """
        with translated("BigQuery"):
            try:
                found = self._client.get_dataset(str(ref), dataset_view=DatasetView.METADATA, **CALL)
            except google.NotFound:
                return None
        return Dataset(ref, dict(found.labels), found.etag or "")

    def create_dataset(self, ref: DatasetRef, *, location: str, labels: Mapping[str, str], description: str) -> bool:
        """See the port. Access is explicit: without, the project's viewers could read it (facts 14)."""
        dataset = bigquery.Dataset(str(ref))
        dataset.location, dataset.labels, dataset.description = location, dict(labels), description
        dataset.access_entries = [bigquery.AccessEntry("OWNER", "specialGroup", "projectOwners")]
        with translated("BigQuery"):
            try:
                self._client.create_dataset(dataset, **CALL)
            except google.Conflict:
                return False
        return True

    def set_labels(self, dataset: Dataset, labels: Mapping[str, str]) -> bool:
        """See the port."""
        resource = bigquery.Dataset.from_api_repr(
            {
                "datasetReference": {"projectId": dataset.ref.project, "datasetId": dataset.ref.dataset},
                "etag": dataset.etag,
            }
        )
        # A label set to None is removed; one that is not named stays.
        resource.labels = {**dict.fromkeys(dataset.labels), **labels}
        with translated("BigQuery"):
            try:
                self._client.update_dataset(resource, ["labels"], update_mode=UpdateMode.UPDATE_METADATA, **CALL)
            except google.PreconditionFailed:
                return False
        return True

    def datasets(self, project: str, *, labels: Mapping[str, str] | None = None) -> Iterable[Dataset]:
        """See the port."""
        wanted = " ".join(f"labels.{name}:{value}" for name, value in (labels or {}).items()) or None
        with translated("BigQuery"):
            for item in self._client.list_datasets(project, filter=wanted, page_size=1_000, **CALL):
                yield Dataset(DatasetRef(project, item.dataset_id), dict(item.labels))

    def tables(self, ref: DatasetRef) -> list[str]:
        """See the port."""
        with translated("BigQuery"):
            try:
                return sorted(item.table_id for item in self._client.list_tables(str(ref), page_size=1_000, **CALL))
            except google.NotFound:
                return []

    def delete_dataset(self, dataset: Dataset) -> bool:
        """See the port. datasets.delete heeds If-Match as an update does, but the client's method does not send it.

        (googleapis/google-cloud-java, issue 468, says so of the service.)
        """
        with translated("BigQuery"):
            try:
                self._client._call_api(
                    RETRY,
                    method="DELETE",
                    path=f"/projects/{dataset.ref.project}/datasets/{dataset.ref.dataset}",
                    query_params={"deleteContents": "true"},
                    headers={"If-Match": dataset.etag},
                    timeout=CALL_TIMEOUT_S,
                )
            except (google.NotFound, google.PreconditionFailed):
                return False
        return True

    def get_schema(self, table: TableRef) -> TableSchema | None:
        """See the port."""
        with translated("BigQuery"):
            try:
                found = self._client.get_table(str(table), **CALL)
            except google.NotFound:
                return None
        partitioning = found.time_partitioning
        return TableSchema(
            description=found.description or "",
            partition_field=partitioning.field if partitioning else None,
            cluster_by=tuple(found.clustering_fields or ()),
            fields=tuple(column_of(field) for field in found.schema),
        )

    def is_view(self, table: TableRef) -> bool:
        """See the port."""
        with translated("BigQuery"):
            try:
                return self._client.get_table(str(table), **CALL).table_type not in ("TABLE", "SNAPSHOT")
            except google.NotFound:
                return False

    def create_table(self, table: TableRef, schema: TableSchema, *, labels: Mapping[str, str]) -> bool:
        """See the port."""
        resource = bigquery.Table(str(table), schema=fields_of(schema.fields))
        resource.description, resource.labels = schema.description or None, dict(labels)
        if schema.partition_field:
            resource.time_partitioning = bigquery.TimePartitioning(schema.partition_type, field=schema.partition_field)
        if schema.cluster_by:
            resource.clustering_fields = list(schema.cluster_by)
        with translated("BigQuery"):
            try:
                self._client.create_table(resource, **CALL)
            except google.Conflict:
                return False
        return True

    def add_columns(self, table: TableRef, schema: TableSchema) -> None:
        """See the port."""
        with translated("BigQuery"):
            self._client.update_table(bigquery.Table(str(table), schema=fields_of(schema.fields)), ["schema"], **CALL)
