"""tables.*; source: https://cloud.google.com/bigquery/docs/reference/rest/v2/tables."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pyarrow as pa

from emulators.bigquery import partitions, schemas
from emulators.bigquery.access.resources import Resource
from emulators.bigquery.api import messages, paging
from emulators.bigquery.api.datasets import check_etag, merged, record_of
from emulators.bigquery.api.http import Request, Response
from emulators.bigquery.errors import invalid, not_implemented
from emulators.bigquery.jobs import anonymous, views
from emulators.bigquery.jobs.job import Job
from emulators.bigquery.jobs.resolver import check_ids
from emulators.bigquery.labels import check_labels
from emulators.bigquery.service import Service
from emulators.bigquery.sql.types import Type
from emulators.bigquery.storage import fragments
from emulators.bigquery.storage.contents import Change
from emulators.bigquery.storage.records import Key, TableRecord

# Tables of one page, whatever is asked for; this is what we allow ourselves.
_LISTED = 10_000
_SETTABLE = {"schema", "description", "friendlyName", "labels", "timePartitioning", "rangePartitioning", "clustering",
             "requirePartitionFilter", "view"}  # fmt: skip


def resource(service: Service, record: TableRecord) -> dict[str, Any]:
    """The REST resource."""
    catalog = service.catalog
    body = {k: v for k, v in record.body.items() if k != "schema"}
    found: dict[str, Any] = {
        "kind": "bigquery#table", "etag": record.etag, "id": record.path,
        "selfLink": f"/bigquery/v2/projects/{record.project}/datasets/{record.dataset}/tables/{record.name}",
        "tableReference": {"projectId": record.project, "datasetId": record.dataset, "tableId": record.name},
        "creationTime": str(record.created_ms), "lastModifiedTime": str(record.modified_ms),
        "location": catalog.dataset(record.project, record.dataset).location,
        "type": "VIEW" if record.is_view else "TABLE", **body,
    }  # fmt: skip
    if record.fields:
        found["schema"] = {"fields": record.fields}
    if not record.is_view:
        size = catalog.statistics(record.uid)
        found |= {
            "numRows": str(size["rows"]),
            "numBytes": str(size["bytes"]),
            "numLongTermBytes": "0",
            "numTotalLogicalBytes": str(size["bytes"]),
            "numActiveLogicalBytes": str(size["bytes"]),
            "numLongTermLogicalBytes": "0",
        }
        if size["streamed_rows"]:
            found["streamingBuffer"] = {
                "estimatedRows": str(size["streamed_rows"]), "estimatedBytes": str(size["streamed_bytes"]),
                "oldestEntryTime": str(size["oldest_ms"]),
            }  # fmt: skip
    return found


def _body(request: Request, project: str, dataset: str, given: dict[str, Any]) -> dict[str, Any]:
    check_labels(given.get("labels"))
    body = {k: v for k, v in given.items() if k in _SETTABLE and v not in (None, False)}
    if "timePartitioning" in body:
        # 0 and null are how an expiration is taken away
        body["timePartitioning"] = {k: v for k, v in body["timePartitioning"].items() if v not in (None, "", "0")}
    if "view" in body:
        view = body["view"]
        if not view.get("query"):
            raise invalid("Required parameter is missing: view.query")
        if view.get("useLegacySql") is not False:
            raise not_implemented("views in legacy SQL; set useLegacySql to false")
        catalog = request.service.catalog
        location = catalog.dataset(project, dataset).location
        body["schema"], read = views.schema(catalog, project, location, view["query"], caller=request.caller)
        for key in read:
            request.caller.need("bigquery.tables.getData", Resource(*key))
        body["view"] = {"query": view["query"], "useLegacySql": False}
    else:
        body["schema"] = schemas.checked(body.get("schema") or [])
    partitions.check(body, body["schema"])
    return body


async def insert(request: Request) -> Response:
    """tables.insert."""
    given = messages.read(request.json(), messages.TABLE, "table")
    reference = given.get("tableReference") or {}
    name = reference.get("tableId") or ""
    if not name:
        raise invalid("Required parameter is missing: tableReference.tableId")
    key = request.project, request.parts[1], name
    for part, index in (("projectId", 0), ("datasetId", 1)):
        if reference.get(part) not in {None, "", key[index]}:
            raise invalid(f"Value for {part} in tableReference must match the URL: {key[index]}")
    check_ids(key)
    if "$" in name:
        raise invalid(f'Invalid table ID "{name}": table decorators cannot be used')
    request.service.catalog.dataset(key[0], key[1])
    if given.get("view") is not None and given.get("schema"):
        raise invalid("Schema field shouldn't be used as input with a view")
    body = _body(request, request.project, request.parts[1], given)
    return Response(resource(request.service, request.service.catalog.create_table(key, body)))


def named(request: Request) -> Key:
    """The table that the path names, without its decorator; raises invalid for an id that none can have."""
    check_ids((request.project, request.parts[1], request.parts[3]))
    return request.project, request.parts[1], request.parts[3].partition("$")[0]


def own_anonymous(request: Request, key: Key) -> Job | None:
    """The job whose rows an anonymous table holds, which its creator alone may read; None for another table.

    Source: https://cloud.google.com/bigquery/docs/cached-results ("How cached results are stored").
    """
    job = anonymous.job_of(request.service.history, key)
    if job is not None and request.caller.is_checked and job.creator != request.caller.email:
        raise Resource(*key).denied("bigquery.tables.getData")
    return job


def key_of(request: Request) -> Key:
    """As `named`, for what cannot be done with the anonymous table of a query."""
    key = named(request)
    if anonymous.job_of(request.service.history, key) is not None:
        raise not_implemented("anything but reading with the anonymous table of a query")
    return key


def anonymous_rows(service: Service, job: Job, start: int, count: int) -> tuple[list[tuple[str, Type]], int, pa.Table]:
    """Columns, how many rows there are, and some of them, of a query's anonymous table; raises notFound after a day."""
    found = service.pages.of_job(job, start, count)
    assert found is not None  # only a query with rows has such a table
    return found


