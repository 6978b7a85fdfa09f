"""DuckDB's errors as BigQuery words them; one that is not known is refused, because it may be ours.

Source: https://cloud.google.com/bigquery/docs/error-messages
"""

from __future__ import annotations

import re

import duckdb

from local.bigquery.errors import ApiError, invalid_query, not_implemented

_UDF = re.compile(r"Python exception occurred while executing the UDF: (\w+): (.*)", re.DOTALL)
_OVERFLOW = re.compile(r"Overflow in (\w+) of (\w+(?:\([\d,]+\))?)(?: \((.*?)\))?")
_UNGROUPED = re.compile(r'column "?([^"\s]+)"? must appear in the GROUP BY')


def translated(error: duckdb.Error, columns: set[str], *, timed_out: bool) -> ApiError:
    """The error to answer with; `columns` are the lower-case names that the query's tables have."""
    text = str(error)
    known = _of_a_function(text) or _interrupted(error, timed_out=timed_out) or _of_values(error, text)
    if known is not None:
        return known
    ungrouped = _UNGROUPED.search(text)
    if ungrouped and ungrouped[1].lower() in columns:
        return invalid_query(
            f"SELECT list expression references column {ungrouped[1]} which is neither grouped nor aggregated"
        )
    return not_implemented(f"this query ({text.splitlines()[0][:300]})")


def _of_a_function(text: str) -> ApiError | None:
    match = _UDF.search(text)
    if match is None:
        return None
    if match[1] == "ValueError":
        return invalid_query(match[2].splitlines()[0])
    if match[1] == "NotImplementedError":
        return not_implemented(match[2].splitlines()[0])
    return not_implemented(f"this query ({match[1]} in a function)")


def _interrupted(error: duckdb.Error, *, timed_out: bool) -> ApiError | None:
    if not isinstance(error, duckdb.InterruptException):
        return None
    if timed_out:
        return ApiError(400, "timeout", "Job execution was cancelled: Job timed out")
    return ApiError(499, "stopped", "Job execution was cancelled: User requested cancellation")


def _of_values(error: duckdb.Error, text: str) -> ApiError | None:
    overflow = _OVERFLOW.search(text)
    if overflow:
        return invalid_query(
            f"{'int64' if overflow[2] == 'INT64' else 'numeric'} overflow: {overflow[3] or overflow[1]}"
        )
    if isinstance(error, duckdb.OutOfRangeException | duckdb.ConversionException):
        if "INT64" in text or "INT128" in text or "HUGEINT" in text:
            return invalid_query("Integer Overflow")
        if "DECIMAL" in text:
            return invalid_query("numeric overflow")
    if "More than one row returned by a subquery" in text:
        return invalid_query("Scalar subquery produced more than one element")
    if isinstance(error, duckdb.InvalidInputException) and re.search(
        r"missing [)\]]|invalid (perl|escape|char|repetition)", text
    ):
        return invalid_query(
            f"Cannot parse regular expression: {text.removeprefix('Invalid Input Error: ').splitlines()[0]}"
        )
    return None
