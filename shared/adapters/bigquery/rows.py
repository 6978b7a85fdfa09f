"""`ports.Rows`: rows read and written without a query."""

from collections.abc import Sequence
from typing import Any

from google.api_core import exceptions as google
from google.cloud import bigquery

from shared.adapters.bigquery.columns import fields_of
from shared.adapters.bigquery.connection import CALL, CALL_TIMEOUT_S, RETRY, RETRY_S, shown_late
from shared.adapters.google_errors import translated
from shared.contracts.tables import TableRef, TableSchema
from shared.errors import PayloadRefused
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
        if refused:
            # Names and reasons only: the messages may quote values.
            wrong = {
                f"{part.get('location', '')} {part.get('reason', '')}".strip()
                for row in refused
                for part in row["errors"]
            }
            raise PayloadRefused(f"{table.table} took none of {len(rows)} rows: {', '.join(sorted(wrong))}")

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
