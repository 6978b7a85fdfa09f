"""datasets.*; source: https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets."""

from __future__ import annotations

from typing import Any

from local.bigquery.api import messages, paging
from local.bigquery.api.http import Request, Response
from local.bigquery.errors import ApiError, invalid
from local.bigquery.jobs.resolver import check_ids
from local.bigquery.service import check_labels
from local.bigquery.storage.catalog import DatasetRecord

_SETTABLE = {"friendlyName", "description", "labels", "access", "maxTimeTravelHours", "storageBillingModel"}
_DEFAULT_ACCESS = [
    {"role": "WRITER", "specialGroup": "projectWriters"},
    {"role": "OWNER", "specialGroup": "projectOwners"},
    {"role": "OWNER", "userByEmail": "anonymous@embedded.invalid"},
    {"role": "READER", "specialGroup": "projectReaders"},
]


def resource(record: DatasetRecord) -> dict[str, Any]:
    """The REST resource."""
    return {
        "kind": "bigquery#dataset",
        "etag": record.etag,
        "id": f"{record.project}:{record.dataset}",
        "selfLink": f"/bigquery/v2/projects/{record.project}/datasets/{record.dataset}",
        "datasetReference": {"projectId": record.project, "datasetId": record.dataset},
        "location": record.location,
        "creationTime": str(record.created_ms),
        "lastModifiedTime": str(record.modified_ms),
        "type": "DEFAULT",
        **record.body,
    }


def _body(given: dict[str, Any]) -> dict[str, Any]:
    check_labels(given.get("labels"))
    return {k: v for k, v in given.items() if k in _SETTABLE and v is not None}


def check_etag(request: Request, etag: str) -> None:
    """412 unless If-Match, where given, is the present etag."""
    wanted = request.headers.get("if-match")
    if wanted and wanted not in {etag, "*"}:
        raise ApiError(412, "conditionNotMet", "Precondition check failed.")


async def insert(request: Request) -> Response:
    """datasets.insert."""
    given = messages.read(request.json(), messages.DATASET, "dataset")
    reference = given.get("datasetReference") or {}
    project, dataset = reference.get("projectId") or request.project, reference.get("datasetId") or ""
    if not dataset:
        raise invalid("Required parameter is missing: datasetReference.datasetId")
    check_ids((project, dataset, "x"))
    body = _body(given)
    body.setdefault("access", [dict(a) for a in _DEFAULT_ACCESS])
    location = str(given.get("location") or "US")
    location = location.upper() if location.upper() in {"US", "EU"} else location.lower()
    return Response(resource(request.service.catalog.create_dataset(project, dataset, location, body)))


async def get(request: Request) -> Response:
    """datasets.get."""
    return Response(resource(request.service.catalog.dataset(request.project, request.parts[1])))


async def update(request: Request) -> Response:
    """datasets.patch and datasets.update; patch keeps what is not named, null removes."""
    catalog = request.service.catalog
    record = catalog.dataset(request.project, request.parts[1])
    check_etag(request, record.etag)
    given = messages.read(request.json(), messages.DATASET, "dataset")
    if given.get("location") and str(given["location"]).upper() != record.location.upper():
        raise invalid("Dataset location cannot be changed")
    body = _body(given)
    if request.method == "PATCH":
        body = merged(record.body, {k: v for k, v in given.items() if k in _SETTABLE})
    body.setdefault("access", [dict(a) for a in _DEFAULT_ACCESS])
    return Response(resource(catalog.update_dataset(record, body)))


def merged(old: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """JSON merge patch for one level, and for labels one deeper."""
    out = dict(old)
    for key, value in changes.items():
        if value is None:
            out.pop(key, None)
        elif key == "labels":
            labels = {**(old.get("labels") or {}), **value}
            out["labels"] = {k: v for k, v in labels.items() if v is not None}
        else:
            out[key] = value
    return out


async def delete(request: Request) -> Response:
    """datasets.delete."""
    contents = request.query.get("deleteContents", "").lower() == "true"
    request.service.catalog.delete_dataset(request.project, request.parts[1], contents=contents)
    return Response(None, 204)


async def list_(request: Request) -> Response:
    """datasets.list, with a filter over labels."""
    limit = request.integer("maxResults", 1000, low=1)
    wanted = _filter(request.query.get("filter", ""))
    after = paging.read(request.query.get("pageToken"))
    found: list[DatasetRecord] = []
    while len(found) <= limit:
        page = request.service.catalog.datasets(request.project, after, limit + 1 - len(found))
        if not page:
            break
        after = page[-1].dataset
        for record in page:
            labels = record.body.get("labels") or {}
            if all(labels.get(k) == v if v is not None else k in labels for k, v in wanted):
                found.append(record)
    body: dict[str, Any] = {"kind": "bigquery#datasetList", "etag": "list"}
    if len(found) > limit:
        body["nextPageToken"] = paging.token(found[limit - 1].dataset)
    body["datasets"] = [
        {
            "kind": "bigquery#dataset", "id": f"{r.project}:{r.dataset}", "location": r.location, "type": "DEFAULT",
            "datasetReference": {"projectId": r.project, "datasetId": r.dataset},
            **{k: r.body[k] for k in ("labels", "friendlyName") if r.body.get(k)},
        }
        for r in found[:limit]
    ]  # fmt: skip
    return Response(body)


def _filter(text: str) -> list[tuple[str, str | None]]:
    out: list[tuple[str, str | None]] = []
    for term in text.split():
        if not term.startswith("labels."):
            raise invalid(f"Invalid filter: '{term}'; filters are of the form labels.name[:value]")
        key, colon, value = term[7:].partition(":")
        out.append((key, value if colon else None))
    return out
