"""Media uploads of load jobs: multipart in one request, or resumable in several.

Source: https://cloud.google.com/bigquery/docs/reference/api-uploads
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from emulators.bigquery.api import messages
from emulators.bigquery.api.http import Request, Response
from emulators.bigquery.errors import ApiError, invalid, not_found

_WAIT_S = 0.5
# Uploads begun and not finished; the oldest is dropped.
_MAX_OPEN = 100
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass
class Upload:
    """A resumable upload in progress."""

    project: str
    body: dict[str, Any]
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0


async def start(request: Request) -> Response:
    """POST: a whole multipart upload, or the beginning of a resumable one."""
    kind = request.query.get("uploadType")
    if kind == "multipart":
        body, media = _multipart(request)
        body = messages.read(body, messages.JOB, "job")
        job = await request.service.submit(request.project, body, media, _WAIT_S, request.caller)
        return Response(job.resource())
    if kind == "resumable":
        uploads = request.service.uploads
        upload_id = uuid.uuid4().hex
        uploads[upload_id] = Upload(request.project, messages.read(request.json(), messages.JOB, "job"))
        while len(uploads) > _MAX_OPEN:
            uploads.pop(next(iter(uploads)))
        path = f"/upload/bigquery/v2/projects/{request.project}/jobs"
        location = f"{request.base_url}{path}?uploadType=resumable&upload_id={upload_id}"
        return Response(None, 200, {"location": location, "x-guploader-uploadid": upload_id})
    raise invalid(f"Invalid uploadType: {kind}; known: multipart, resumable")


async def resume(request: Request) -> Response:
    """PUT: a chunk of a resumable upload; the last one makes the job."""
    upload_id = request.query.get("upload_id", "")
    upload: Upload | None = request.service.uploads.get(upload_id)
    if upload is None or upload.project != request.project:
        raise not_found(f"Not found: upload {upload_id}")
    given = request.headers.get("content-range")
    total: int | None = len(request.body)
    if given is not None:
        match = _RANGE.fullmatch(given)
        if match is None:
            raise invalid(f"Invalid Content-Range: {given}")
        first, _, whole = match.groups()
        if first is not None and int(first) != upload.size:
            return _incomplete(upload)
        if first is None and request.body:
            raise invalid(f"Content-Range {given} does not fit the body")
        total = None if whole == "*" else int(whole)
    upload.pieces.append(request.body)
    upload.size += len(request.body)
    if total is None or upload.size < total:
        return _incomplete(upload)
    del request.service.uploads[upload_id]
    job = await request.service.submit(upload.project, upload.body, b"".join(upload.pieces), _WAIT_S, request.caller)
    return Response(job.resource())


def _incomplete(upload: Upload) -> Response:
    headers = {"range": f"bytes=0-{upload.size - 1}"} if upload.size else {}
    return Response(None, 308, headers)


def _multipart(request: Request) -> tuple[dict[str, Any], bytes]:
    kind = request.headers.get("content-type", "")
    match = re.search(r'boundary="?([^";]+)"?', kind)
    if match is None:
        raise _bad()
    boundary = b"--" + match[1].encode()
    sections = request.body.split(boundary)
    if len(sections) < 4:
        raise _bad()
    # media may hold the boundary's text only if the client broke the protocol
    first, media = _section(sections[1]), _section(boundary.join(sections[2:-1]))
    try:
        body = json.loads(first)
    except (ValueError, RecursionError):
        raise _bad() from None
    if not isinstance(body, dict):
        raise _bad()
    return body, media


def _section(raw: bytes) -> bytes:
    head, blank, content = raw.partition(b"\r\n\r\n")
    if not blank:
        head, blank, content = raw.partition(b"\n\n")
    if not blank:
        raise _bad()
    email.parser.BytesHeaderParser(policy=email.policy.HTTP).parsebytes(head.lstrip())
    return content.removesuffix(b"\r\n")


def _bad() -> ApiError:
    return invalid("The upload's body is not a multipart/related message of a job and its media")
