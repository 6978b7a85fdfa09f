"""Columns of a table or of a query's result, in our words and in the client's."""

from collections.abc import Sequence

from google.cloud import bigquery

from shared.contracts.tables import Column


def column_of(field: bigquery.SchemaField) -> Column:
    """The column, with those inside it; without a mode it may be null."""
    return Column(
        name=field.name,
        type=field.field_type,
        mode="REPEATED" if field.mode == "REPEATED" else "NULLABLE",
        description=field.description or "",
        fields=tuple(column_of(part) for part in field.fields),
    )


def fields_of(columns: Sequence[Column]) -> list[bigquery.SchemaField]:
    """The columns as the client takes them, in their order."""
    return [
        bigquery.SchemaField(
            column.name,
            column.type,
            mode=column.mode,
            description=column.description,
            fields=fields_of(column.fields),
        )
        for column in columns
    ]
