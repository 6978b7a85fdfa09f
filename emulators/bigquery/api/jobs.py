"""jobs.* and queries; source: https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs."""

from __future__ import annotations

import uuid
from typing import Any

from emulators.bigquery import rows_out, schemas
from emulators.bigquery.access.resources import Resource
from emulators.bigquery.api import messages, paging
from emulators.bigquery.api.http import Request, Response, in_thread
from emulators.bigquery.api.tabledata import int_timestamps
from emulators.bigquery.errors import from_proto, invalid, not_implemented
from emulators.bigquery.jobs.job import Job

# How long jobs.insert waits before it answers RUNNING: most jobs end sooner, which saves the client a request.
_INSERT_WAIT_S = 1.0
# Longest time a request waits for a job, whatever it asks for; jobs.getQueryResults page, timeoutMs.
_MAX_WAIT_S = 200.0
_DEFAULT_WAIT_MS = 10_000
# Rows of one page; pages are at most 20 MB, this is what we allow ourselves.
_PAGE_ROWS = 50_000
# Jobs of one page; this is what we allow ourselves.
_LISTED_JOBS = 1_000
_GET = "bigquery.jobs.get"
_STATES = {"DONE", "RUNNING", "PENDING"}


async def insert(request: Request) -> Response:
    """jobs.insert without media."""
    job = await request.service.submit(
        request.project, messages.read(request.json(), messages.JOB, "job"), None, _INSERT_WAIT_S, request.caller
    )
    return Response(job.resource())


async def query(request: Request) -> Response:
    """jobs.query: insert and wait in one request."""
    given = messages.read(request.json(), messages.QUERY_REQUEST, "query_request")
    if given.get("queryResultsFormat") not in {None, "", "STRUCT_ENCODING", "QUERY_RESULTS_FORMAT_UNSPECIFIED"}:
        raise not_implemented(f"queryResultsFormat {given['queryResultsFormat']}")
    options = given.get("formatOptions") or {}
    if options.get("timestampOutputFormat") not in {None, "", "TIMESTAMP_OUTPUT_FORMAT_UNSPECIFIED"}:
        raise not_implemented(f"timestampOutputFormat {options['timestampOutputFormat']}")
    service = request.service
    known = service.request(request.project, given.get("requestId"))
    if known is not None:
        job = _permitted(request, service.find(request.project, known, given.get("location")), _GET)
    else:
        job = await _submit_query(request, given)
    wait_ms = _wait_ms(given)
    if job.configuration.get("dryRun"):
        statistics = job.statistics["query"]
        return Response({
            "kind": "bigquery#queryResponse", "schema": statistics.get("schema", {"fields": []}), "jobComplete": True,
            "jobReference": {"projectId": job.project, "location": job.location}, "cacheHit": False, "totalRows": "0",
            "totalBytesProcessed": statistics["totalBytesProcessed"],
        })  # fmt: skip
    await service.wait(job, min(wait_ms / 1000, _MAX_WAIT_S))
    if job.refused is not None:
        raise job.refused
    body = await _results(request, job, 0, given.get("maxResults"), int_stamps=bool(options.get("useInt64Timestamp")))
    body["kind"] = "bigquery#queryResponse"
    body["queryId"] = job.id
    return Response(body)


async def _submit_query(request: Request, given: dict[str, Any]) -> Job:
    own = ("labels", "jobTimeoutMs", "dryRun")
    outer = {
        "kind",
        "maxResults",
        "timeoutMs",
        "requestId",
        "location",
        "formatOptions",
        "jobCreationMode",
        "queryResultsFormat",
        *own,
    }
    inner = {k: v for k, v in given.items() if k not in outer}
    configuration: dict[str, Any] = {"query": inner, **{k: given[k] for k in own if given.get(k)}}
    job_id = f"job_{uuid.uuid4().hex}"
    reference = {"projectId": request.project, "jobId": job_id}
    if given.get("location"):
        reference["location"] = given["location"]
    request.service.request(request.project, given.get("requestId"), job_id)
    body = {"configuration": configuration, "jobReference": reference}
    try:
        return await request.service.submit(
            request.project, body, None, min(_wait_ms(given) / 1000, 10.0), request.caller
        )
    except BaseException:
        request.service.forget_request(request.project, given.get("requestId"))  # it made no job that could be found
        raise


def _wait_ms(given: dict[str, Any]) -> int:
    wait_ms: int | None = given.get("timeoutMs")
    return _DEFAULT_WAIT_MS if wait_ms is None else wait_ms


async def results(request: Request) -> Response:
    """jobs.getQueryResults: waits, then a page of rows, or the job's error."""
    request.only("location", "maxResults", "startIndex", "pageToken", "timeoutMs", "formatOptions.useInt64Timestamp",
                 "formatOptions.timestampOutputFormat")  # fmt: skip
    job = _permitted(request, _found(request), _GET)
    if job.kind != "QUERY":
        raise invalid(f"Job {job.project}:{job.location}.{job.id} is not a query job")
    wait_ms = request.integer("timeoutMs", _DEFAULT_WAIT_MS)
    await request.service.wait(job, min(wait_ms / 1000, _MAX_WAIT_S))
    start = request.integer("startIndex", 0)
    if request.query.get("pageToken"):
        start = int(paging.read(f"results {job.id}", request.query["pageToken"]))
    limit = request.integer("maxResults", -1) if request.query.get("maxResults") is not None else None
    return Response(await _results(request, job, start, limit, int_stamps=int_timestamps(request.query)))


