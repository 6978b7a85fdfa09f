"""DuckDB's errors as BigQuery words them; one that is not known is refused, because it may be ours.

Source: https://cloud.google.com/bigquery/docs/error-messages
"""

from __future__ import annotations

import logging
import re

import duckdb

from emulators.bigquery.errors import ApiError, invalid_query, not_implemented
from emulators.bigquery.jobs.job import interrupted

_LOG = logging.getLogger("emulators.bigquery")
_UDF = re.compile(r"Python exception occurred while executing the UDF: (\w+): (.*)", re.DOTALL)
_OVERFLOW = re.compile(r"Overflow in (\w+) of (\w+(?:\([\d,]+\))?)(?: \((.*?)\))?")


def translated(error: duckdb.Error, *, timed_out: bool) -> ApiError:
    """The error to answer with."""
    text = str(error)
    known = _of_a_function(text) or _interrupted(error, timed_out=timed_out) or _of_values(error, text)
    if known is not None:
        return known
    _LOG.warning("query_not_served %s", text.splitlines()[0][:300])
    return not_implemented(f"this query: {_what(error)}; the service's log tells which")


def _what(error: duckdb.Error) -> str:
    """The kind of thing that is missing; DuckDB's own words are for the log, they name nothing of the query's."""
    kinds = {
        duckdb.BinderException: "it combines clauses or types in a way that is not served",
        duckdb.ParserException: "it has a form that is not served",
        duckdb.CatalogException: "it needs a function that is not served",
        duckdb.ConversionException: "it converts a value in a way that is not served",
        duckdb.OutOfRangeException: "it meets a value out of the range that is served",
        duckdb.InvalidInputException: "it meets a value that is not served",
        duckdb.OutOfMemoryException: "it needs more memory than there is",
    }
    return next((what for kind, what in kinds.items() if isinstance(error, kind)), "it met what is not served")


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
    return interrupted(timed_out=timed_out)


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
