"""`ports.Rows`: rows read and written without a query."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.api_core import exceptions as google
from google.cloud import bigquery

from shared.adapters.bigquery.columns import fields_of
from shared.adapters.bigquery.connection import CALL, CALL_TIMEOUT_S, RETRY, RETRY_S, shown_late
from shared.adapters.google_errors import translated
from shared.contracts.tables import TableRef, TableSchema
from shared.errors import PayloadRefused, Unavailable
from shared.ports import Row


class BigQueryRows:
    """`ports.Rows`."""

    def __init__(self, client: bigquery.Client) -> None:
        self._client = client

    def stored(self, table: TableRef, schema: TableSchema, *, limit: int) -> list[dict[str, Any]] | None:
        """See the port."""
        with translated("BigQuery"):
            try:
                found = self._client.list_rows(
                    str(table), selected_fields=fields_of(schema.fields), max_results=limit, **CALL
                )
                return [dict(row.items()) for row in found]
            except google.NotFound:
                return None

    def append(self, table: TableRef, rows: Sequence[tuple[str, Row]]) -> None:
        """See the port."""
        with translated("BigQuery"):
            refused = self._client.insert_rows_json(
                str(table), [dict(row) for _, row in rows], row_ids=[insert_id for insert_id, _ in rows], **CALL
            )
        wrong = [error for row in refused for error in row["errors"]]
        if wrong and self._are_new_columns(table, wrong):
            raise Unavailable(f"{table.table} does not take rows with its newest columns yet")
        if wrong:
            # Names and reasons only: the messages may quote values.
            said = {f"{error.get('location', '')} {error.get('reason', '')}".strip() for error in wrong}
            raise PayloadRefused(f"{table.table} took none of {len(rows)} rows: {', '.join(sorted(said))}")

    def _are_new_columns(self, table: TableRef, wrong: Sequence[Mapping[str, Any]]) -> bool:
        """Whether rows were refused for columns alone that the table has.

        Streaming can take minutes to learn of a column (facts 40). The rows that are refused with these, because one
        refused row stops a request, say `stopped`.
        """
        unknown = [error for error in wrong if str(error.get("message", "")).startswith("no such field")]
        if not unknown or any(error not in unknown and error.get("reason") != "stopped" for error in wrong):
            return False
        with translated("BigQuery"):
            known = set(_paths(self._client.get_table(str(table), **CALL).schema))
        return {str(error.get("location", "")).lower() for error in unknown} <= known

    def replace(self, table: TableRef, schema: TableSchema, rows: Sequence[Row], *, job_id: str) -> None:
        """See the port."""
        config = bigquery.LoadJobConfig(
            schema=fields_of(schema.fields), write_disposition="WRITE_TRUNCATE", create_disposition="CREATE_NEVER"
        )
        with translated("BigQuery"):
            try:
                self._client.load_table_from_json(
                    [dict(row) for row in rows], str(table), job_id=job_id, job_config=config, timeout=CALL_TIMEOUT_S
                ).result(retry=RETRY, timeout=CALL_TIMEOUT_S * 3)
            except google.Conflict:
                found = shown_late(lambda: self._client.get_job(job_id, **CALL), job_id, timeout_s=RETRY_S)
                found.result(retry=RETRY, timeout=CALL_TIMEOUT_S * 3)


def _paths(fields: Sequence[bigquery.SchemaField], within: str = "") -> Iterator[str]:
    """Every column and field, in lower case, with the names of the records around it: `a`, `a.b`."""
    for field in fields:
        path = f"{within}{field.name.lower()}"
        yield path
        yield from _paths(field.fields, f"{path}.")