async def _results(request: Request, job: Job, start: int, limit: int | None, *, int_stamps: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"kind": "bigquery#getQueryResultsResponse", "etag": job.id, "jobReference": job.reference(),
                            "jobComplete": job.done}  # fmt: skip
    if not job.done:
        return body
    if job.error is not None:
        raise from_proto(job.error)
    statistics = job.statistics["query"]
    body |= {"cacheHit": False, "totalBytesProcessed": statistics["totalBytesProcessed"], "location": job.location,
             "creationTime": str(job.created_ms), "startTime": str(job.started_ms), "endTime": str(job.ended_ms),
             "totalBytesBilled": statistics.get("totalBytesBilled", "0"), "totalSlotMs": "0"}  # fmt: skip
    for name in ("numDmlAffectedRows", "dmlStats"):
        if name in statistics:
            body[name] = statistics[name]
    count = _PAGE_ROWS if limit is None else min(limit, _PAGE_ROWS)
    service = request.service
    many = 0 if job.result is not None else count
    found = await in_thread(many, lambda: service.pages.of_job(job, start, count))
    if found is None:
        body["schema"] = statistics.get("schema") or {"fields": []}
        body["totalRows"] = "0"
        return body
    columns, total, page = found
    body["schema"] = {"fields": schemas.fields_of(columns)}
    body["totalRows"] = str(total)
    if page.num_rows:
        kinds = [k for _, k in columns]
        body["rows"] = await in_thread(page.num_rows, lambda: rows_out.encode(page, kinds, int_timestamps=int_stamps))
    end = start + page.num_rows
    if end < total and count > 0:
        body["pageToken"] = paging.token(f"results {job.id}", end)
    return body


def _found(request: Request) -> Job:
    """The job that the path names; raises notFound."""
    return request.service.find(request.project, request.parts[1], request.query.get("location"))


def _permitted(request: Request, job: Job, permission: str) -> Job:
    """The job, which is the caller's own or needs a permission in its project; raises accessDenied."""
    request.caller.need_of_job(permission, job.project, job.label, job.creator)
    return job


async def get(request: Request) -> Response:
    """jobs.get."""
    service, location = request.service, request.query.get("location")
    job = _permitted(request, _found(request), _GET)
    if service.faults.hides(job.project, job.id):
        raise service.no_job(job.project, job.id, location)
    return Response(job.resource())


async def cancel(request: Request) -> Response:
    """jobs.cancel: answers at once, the job stops soon."""
    service = request.service
    job = _permitted(request, _found(request), "bigquery.jobs.update")
    service.cancel(job)
    await service.wait(job, 1.0)
    return Response({"kind": "bigquery#jobCancelResponse", "job": job.resource()})


async def delete(request: Request) -> Response:
    """jobs.delete: forgets the metadata of a job."""
    job = _found(request)
    request.caller.need("bigquery.jobs.delete", Resource(request.project))
    request.service.forget(job)
    return Response(None, 204)


async def list_(request: Request) -> Response:
    """jobs.list, newest first."""
    request.only("allUsers", "maxResults", "minCreationTime", "maxCreationTime", "pageToken", "projection",
                 "stateFilter", "parentJobId")  # fmt: skip
    limit = min(request.integer("maxResults", 50, low=1), _LISTED_JOBS)
    states = {s for s in request.query.get("stateFilter", "").upper().split(",") if s} or _STATES
    if not states <= _STATES:
        raise invalid(f"Invalid value for stateFilter: {request.query['stateFilter']} is not a valid value")
    projection = request.query.get("projection", "minimal").lower()
    if projection not in {"minimal", "full"}:
        raise invalid(f"Invalid value for projection: {request.query['projection']} is not a valid value")
    if request.query.get("parentJobId"):
        raise not_implemented("jobs.list by parentJobId")
    times = request.integer("minCreationTime", 0), request.integer("maxCreationTime", 2**62)
    before: tuple[int, str] | None = None
    if request.query.get("pageToken"):
        created, _, last_id = paging.read("jobs", request.query["pageToken"]).partition(" ")
        before = int(created), last_id
    everybodys = not request.caller.is_checked or request.query.get("allUsers", "").lower() == "true"
    creator = None if everybodys else request.caller.email
    found = request.service.history.page(request.project, states, before, limit + 1, times, creator)
    body: dict[str, Any] = {"kind": "bigquery#jobList", "etag": "list"}
    if len(found) > limit:
        last = found[limit - 1]
        place = f"{last['statistics']['creationTime']} {last['jobReference']['jobId']}"
        body["nextPageToken"] = paging.token("jobs", place)
    body["jobs"] = [_listed(r, full=projection == "full") for r in found[:limit]]
    return Response(body)


def _listed(job: dict[str, Any], *, full: bool) -> dict[str, Any]:
    kept = {k: job[k] for k in ("kind", "id", "jobReference", "statistics", "status", "user_email")}
    if full:  # jobs.list page, projection: minimal does not include the configuration
        kept["configuration"] = job["configuration"]
    kept["state"] = job["status"]["state"]
    if "errorResult" in job["status"]:
        kept["errorResult"] = job["status"]["errorResult"]
    return kept