def partition_of(request: Request, record: TableRecord) -> str | None:
    """The partition that the path's decorator names; raises invalid for one that the table cannot have."""
    _, part = partitions.split_decorator(request.parts[3])
    if part is not None:
        partitions.check_decorator(part, partitions.of(record.body), record.path)
    return part


async def get(request: Request) -> Response:
    """tables.get."""
    key = named(request)
    job = own_anonymous(request, key)
    if job is not None:
        columns, total, rows = await asyncio.to_thread(lambda: anonymous_rows(request.service, job, 0, sys.maxsize))
        size = sum(fragments.leaf_bytes(rows, tuple(columns)).values())
        return Response(anonymous.resource(job, key, total, size))
    record = request.service.catalog.table(key)
    if partition_of(request, record) is not None:
        raise not_implemented("tables.get of one partition")
    return Response(resource(request.service, record))


async def update(request: Request) -> Response:
    """tables.patch, which keeps what is not named and removes what is null, and tables.update, which replaces."""
    catalog = request.service.catalog
    given = messages.read(request.json(), messages.TABLE, "table")
    changes = {k: v for k, v in given.items() if k in _SETTABLE}
    with catalog.database.alone():  # what is read here is what is replaced
        record = catalog.table(key_of(request))
        check_etag(request, record.etag)
        if request.method == "PATCH" and changes.get("timePartitioning"):
            changes["timePartitioning"] = (record.body.get("timePartitioning") or {}) | changes["timePartitioning"]
        body = merged(record.body, changes) if request.method == "PATCH" else dict(changes)
        if record.is_view:
            changed = _changed_view(request, record, body)
        else:
            changed = _changed_table(request, record, body, changes.get("schema"))
        return Response(resource(request.service, catalog.update_table(record, changed)))


