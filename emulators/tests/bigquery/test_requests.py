"""A careless or hostile client: whatever it sends, the answer is BigQuery's error or an honest 501, never a fault.

Pages: docs/reference/rest, docs/error-messages, docs/paging-results, docs/locations, quotas
(of https://cloud.google.com/bigquery); https://cloud.google.com/apis/docs/system-parameters.
"""

import concurrent.futures
import copy
import gzip
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from emulators.tests.bigquery.database import CALL, Database, connect

WRONG: list[Any] = [
    None, 5, -1, 1.5, "x", "", "true", [], {}, [1], [None], [{}], {"a": 1}, True, 10**30, "é" * 3000, [[1]],
]  # fmt: skip
RELATED = {"content-type": "multipart/related; boundary=x"}
FIELDS = [
    {"name": "a", "type": "INT64", "mode": "NULLABLE", "description": "x"},
    {"name": "d", "type": "DATE"},
    {"name": "r", "type": "RECORD", "mode": "REPEATED", "fields": [{"name": "k", "type": "STRING"}]},
]


def send(
    db: Database, method: str, path: str, content: bytes | None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    """A request of any bytes; status and JSON (None if the answer is empty)."""
    base = f"{db.url}/upload" if path.startswith("upload/") else db.url
    url = f"{base}/bigquery/v2/projects/{db.project}/{path.removeprefix('upload/')}"
    request = urllib.request.Request(url, method=method, data=content, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


def reason(answer: Any) -> str:
    return str(answer["error"]["errors"][0]["reason"])


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a JSON value something else can be put."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*at, key))


def replaced(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    out = copy.deepcopy(value)
    node = out
    for key in at[:-1]:
        node = node[key]
    node[at[-1]] = new
    return out


def bodies(db: Database) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """One good request of each kind, with every field that is served."""
    fresh = uuid.uuid4().hex
    table = {"projectId": db.project, "datasetId": db.dataset, "tableId": "t"}
    labels = {"k": "v"}
    day = {"type": "DAY", "field": "d"}
    query = {"query": "SELECT 1 AS a, DATE '2025-01-01' AS d", "useLegacySql": False}
    number = {"name": "p", "parameterType": {"type": "INT64"}, "parameterValue": {"value": "5"}}
    nested = {
        "name": "q",
        "parameterType": {
            "type": "ARRAY",
            "arrayType": {"type": "STRUCT", "structTypes": [{"name": "x", "type": {"type": "INT64"}}]},
        },
        "parameterValue": {"arrayValues": [{"structValues": {"x": {"value": "5"}}}]},
    }
    destination = {
        "destinationTable": table | {"tableId": fresh}, "createDisposition": "CREATE_IF_NEEDED",
        "writeDisposition": "WRITE_APPEND",
    }  # fmt: skip
    made = {"timePartitioning": day, "clustering": {"fields": ["a"]}, "schemaUpdateOptions": ["ALLOW_FIELD_ADDITION"]}
    return {
        "datasets.insert": ("POST", "datasets", {
            "datasetReference": {"projectId": db.project, "datasetId": f"x{fresh}"}, "location": "US",
            "labels": labels, "description": "x", "friendlyName": "y", "maxTimeTravelHours": "48",
            "access": [{"role": "READER", "userByEmail": "a@example.com"}], "storageBillingModel": "LOGICAL",
        }),
        "datasets.patch": ("PATCH", f"datasets/{db.dataset}", {
            "labels": labels, "description": "x", "access": [{"role": "READER", "specialGroup": "projectReaders"}],
        }),
        "tables.insert": ("POST", f"datasets/{db.dataset}/tables", {
            "tableReference": table | {"tableId": fresh}, "schema": {"fields": FIELDS}, "timePartitioning": day,
            "clustering": {"fields": ["a"]}, "labels": labels, "description": "x", "requirePartitionFilter": False,
        }),
        "tables.insert of ranges": ("POST", f"datasets/{db.dataset}/tables", {
            "tableReference": table | {"tableId": fresh}, "schema": {"fields": FIELDS},
            "rangePartitioning": {"field": "a", "range": {"start": "0", "end": "100", "interval": "10"}},
        }),
        "tables.insert of views": ("POST", f"datasets/{db.dataset}/tables", {
            "tableReference": table | {"tableId": fresh}, "view": {"query": "SELECT 1 AS a", "useLegacySql": False},
        }),
        "tables.patch": ("PATCH", f"datasets/{db.dataset}/tables/t", {
            "schema": {"fields": FIELDS}, "labels": labels, "description": "x", "clustering": {"fields": ["a"]},
        }),
        "tabledata.insertAll": ("POST", f"datasets/{db.dataset}/tables/t/insertAll", {
            "rows": [{"insertId": fresh, "json": {"a": 1, "d": "2025-01-01", "r": [{"k": "x"}]}}],
            "skipInvalidRows": False, "ignoreUnknownValues": False,
        }),
        "jobs.query": ("POST", "queries", query | {
            "query": "SELECT @p AS p, @q AS q", "queryParameters": [number, nested], "parameterMode": "NAMED",
            "maxResults": 5, "timeoutMs": 1000, "location": "US", "labels": labels, "maximumBytesBilled": "9",
            "defaultDataset": {"projectId": db.project, "datasetId": db.dataset}, "dryRun": False,
            "formatOptions": {"useInt64Timestamp": True}, "useQueryCache": True, "jobTimeoutMs": "9000",
        }),
        "query job": ("POST", "jobs", {
            "jobReference": {"projectId": db.project, "jobId": fresh, "location": "US"},
            "configuration": {"labels": labels, "jobTimeoutMs": "9000", "query": query | destination | made
                              | {"priority": "BATCH", "allowLargeResults": True}},
        }),
        "copy job": ("POST", "jobs", {"configuration": {"copy": destination | {"sourceTables": [table]}}}),
        "load job": ("POST", "upload/jobs?uploadType=multipart", {"configuration": {"load": destination | made | {
            "schema": {"fields": [{"name": "a", "type": "INT64"}, {"name": "d", "type": "DATE"}]},
            "sourceFormat": "CSV", "skipLeadingRows": 0, "maxBadRecords": 0, "fieldDelimiter": ",", "quote": '"',
            "nullMarker": "", "encoding": "UTF-8", "allowJaggedRows": False, "ignoreUnknownValues": False,
            "destinationTableProperties": {"description": "x", "labels": labels},
        }}}),
    }  # fmt: skip


KINDS = ["datasets.insert", "datasets.patch", "tables.insert", "tables.insert of ranges", "tables.insert of views",
         "tables.patch", "tabledata.insertAll", "jobs.query", "query job", "copy job", "load job"]  # fmt: skip


def ask(db: Database, method: str, path: str, body: Any) -> tuple[int, Any]:
    if not path.startswith("upload/"):
        return send(db, method, path, json.dumps(body).encode(), {"content-type": "application/json"})
    head = b"--edge\r\ncontent-type: application/json\r\n\r\n" + json.dumps(body).encode()
    content = head + b"\r\n--edge\r\ncontent-type: text/csv\r\n\r\n1,2025-01-01\n\r\n--edge--"
    return send(db, method, path, content, {"content-type": 'multipart/related; boundary="edge"'})


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_value_anywhere_is_never_a_fault(db: Database, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    db.table("t", "a INT64,d DATE")
    db.client.delete_table(f"{db.path}.t", **CALL)
    resource = {"tableReference": {"tableId": "t"}, "schema": {"fields": FIELDS}}
    assert db.call("POST", f"datasets/{db.dataset}/tables", resource)[0] == 200
    method, path, good = bodies(db)[kind]
    status, answer = ask(db, method, path, good)
    assert status == 200, answer
    for at in places(good):
        for wrong in WRONG:
            method, path, fresh = bodies(db)[kind]
            status, answer = ask(db, method, path, replaced(fresh, at, wrong))
            assert status in {200, 400, 403, 404, 409, 501}, (at, wrong, answer)
    assert "fault" not in caplog.text
    assert not [r for r in caplog.records if r.name == "emulators.bigquery"], caplog.text


@pytest.mark.parametrize(
    ("kind", "at", "value", "message"),
    [
        ("jobs.query", ("query",), 5, "Invalid value at 'query_request.query' (TYPE_STRING), 5"),
        ("jobs.query", ("useLegacySql",), "maybe", "Invalid value at 'query_request.use_legacy_sql' (TYPE_BOOL)"),
        ("jobs.query", ("maxResults",), -1, "Invalid value at 'query_request.max_results' (TYPE_UINT32), -1"),
        ("query job", ("configuration", "jobTimeoutMs"), "soon", "'job.configuration.job_timeout_ms' (TYPE_INT64)"),
        ("query job", ("configuration", "labels"), ["k"], "Unknown name \"labels\" at 'job.configuration'"),
        ("query job", ("configuration", "query"), [1], "Proto field is not repeating, cannot start list."),
        ("tables.insert", ("timePartitioning", "type"), ["DAY"], "Unknown name \"type\" at 'table.time_partitioning'"),
        ("tables.insert", ("description",), {}, "Starting an object on a scalar field"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_path(
    db: Database, kind: str, at: tuple[Any, ...], value: Any, message: str
) -> None:
    method, path, good = bodies(db)[kind]
    status, answer = ask(db, method, path, replaced(good, at, value))

    assert (status, reason(answer)) == (400, "badRequest")
    assert message in answer["error"]["message"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_is_not_served_is_refused_by_name_unless_it_is_empty(db: Database, kind: str) -> None:
    db.client.create_table(f"{db.path}.t", **CALL)
    method, path, good = bodies(db)[kind]
    status, answer = ask(db, method, path, good | {"shinyNewField": {"x": 1}})

    assert (status, reason(answer)) == (501, "notImplemented")
    assert "shinyNewField" in answer["error"]["message"]


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"5", b'"x"', b"\xff", b'{"a": NaN}', b'{"query": "\\ud800"}', b"[" * 100_000, b'{"a":' * 100_000],
)
@pytest.mark.parametrize("path", ["queries", "jobs", "datasets", "upload/jobs?uploadType=resumable"])
def test_a_body_that_is_no_json_object_is_a_parse_error(db: Database, path: str, content: bytes) -> None:
    status, answer = send(db, "POST", path, content, {"content-type": "application/json"})

    assert (status, reason(answer)) == (400, "parseError")


def test_a_body_may_be_packed(db: Database) -> None:
    content = json.dumps({"query": "SELECT 1 AS a", "useLegacySql": False}).encode()
    status, answer = send(db, "POST", "queries", gzip.compress(content), {"content-encoding": "gzip"})

    assert (status, answer["totalRows"]) == (200, "1")


@pytest.mark.parametrize(
    ("encoding", "content"),
    [("gzip", b"{}"), ("gzip", gzip.compress(b"{}", mtime=0)[:-6]), ("gzip", b""), ("br", b"{}"), ("deflate", b"{}")],
)
def test_a_body_that_is_packed_otherwise_is_refused(db: Database, encoding: str, content: bytes) -> None:
    status, answer = send(db, "POST", "queries", content, {"content-encoding": encoding})

    assert status == 400
    assert reason(answer) in {"badRequest", "invalid"}


def test_a_streaming_request_is_10_mb_at_most(db: Database) -> None:
    """Quotas page, "HTTP request size limit"."""
    db.table("t", "s STRING")
    status, answer = db.call(
        "POST", f"datasets/{db.dataset}/tables/t/insertAll", {"rows": [{"json": {"s": "x" * 10_500_000}}]}
    )

    assert (status, reason(answer)) == (400, "badRequest")
    assert answer["error"]["message"] == "Request payload size exceeds the limit: 10485760 bytes."


@pytest.mark.parametrize("bad", ["%00", "%2F", "..", "a%20b", "%C3%BC", "%FF", "%60", "%27--", "x" * 1100])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "datasets/{}", 400),
        ("DELETE", "datasets/{}", 400),
        ("GET", "datasets/{}/tables", 400),
        ("GET", "jobs/{}", 404),
        ("POST", "jobs/{}/cancel", 404),
        ("DELETE", "jobs/{}/delete", 404),
        ("GET", "queries/{}", 404),
    ],
)
def test_ids_that_cannot_be_are_refused(db: Database, method: str, path: str, status: int, bad: str) -> None:
    found, answer = send(db, method, path.format(bad), b"{}" if method == "POST" else None)

    assert (found, reason(answer)) == (status, "invalid" if status == 400 else "notFound")


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
@pytest.mark.parametrize(("bad", "status"), [("%00", 400), ("%60", 400), ("a.b", 400), ("never", 404), ("$", 400)])
def test_table_ids_that_cannot_be_are_refused(db: Database, method: str, bad: str, status: int) -> None:
    content = b"{}" if method == "PATCH" else None
    found, _ = send(db, method, f"datasets/{db.dataset}/tables/{bad}", content)

    assert found == status


@pytest.mark.parametrize("value", ["abc", "-1", "1.5", "9" * 30, "5&maxResults=6"])
@pytest.mark.parametrize(
    "path", ["jobs", "datasets", "datasets/{d}/tables", "datasets/{d}/tables/t/data", "queries/{j}"]
)
def test_max_results_must_be_a_number(db: Database, path: str, value: str) -> None:
    db.table("t", "a INT64")
    job = db.run("SELECT 1 AS a")
    status, answer = db.call("GET", f"{path.format(d=db.dataset, j=job.job_id)}?maxResults={value}")

    assert (status, reason(answer)) == (400, "invalid")
    assert "maxResults" in answer["error"]["message"]


@pytest.mark.parametrize("token", ["abc", "!!!", "%FF", "MTIz", "ZGF0YXNldHMKeA==x"])
@pytest.mark.parametrize(
    "path", ["jobs", "datasets", "datasets/{d}/tables", "datasets/{d}/tables/t/data", "queries/{j}"]
)
def test_a_page_token_of_somebody_else_is_refused(db: Database, path: str, token: str) -> None:
    db.table("t", "a INT64")
    job = db.run("SELECT 1 AS a")
    status, answer = db.call("GET", f"{path.format(d=db.dataset, j=job.job_id)}?pageToken={token}")

    assert (status, reason(answer)) == (400, "invalid")
    assert "Invalid page token" in answer["error"]["message"]


def test_a_page_token_of_another_table_is_refused(db: Database) -> None:
    for name in "tu":
        db.table(name, "a INT64", [{"a": 1}, {"a": 2}])
    token = db.call("GET", f"datasets/{db.dataset}/tables/t/data?maxResults=1")[1]["pageToken"]

    assert db.call("GET", f"datasets/{db.dataset}/tables/t/data?pageToken={token}")[1]["rows"] == [{"f": [{"v": "2"}]}]
    assert db.call("GET", f"datasets/{db.dataset}/tables/u/data?pageToken={token}")[0] == 400


@pytest.mark.parametrize("path", ["jobs", "datasets", "datasets/{d}/tables", "datasets/{d}/tables/t/data"])
def test_an_unknown_parameter_is_refused(db: Database, path: str) -> None:
    db.table("t", "a INT64")
    status, answer = db.call("GET", f"{path.format(d=db.dataset)}?maxresults=5")

    assert (status, reason(answer)) == (400, "badRequest")
    assert "Cannot bind query parameter. Field 'maxresults' could not be found" in answer["error"]["message"]


@pytest.mark.parametrize("where", ["nowhere", "US1", "eu west", "é"])
def test_a_location_that_is_none_is_refused(db: Database, where: str) -> None:
    body = {"query": "SELECT 1 AS a", "useLegacySql": False, "location": where}
    for status, answer in (
        db.call("POST", "queries", body),
        db.call("POST", "datasets", {"datasetReference": {"datasetId": "x_where"}, "location": where}),
    ):
        assert (status, reason(answer)) == (400, "invalid")
        assert f"Invalid value for location: {where}" in answer["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [("PUT", "queries"), ("PATCH", "jobs"), ("DELETE", "datasets")])
def test_a_method_that_is_not_there_is_refused(db: Database, method: str, path: str) -> None:
    status, answer = send(db, method, path, b"{}")

    assert (status, reason(answer)) == (501, "notImplemented")


@pytest.mark.parametrize(
    ("query", "headers", "content"),
    [
        ("", {}, b"{}"),
        ("?uploadType=media", {}, b"{}"),
        ("?uploadType=multipart", {}, b"{}"),
        ("?uploadType=multipart", RELATED, b"--x--"),
        ("?uploadType=multipart", RELATED, b"--x\r\n\r\nno\r\n--x\r\n\r\n--x--"),
        ("?uploadType=multipart", RELATED, b"--x\r\n\r\n[]\r\n--x\r\n\r\n--x--"),
    ],
)  # fmt: skip
def test_an_upload_that_is_none_is_refused(db: Database, query: str, headers: dict[str, str], content: bytes) -> None:
    status, answer = send(db, "POST", f"upload/jobs{query}", content, headers)

    assert (status, reason(answer)) == (400, "invalid")


def test_chunks_of_an_upload_must_follow_each_other(db: Database) -> None:
    """docs/reference/api-uploads#resumable: the server answers with what it has."""
    url = f"{db.url}/upload/bigquery/v2/projects/{db.project}/jobs?uploadType=resumable"
    load = {
        "destinationTable": {"projectId": db.project, "datasetId": db.dataset, "tableId": "t"},
        "schema": {"fields": [{"name": "a", "type": "INT64"}]}, "sourceFormat": "CSV",
    }  # fmt: skip
    begin = urllib.request.Request(url, json.dumps({"configuration": {"load": load}}).encode(), method="POST")
    with urllib.request.urlopen(begin, timeout=20) as answer:
        place = answer.headers["location"].partition("/projects/")[2].partition("/")[2]

    status, _ = send(db, "PUT", f"upload/{place}", b"9\n", {"content-range": "bytes 4-5/6"})
    assert status == 308
    assert send(db, "PUT", f"upload/{place}", b"1\n2\n", {"content-range": "bytes 0-3/6"})[0] == 308
    assert send(db, "PUT", f"upload/{place}", b"x", {"content-range": "nonsense"})[0] == 400
    assert send(db, "PUT", f"upload/{place}", b"3\n", {"content-range": "bytes 4-5/6"})[0] == 200
    assert db.rows("SELECT SUM(a) FROM {d}.t") == [(6,)]


def test_deletes_and_writes_at_once_leave_no_orphan(db: Database) -> None:
    """A dataset that is deleted with its contents while tables come and go is gone with all of them."""
    path = f"{db.path}_busy"

    def work(number: int) -> None:
        with connect(db.url, db.project) as client:
            for turn in range(12):
                try:
                    if number == 0:
                        client.create_dataset(path, exists_ok=True, **CALL)
                    elif number == 1:
                        client.delete_dataset(path, delete_contents=True, not_found_ok=True, **CALL)
                    else:
                        sql = f"CREATE OR REPLACE TABLE {path}.t{number} AS SELECT {turn} AS a"
                        client.query(sql, job_retry=None, **CALL).result(job_retry=None, timeout=20)
                except Exception as error:  # noqa: BLE001 - its status is what is asked for
                    assert getattr(error, "code", None) in {400, 404, 409, 412}, error  # noqa: PT017

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    db.client.delete_dataset(path, delete_contents=True, not_found_ok=True, **CALL)
    db.client.create_dataset(path, **CALL)
    assert list(db.client.list_tables(path, **CALL)) == []
    assert db.call("GET", f"datasets/{db.dataset}_busy/tables/t3")[0] == 404
