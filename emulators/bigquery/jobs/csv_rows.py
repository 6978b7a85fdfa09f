"""Read the rows of a CSV file: quotes, header, NULLs, rows of too few or too many cells.

Source: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-csv, …/docs/reference/rest/v2/Job
(JobConfigurationLoad)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emulators.bigquery import rows_in, schemas
from emulators.bigquery.errors import invalid, not_implemented

# Encodings by the names that the load configuration knows; the others are refused.
_ENCODINGS = {"": "utf-8", "UTF-8": "utf-8", "UTF8": "utf-8", "ISO-8859-1": "latin-1"}
_STRINGS = {"STRING", "BYTES"}


@dataclass(frozen=True)
class Line:
    """One row of a file: where it starts, its cells as (text, whether it was quoted), or what is wrong with it."""

    start: int
    cells: list[tuple[str, bool]]
    fault: str | None = None


@dataclass(frozen=True)
class Dialect:
    """How a file is written, as a load configuration says it."""

    encoding: str
    delimiter: str
    quote: str
    null: str
    skip: int
    newlines: bool
    jagged: bool
    extra: bool


def dialect(config: dict[str, Any]) -> Dialect:
    """The dialect of a load configuration; raises invalid or notImplemented."""
    encoding = str(config.get("encoding") or "").upper()
    if encoding not in _ENCODINGS:
        raise not_implemented(f"the encoding {config['encoding']}; known: UTF-8, ISO-8859-1")
    delimiter = config.get("fieldDelimiter") or ","
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    quote = '"' if config.get("quote") is None else config["quote"]
    for name, text in (("fieldDelimiter", delimiter), ("quote", quote or '"')):
        if len(text) != 1 or not text.isascii():
            raise not_implemented(f"a {name} of more than one byte")
    if config.get("nullMarkers"):
        raise not_implemented("nullMarkers")
    skip = int(config.get("skipLeadingRows") or 0)
    if skip < 0:
        raise invalid(f"Invalid value for skipLeadingRows: {skip}; it must not be negative")
    return Dialect(
        _ENCODINGS[encoding], delimiter, quote, config.get("nullMarker") or "", skip,
        bool(config.get("allowQuotedNewlines")), bool(config.get("allowJaggedRows")),
        bool(config.get("ignoreUnknownValues")),
    )  # fmt: skip


def read(
    media: bytes, fields: schemas.Fields, config: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    """Good rows, and the bad ones as (byte where the row starts, what is wrong)."""
    for field in fields:
        if field["type"] == "RECORD" or field["mode"] == "REPEATED":
            raise invalid(f"Cannot load CSV data with a nested schema. Field: {field['name']}")
    how = dialect(config)
    try:
        text = media.decode(how.encoding)
    except UnicodeDecodeError:
        # the service replaces what it cannot convert, but by which rule is not documented
        raise not_implemented("CSV files that are not in the encoding they are said to be in") from None
    convert = rows_in.row_reader(fields)
    good: list[dict[str, Any]] = []
    bad: list[tuple[int, str]] = []
    for number, line in enumerate(_lines(text, how)):
        if number < how.skip:
            continue
        fault = line.fault or _count_fault(len(line.cells), len(fields), how)
        if fault is None:
            row = {f["name"]: _value(cell, f, how) for f, cell in zip(fields, line.cells, strict=False)}
            try:
                good.append(convert(row))
                continue
            except rows_in.BadValue as error:
                fault = str(error)
        bad.append((line.start, fault))
    return good, [(len(text[:start].encode(how.encoding)), fault) for start, fault in bad]


def _count_fault(have: int, want: int, how: Dialect) -> str | None:
    if have < want and not how.jagged:
        return f"Too few columns: expected {want} column(s) but got {have} column(s)."
    if have > want and not how.extra:
        return f"Too many values in line. Found {have} column(s) while expected {want}."
    return None


def _value(cell: tuple[str, bool], field: dict[str, Any], how: Dialect) -> str | None:
    """NULL is the marker; where that is the empty string, "" in quotes is an empty string all the same."""
    text, quoted = cell
    if text != how.null:
        return text
    return "" if text == "" and quoted and field["type"] in _STRINGS else None


def _lines(text: str, how: Dialect) -> Iterator[Line]:
    """Rows in order; blank lines are none."""
    delimiter, quote = re.escape(how.delimiter), re.escape(how.quote)
    plain = rf"([^{delimiter}\r\n]*)"
    quoted = rf"{quote}((?:[^{quote}]|{quote}{quote})*+){quote}" if how.quote else r"(?!)()"
    cell = re.compile(rf"(?:{quoted}|(?!{quote}){plain})({delimiter}|\r\n|\n|\r|\Z)" if how.quote
                      else rf"(?:{quoted}|{plain})({delimiter}|\r\n|\n|\r|\Z)")  # fmt: skip
    line_end = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
    at, start, cells = 0, 0, list[tuple[str, bool]]()
    while at < len(text):
        match = cell.match(text, at)
        fault = None if match else _broken(text, at, how)
        if match is not None and match[1] is not None and not how.newlines and ("\n" in match[1] or "\r" in match[1]):
            fault = _UNCLOSED
        if match is None or fault is not None:
            at = line_end.match(text, at).end()  # type: ignore[union-attr]  # it matches anything
            yield Line(start, [], fault)
            start, cells = at, []
            continue
        at = match.end()
        if match[1] is not None:
            cells.append((match[1].replace(how.quote * 2, how.quote), True))
        else:
            cells.append((match[2], False))
        if match[3] == how.delimiter and at < len(text):
            continue
        if match[3] == how.delimiter:
            cells.append(("", False))
        if cells != [("", False)]:
            nul = any("\0" in c for c, _ in cells)
            yield Line(start, cells, "Bad character (ASCII 0) encountered." if nul else None)
        start, cells = at, []


_UNCLOSED = 'Missing close quote character (").'


def _broken(text: str, at: int, how: Dialect) -> str:
    """Why no cell starts here: its quote is never closed, or something follows the closing one."""
    closed = re.compile(rf"{re.escape(how.quote)}(?:[^{re.escape(how.quote)}]|{re.escape(how.quote) * 2})*+"
                        rf"{re.escape(how.quote)}").match(text, at)  # fmt: skip
    return _UNCLOSED if closed is None else 'Data between close quote character (") and field separator.'