def _changed_view(request: Request, record: TableRecord, body: dict[str, Any]) -> dict[str, Any]:
    """A view's query is read again only if it has changed: what it reads may be gone."""
    view = body.pop("view", None) or record.body["view"]
    body["schema"] = record.fields
    if view == record.body["view"]:
        return _body(request, request.project, request.parts[1], body) | {"view": view}
    return _body(request, request.project, request.parts[1], body | {"view": view})


def _changed_table(request: Request, record: TableRecord, body: dict[str, Any], schema: Any) -> dict[str, Any]:
    if body.get("view") is not None:
        raise invalid(f"Cannot change the table {record.path} into a view")
    body["schema"] = record.fields if schema is None else _evolved(record, schemas.checked(schema))
    for name in ("timePartitioning", "rangePartitioning"):
        old, now = record.body.get(name), body.get(name)
        if now is None:
            body[name] = old
        elif partitions.of({name: now}) != partitions.of({name: old}):
            raise invalid(f"Cannot change partitioning spec for a table. ({record.path})")
    return _body(request, request.project, request.parts[1], body)


def _evolved(record: TableRecord, new: schemas.Fields) -> schemas.Fields:
    """A schema may gain NULLABLE fields and lose REQUIRED; every old field must still be named."""
    _nothing_missing(record.fields, new, record.path, "")
    return schemas.widened(record.fields, new, addition=True, relaxation=True)


def _nothing_missing(old: schemas.Fields, new: schemas.Fields, path: str, prefix: str) -> None:
    named = {f["name"].lower(): f for f in new}
    for field in old:
        if field["name"].lower() not in named:
            raise invalid(
                f"Provided Schema does not match Table {path}. Field {prefix}{field['name']} is missing in new schema"
            )
        if field["type"] == "RECORD":
            _nothing_missing(
                field["fields"], named[field["name"].lower()].get("fields") or [], path, f"{prefix}{field['name']}."
            )


async def delete(request: Request) -> Response:
    """tables.delete; `table$partition` deletes a partition."""
    catalog = request.service.catalog
    record = catalog.table(key_of(request))
    part = partition_of(request, record)
    if part is None:
        catalog.delete_table(record.key)
    elif catalog.has_young_streamed_rows(record.uid):
        raise not_implemented("deleting a partition of a table with rows in the streaming buffer")
    else:
        catalog.change(Change(record.uid, replace=part))
    return Response(None, 204)


async def list_(request: Request) -> Response:
    """tables.list."""
    catalog = request.service.catalog
    project, dataset = request.project, request.parts[1]
    record_of(request)
    request.only("maxResults", "pageToken")
    limit = min(request.integer("maxResults", 50, low=1), _LISTED)
    after = paging.read(f"tables {dataset}", request.query.get("pageToken"))
    found = catalog.tables(project, dataset, after, limit + 1)
    body: dict[str, Any] = {"kind": "bigquery#tableList", "etag": "list"}
    if len(found) > limit:
        body["nextPageToken"] = paging.token(f"tables {dataset}", found[limit - 1].name)
    body["tables"] = [_listed(r) for r in found[:limit]]
    body["totalItems"] = len(catalog.table_names(project, dataset))
    return Response(body)


def _listed(record: TableRecord) -> dict[str, Any]:
    keep = ("labels", "friendlyName", "timePartitioning", "rangePartitioning", "clustering", "requirePartitionFilter")
    return {
        "kind": "bigquery#table", "id": record.path, "type": "VIEW" if record.is_view else "TABLE",
        "tableReference": {"projectId": record.project, "datasetId": record.dataset, "tableId": record.name},
        "creationTime": str(record.created_ms), **{k: record.body[k] for k in keep if record.body.get(k)},
        **({"view": {"useLegacySql": False}} if record.is_view else {}),
    }  # fmt: skip
