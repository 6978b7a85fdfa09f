"""datasets.*; source: https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets."""

from __future__ import annotations

import re
from typing import Any

from emulators.bigquery.access.resources import Resource
from emulators.bigquery.api import messages, paging
from emulators.bigquery.api.http import Request, Response
from emulators.bigquery.errors import ApiError, invalid, not_implemented
from emulators.bigquery.jobs.resolver import check_ids
from emulators.bigquery.labels import check_labels
from emulators.bigquery.locations import checked_location
from emulators.bigquery.storage.records import DatasetRecord

_SETTABLE = {"friendlyName", "description", "labels", "access", "maxTimeTravelHours", "storageBillingModel"}
# Datasets of one page, whatever is asked for; this is what we allow ourselves.
_LISTED = 10_000
_DEFAULT_ACCESS = [
    {"role": "WRITER", "specialGroup": "projectWriters"},
    {"role": "OWNER", "specialGroup": "projectOwners"},
    {"role": "READER", "specialGroup": "projectReaders"},
]


def default_access(creator: str) -> list[dict[str, Any]]:
    """The `access` of a dataset that was made without: its creator is an owner (datasets page)."""
    writers, owners, readers = (dict(entry) for entry in _DEFAULT_ACCESS)
    return [writers, owners, {"role": "OWNER", "userByEmail": creator}, readers]


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
    for entry in given.get("access") or []:
        if len({k for k, v in entry.items() if v} - {"role"}) != 1:
            raise invalid("Exactly one of the members of an access entry must be set, besides its role")
        role = entry.get("role") or ""
        if role and role not in {"READER", "WRITER", "OWNER"} and not role.startswith(("roles/", "projects/", "org")):
            raise invalid(f"Invalid value for role: {role} is not a valid value")
    # datasets page, maxTimeTravelHours: 48 to 168, in multiples of 24
    if given.get("maxTimeTravelHours") not in {None, *(str(h) for h in range(48, 169, 24))}:
        raise invalid(f"Invalid value for maxTimeTravelHours: {given['maxTimeTravelHours']}; known: 48, 72, 96 … 168")
    if given.get("storageBillingModel") not in {None, "", "LOGICAL", "PHYSICAL"}:
        raise invalid(f"Invalid value for storageBillingModel: {given['storageBillingModel']} is not a valid value")
    labels = {k: v for k, v in (given.get("labels") or {}).items() if v is not None}
    return {k: v for k, v in given.items() if k in _SETTABLE and v is not None} | ({"labels": labels} if labels else {})


def check_etag(request: Request, etag: str) -> None:
    """412 unless If-Match, where given, is the present etag."""
    wanted = request.headers.get("if-match")
    if wanted and wanted not in {etag, "*"}:
        raise ApiError(412, "conditionNotMet", "Precondition check failed.")


async def insert(request: Request) -> Response:
    """datasets.insert."""
    given = messages.read(request.json(), messages.DATASET, "dataset")
    reference = given.get("datasetReference") or {}
    project, dataset = request.project, reference.get("datasetId") or ""
    if reference.get("projectId") not in {None, "", project}:
        raise invalid(f"Value for projectId in datasetReference must match the URL: {project}")
    if not dataset:
        raise invalid("Required parameter is missing: datasetReference.datasetId")
    check_ids((project, dataset, "x"))
    body = _body(given)
    body.setdefault("access", default_access(request.caller.email))
    location = checked_location(given.get("location") or "US")
    return Response(resource(request.service.catalog.create_dataset(project, dataset, location, body)))


def record_of(request: Request) -> DatasetRecord:
    """The dataset that the path names; raises invalid for an id that none can have, notFound."""
    check_ids((request.project, request.parts[1], "x"))
    return request.service.catalog.dataset(request.project, request.parts[1])


async def get(request: Request) -> Response:
    """datasets.get, whole or without `access`: who may not see that asks for METADATA."""
    request.only("datasetView", "accessPolicyVersion")
    record = record_of(request)
    view = request.query.get("datasetView", "FULL")
    if view not in {"DATASET_VIEW_UNSPECIFIED", "FULL", "METADATA"}:
        raise not_implemented(f"datasetView={view}")
    return Response({k: v for k, v in resource(record).items() if view != "METADATA" or k != "access"})


async def update(request: Request) -> Response:
    """datasets.patch and datasets.update; patch keeps what is not named, null removes."""
    catalog = request.service.catalog
    record = record_of(request)
    check_etag(request, record.etag)
    request.only("updateMode", "accessPolicyVersion")
    given = messages.read(request.json(), messages.DATASET, "dataset")
    mode = request.query.get("updateMode", "UPDATE_FULL")
    if mode not in {"UPDATE_MODE_UNSPECIFIED", "UPDATE_FULL"} and (
        mode != "UPDATE_METADATA" or request.method != "PATCH" or "access" in given
    ):
        raise not_implemented(f"updateMode={mode} here: only PATCH without access, and UPDATE_METADATA")
    reference = given.get("datasetReference") or {}
    for name, wanted in (("projectId", record.project), ("datasetId", record.dataset)):
        if reference.get(name) not in {None, "", wanted}:
            raise invalid(f"Value for {name} in datasetReference must match the URL: {wanted}")
    if given.get("location") and str(given["location"]).upper() != record.location.upper():
        raise invalid("Dataset location cannot be changed")
    body = _body(given)
    if request.method == "PATCH":
        body = merged(record.body, {k: v for k, v in given.items() if k in _SETTABLE})
    body.setdefault("access", default_access(request.caller.email))
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
    check_etag(request, record_of(request).etag)
    contents = request.query.get("deleteContents", "").lower() == "true"
    request.service.catalog.delete_dataset(request.project, request.parts[1], contents=contents)
    return Response(None, 204)


async def list_(request: Request) -> Response:
    """datasets.list, with a filter over labels."""
    request.only("all", "filter", "maxResults", "pageToken")
    limit = min(request.integer("maxResults", 1000, low=1), _LISTED)
    wanted = _filter(request.query.get("filter", ""))
    after = paging.read("datasets", request.query.get("pageToken"))
    found: list[DatasetRecord] = []
    while len(found) <= limit:
        page = request.service.catalog.datasets(request.project, after, limit + 1 - len(found))
        if not page:
            break
        after = page[-1].dataset
        for record in page:
            labels = record.body.get("labels") or {}
            if not request.caller.sees("bigquery.datasets.get", Resource(record.project, record.dataset)):
                continue
            if all(labels.get(k) == v if v is not None else k in labels for k, v in wanted):
                found.append(record)
    body: dict[str, Any] = {"kind": "bigquery#datasetList", "etag": "list"}
    if len(found) > limit:
        body["nextPageToken"] = paging.token("datasets", found[limit - 1].dataset)
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
        if not re.fullmatch(r"labels\.[^.:]+(:[^:]*)?", term):
            raise invalid(f"Invalid filter: '{term}'; filters are of the form labels.name[:value]")
        key, colon, value = term[7:].partition(":")
        out.append((key, value if colon else None))
    return out
