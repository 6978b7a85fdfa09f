"""tabledata.list and tabledata.insertAll.

Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata, …/docs/streaming-data-into-bigquery
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from emulators.bigquery import partitions, rows_in, rows_out
from emulators.bigquery.api import messages, paging
from emulators.bigquery.api.http import Request, Response, in_thread
from emulators.bigquery.api.tables import anonymous_rows, key_of, named, own_anonymous, partition_of
from emulators.bigquery.errors import ApiError, invalid, not_implemented
from emulators.bigquery.service import Service
from emulators.bigquery.sql import types as t
from emulators.bigquery.storage import fragments
from emulators.bigquery.storage.contents import Change
from emulators.bigquery.storage.records import Key, TableRecord

# Bytes of a request; quotas page, "HTTP request size limit".
_MAX_REQUEST = 10 * 1024 * 1024
# Rows per request; quotas page, "Maximum rows per request".
_MAX_ROWS = 50_000
# Rows of one page; pages are at most 20 MB, this is what we allow ourselves.
_PAGE_ROWS = 100_000


async def list_(request: Request) -> Response:
    """tabledata.list: stored rows only, in the order they are stored."""
    service, key = request.service, named(request)
    request.only("maxResults", "startIndex", "pageToken", "selectedFields", "formatOptions.useInt64Timestamp",
                 "formatOptions.timestampOutputFormat")  # fmt: skip
    whole = int_timestamps(request.query)
    limit = min(request.integer("maxResults", _PAGE_ROWS), _PAGE_ROWS)
    start = request.integer("startIndex", 0)
    job = own_anonymous(request, key)
    if job is not None:
        etag, listing = job.resource()["etag"], f"rows {'.'.join(key)}"
    else:
        table = service.catalog.table(key)
        if table.is_view:
            raise invalid("Cannot list a table of type VIEW.")
        part, etag, listing = partition_of(request, table), table.etag, f"rows {table.uid}"
    if request.query.get("pageToken"):
        start = int(paging.read(listing, request.query["pageToken"]))
    columns: Sequence[tuple[str, t.Type]]
    if job is not None:
        columns, total, content = await asyncio.to_thread(lambda: anonymous_rows(service, job, start, limit))
    else:
        columns = table.columns
        total, content = await asyncio.to_thread(lambda: service.pages.of_table(table, start, limit, part))
    picked = _selected(key, columns, request.query.get("selectedFields"))
    content, kinds = content.select(picked), [columns[i][1] for i in picked]
    body: dict[str, Any] = {"kind": "bigquery#tableDataList", "etag": etag, "totalRows": str(total)}
    end = start + content.num_rows
    if end < total and limit > 0:
        body["pageToken"] = paging.token(listing, end)
    if content.num_rows:
        body["rows"] = await in_thread(content.num_rows, lambda: rows_out.encode(content, kinds, int_timestamps=whole))
    return Response(body)


def int_timestamps(query: dict[str, str]) -> bool:
    """Whether timestamps are to be whole microseconds; other formats are refused."""
    if query.get("formatOptions.timestampOutputFormat") not in {None, "", "TIMESTAMP_OUTPUT_FORMAT_UNSPECIFIED"}:
        raise not_implemented("timestampOutputFormat")
    whole = query.get("formatOptions.useInt64Timestamp", "").lower()
    if whole not in {"", "true", "false"}:
        raise invalid(f"Invalid value '{whole}' for formatOptions.useInt64Timestamp: it must be true or false")
    return whole == "true"


def _selected(key: Key, columns: Sequence[tuple[str, t.Type]], text: str | None) -> list[int]:
    """Which columns a row carries, in the order of the schema; raises invalid for one that there is not."""
    if not text:
        return list(range(len(columns)))
    names = {n.lower(): i for i, (n, _) in enumerate(columns)}
    out = set()
    for one in text.split(","):
        if "." in one:
            raise not_implemented("selectedFields inside a RECORD")
        if one.strip().lower() not in names:
            raise invalid(f"Field {one} does not exist in table {key[0]}:{key[1]}.{key[2]}")
        out.add(names[one.strip().lower()])
    return sorted(out)


async def insert_all(request: Request) -> Response:
    """tabledata.insertAll: all rows of a request, or none when one is bad (unless skipInvalidRows)."""
    service, catalog = request.service, request.service.catalog
    given = messages.read(request.json(), messages.INSERT_ALL, "insert_all_request")
    table = catalog.table(key_of(request))
    if table.is_view:
        raise invalid("Cannot add rows to a table of type VIEW.")
    if given.get("templateSuffix"):
        raise not_implemented("templateSuffix")
    if partition_of(request, table) is not None:
        raise not_implemented("streaming into one partition")
    rows = given.get("rows")
    if not rows:
        raise invalid("No rows present in the request.")
    if len(request.body) > _MAX_REQUEST:
        raise ApiError(400, "badRequest", f"Request payload size exceeds the limit: {_MAX_REQUEST} bytes.")
    if len(rows) > _MAX_ROWS:
        raise invalid(f"Too many rows present in the request, limit: {_MAX_ROWS} row count: {len(rows)}.")
    if not table.fields:
        raise invalid("The destination table has no schema.")
    body = await in_thread(len(rows), lambda: _take(service, table, given, rows))
    return Response(body)


def _take(service: Service, table: TableRecord, given: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    fields = service.faults.known_to_streaming(table.uid, table.fields)
    read = rows_in.row_reader(fields, ignore_unknown=bool(given.get("ignoreUnknownValues")))
    good: list[tuple[str | None, dict[str, Any]]] = []
    errors: list[dict[str, Any]] = []
    for index, given_row in enumerate(rows):
        try:
            row = messages.read(given_row, messages.ROW, f"insert_all_request.rows[{index}]")
            content = row.get("json")
            good.append((row.get("insertId"), read({} if content is None else content)))
        except rows_in.BadValue as error:
            errors.append({"index": index, "errors": [_row_error(error)]})
    if errors and not given.get("skipInvalidRows"):
        bad = {e["index"] for e in errors}
        stopped = {"reason": "stopped", "location": "", "debugInfo": "", "message": ""}
        errors += [{"index": i, "errors": [stopped]} for i in range(len(rows)) if i not in bad]
    elif good:
        now = service.now_ms()
        fresh = [(i, row) for i, row in good if not i or service.insert_ids.take(table.uid, i, now)]
        try:
            if fresh:
                _store(service, table, [row for _, row in fresh])
        except BaseException:
            service.insert_ids.give_back(table.uid, [i for i, _ in fresh])
            raise
    body: dict[str, Any] = {"kind": "bigquery#tableDataInsertAllResponse"}
    if errors:
        body["insertErrors"] = sorted(errors, key=lambda e: int(e["index"]))
    return body


def _row_error(error: rows_in.BadValue) -> dict[str, str]:
    return {"reason": "invalid", "location": error.field, "debugInfo": "", "message": str(error)}


def _store(service: Service, table: TableRecord, rows: list[dict[str, Any]]) -> None:
    catalog = service.catalog
    for _ in range(3):
        content = pa.Table.from_pylist(rows, schema=table.arrow)
        parts = partitions.split(content, partitions.of(table.body), catalog.clock_ms(), None)
        pieces = fragments.write_parts(catalog.files, parts.items(), table.columns)
        version = table.version

        def check(now: TableRecord, wanted: int = version) -> None:
            if now.version != wanted:
                raise _Moved

        try:
            catalog.change(Change(table.uid, pieces, streamed=True), check=check)
        except _Moved:
            table = catalog.table(table.key)
            continue
        return
    raise ApiError(503, "backendError", "The table's schema is changing; retry.")


class _Moved(Exception):
    """The schema changed between reading and writing."""
