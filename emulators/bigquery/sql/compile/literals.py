"""Turn the text of literals into DuckDB literals, with BigQuery's ranges and errors.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#literals
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from emulators.bigquery.errors import ApiError, invalid_query
from emulators.bigquery.functions import civil, json_text, numbers
from emulators.bigquery.sql.read.tokens import line_and_column
from emulators.bigquery.sql.types import text


def number(kind: str, written: str, sql: str, pos: int) -> str:
    """DuckDB text of a number literal as INT64, NUMERIC, BIGNUMERIC or FLOAT64."""
    where = f" at {line_and_column(sql, pos)}"
    if kind == "INT64":
        if not -(2**63) <= int(written) < 2**63:
            raise invalid_query(f"Invalid integer literal: {written}{where}")
        # -9223372036854775808 is no DuckDB literal of BIGINT, hence the text
        return f"CAST({text(written)} AS BIGINT)"
    if kind == "FLOAT64":
        value = float(written)
        if value in {float("inf"), float("-inf")}:
            raise invalid_query(f"Invalid floating point literal: {written}{where}")
        return f"CAST({text(repr(value))} AS DOUBLE)"
    try:
        exact = Decimal(written.strip())
        if kind == "NUMERIC":
            return f"CAST({text(format(numbers.to_numeric(exact), 'f'))} AS DECIMAL(38,9))"
        return text(numbers.to_bignumeric(exact))
    except (InvalidOperation, ValueError) as error:
        raise invalid_query(f"Invalid {kind} literal: '{written}'{where}") from error


def from_text(kind: str, written: str, sql: str, pos: int) -> str:
    """DuckDB text of a typed literal such as DATE '2024-01-15', or of a STRING literal coerced to it."""
    try:
        if kind == "DATE":
            return f"CAST({text(civil.parse_date(written).isoformat())} AS DATE)"
        if kind == "DATETIME":
            return f"CAST({text(civil.parse_datetime(written).isoformat(' '))} AS TIMESTAMP)"
        if kind == "TIME":
            return f"CAST({text(civil.parse_time(written).isoformat())} AS TIME)"
        if kind == "TIMESTAMP":
            return f"CAST({text(civil.parse_timestamp(written).isoformat(' '))} AS TIMESTAMP)"
        if kind == "JSON":
            return text(json_text.canonical(written))
    except ValueError as error:
        raise _bad(kind, written, sql, pos) from error
    return number(kind, written, sql, pos)


def _bad(kind: str, written: str, sql: str, pos: int) -> ApiError:
    return invalid_query(f'Could not cast literal "{written}" to type {kind} at {line_and_column(sql, pos)}')


def bytes_literal(value: bytes) -> str:
    """DuckDB text of a BYTES literal."""
    return f"from_hex('{value.hex()}')"
