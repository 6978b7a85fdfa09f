"""A server that answers Google's BigQuery client with the same bytes each time: what the client alone can do.

It computes nothing and keeps nothing, so its figures are the ceiling of any server behind that client.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, cast

_REFERENCE = {"projectId": "bench", "jobId": "job_0", "location": "US"}
_FIELDS = [{"name": "a", "type": "INTEGER", "mode": "NULLABLE"}, {"name": "b", "type": "STRING", "mode": "NULLABLE"}]
_ROW = {"f": [{"v": "7"}, {"v": "7"}]}


def _job(kind: str) -> dict[str, Any]:
    inner: dict[str, Any] = {"destinationTable": {"projectId": "bench", "datasetId": "d", "tableId": "t"}}
    if kind == "query":
        inner = {"query": "SELECT 7", "useLegacySql": False}
    return {
        "kind": "bigquery#job", "etag": "x", "id": "bench:US.job_0", "jobReference": _REFERENCE,
        "configuration": {"jobType": kind.upper(), kind: inner}, "status": {"state": "DONE"},
        "statistics": {"creationTime": "1", "startTime": "1", "endTime": "2", kind: {"statementType": "SELECT"}},
        "user_email": "x",
    }  # fmt: skip


_PAGE = {"schema": {"fields": _FIELDS}, "totalRows": "1", "rows": [_ROW]}
_RESULTS = {
    "kind": "bigquery#getQueryResultsResponse", "jobReference": _REFERENCE, "jobComplete": True, "cacheHit": False,
    "totalBytesProcessed": "0", **_PAGE,
}  # fmt: skip
# By the beginning of a request, the first that fits. The client waits for a job with maxResults=0, which yields no
# rows, and then asks for the rows: three requests for one job.
_ANSWERS: dict[bytes, dict[str, Any]] = {
    b"POST /bigquery/v2/projects/bench/queries": _RESULTS | {"kind": "bigquery#queryResponse", "queryId": "job_0"},
    b"GET /bigquery/v2/projects/bench/queries/job_0?maxResults=0": {k: v for k, v in _RESULTS.items() if k != "rows"},
    b"GET /bigquery/v2/projects/bench/queries/": _RESULTS,
    b"POST /bigquery/v2/projects/bench/jobs": _job("query"),
    b"POST /upload/": _job("load"),
    b"POST /bigquery/v2/projects/bench/datasets/d/tables/s/insertAll": {"kind": "bigquery#tableDataInsertAllResponse"},
    b"GET /bigquery/v2/projects/bench/datasets/d/tables/q/data": {"kind": "bigquery#tableDataList", **_PAGE},
}


def _http(body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


_BYTES = {start: _http(body) for start, body in _ANSWERS.items()}


class _Canned(asyncio.Protocol):
    """One connection: reads a request's head and body, answers by how the request begins."""

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, blank, rest = self._buffer.partition(b"\r\n\r\n")
            if not blank:
                return
            length = next((int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            assert self._transport is not None
            self._transport.write(next(answer for start, answer in _BYTES.items() if head.startswith(start)))


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Canned, "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve())
