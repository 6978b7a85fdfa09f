"""Read request bodies by the types of their fields, so that nothing of another type gets further.

The shapes are those of the REST reference (https://cloud.google.com/bigquery/docs/reference/rest/v2), less what is not
implemented: a field that is not named here is refused with 501 unless it is empty. JSON becomes values as protobuf's
JSON mapping has it (https://protobuf.dev/programming-guides/json): 64-bit numbers may be text, null is absence.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from emulators.bigquery.errors import ApiError, not_implemented

STRING, BOOL, INT64, INT32, UINT32, SCALAR, ANY = (
    "TYPE_STRING", "TYPE_BOOL", "TYPE_INT64", "TYPE_INT32", "TYPE_UINT32", "TYPE_SCALAR", "TYPE_ANY",
)  # fmt: skip
_BOUNDS = {INT64: (-(2**63), 2**63), INT32: (-(2**31), 2**31), UINT32: (0, 2**32)}
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True)
class Message:
    """An object with fields of its own; `ignored` are those the server sets, which a client may send back."""

    fields: dict[str, Shape]
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Many:
    """A list."""

    of: Shape


@dataclass(frozen=True)
class Map:
    """An object whose keys are the client's."""

    of: Shape


Shape = str | Message | Many | Map


def read(value: Any, shape: Shape, path: str) -> Any:
    """The value in canonical form (numbers of 64 bits as text); nulls stay, because a patch means them.

    Raises badRequest naming the path of what has another type, notImplemented for a field that is not in the shape.

    >>> read({"dryRun": "true", "jobTimeoutMs": 5}, Message({"dryRun": BOOL, "jobTimeoutMs": INT64}), "job")
    {'dryRun': True, 'jobTimeoutMs': '5'}
    """
    if value is None or shape is ANY:
        return value
    if isinstance(shape, str):
        return _scalar(value, shape, path)
    if isinstance(shape, Many):
        if not isinstance(value, list):
            raise _wrong(path, "TYPE_LIST", value)
        if None in value:
            raise _wrong(path, "TYPE_LIST", None)
        return [read(one, shape.of, f"{path}[{i}]") for i, one in enumerate(value)]
    if isinstance(value, list):
        raise _starts_list(path)
    if not isinstance(value, dict):
        raise _wrong(path, "TYPE_MESSAGE", value)
    if isinstance(shape, Map):
        return value if shape.of is ANY else {k: read(v, shape.of, f"{path}[{k}]") for k, v in value.items()}
    out: dict[str, Any] = {}
    for key, part in value.items():
        kind = shape.fields.get(key)
        if _PLAIN.get(type(part)) is kind is not None:  # most are, and no path need be written for them
            out[key] = part
        elif kind is not None:
            out[key] = read(part, kind, f"{path}.{key}")
        elif part not in _EMPTY and key not in shape.ignored:
            raise not_implemented(f"the field {key} of {path}")
    return out


_PLAIN: dict[type, str] = {str: STRING, bool: BOOL}
_EMPTY: tuple[Any, ...] = (None, False, 0, "", [], {})


def _scalar(value: Any, kind: str, path: str) -> Any:
    if isinstance(value, list):
        raise _starts_list(path)
    if isinstance(value, dict):
        name = path.rpartition(".")[2]
        raise _bad(f"Invalid value at '{_snake(path)}' ({_snake(name)}), Starting an object on a scalar field")
    if kind == SCALAR:
        return value
    if kind == STRING and isinstance(value, str):
        return value
    if kind == BOOL and (isinstance(value, bool) or value in ("true", "false")):
        return value in (True, "true")
    if kind in _BOUNDS and not isinstance(value, bool):
        number = _integer(value)
        low, high = _BOUNDS[kind]
        if number is not None and low <= number < high:
            return str(number) if kind == INT64 else number
    raise _wrong(path, kind, value)


def _integer(value: Any) -> int | None:
    if isinstance(value, str):
        return int(value) if _INTEGER.fullmatch(value) else None
    return int(value) if value == value // 1 else None


def _wrong(path: str, kind: str, value: Any) -> ApiError:
    return _bad(f"Invalid value at '{_snake(path)}' ({kind}), {json.dumps(value)[:200]}")


def _starts_list(path: str) -> ApiError:
    above, _, name = path.rpartition(".")
    return _bad(
        f"Invalid JSON payload received. Unknown name \"{name}\" at '{_snake(above)}': "
        "Proto field is not repeating, cannot start list."
    )


def _snake(path: str) -> str:
    return _CAPITAL.sub("_", path).lower().replace("._", ".")


def _bad(message: str) -> ApiError:
    return ApiError(400, "badRequest", message)


# -- what the messages share -------------------------------------------------------------------------------------------

_DATASET_REFERENCE = Message({"projectId": STRING, "datasetId": STRING})
_TABLE_REFERENCE = Message({"projectId": STRING, "datasetId": STRING, "tableId": STRING})
_LABELS = Map(STRING)
_TIME_PARTITIONING = Message({"type": STRING, "field": STRING, "expirationMs": INT64, "requirePartitionFilter": BOOL})
_RANGE_PARTITIONING = Message({"field": STRING, "range": Message({"start": INT64, "end": INT64, "interval": INT64})})
_CLUSTERING = Message({"fields": Many(STRING)})
_FIELD_PROPERTIES: dict[str, Shape] = {
    "name": STRING, "type": STRING, "mode": STRING, "description": STRING,
    # refused by name where schemas are checked
    "policyTags": ANY, "categories": ANY, "rangeElementType": ANY, "roundingMode": ANY, "collation": ANY,
    "defaultValueExpression": ANY, "maxLength": ANY, "precision": ANY, "scale": ANY,
}  # fmt: skip
_FIELD_PROPERTIES["fields"] = Many(Message(_FIELD_PROPERTIES))  # a RECORD's columns are columns
_SCHEMA = Message({"fields": Many(Message(_FIELD_PROPERTIES))}, frozenset({"foreignTypeInfo"}))

_PARAMETER_TYPE: dict[str, Shape] = {"type": STRING}
_PARAMETER_TYPE["arrayType"] = Message(_PARAMETER_TYPE)
_PARAMETER_TYPE["structTypes"] = Many(
    Message({"name": STRING, "type": Message(_PARAMETER_TYPE), "description": STRING})
)
_PARAMETER_VALUE: dict[str, Shape] = {"value": SCALAR}  # Google's client sends FLOAT64 as numbers
_PARAMETER_VALUE["arrayValues"] = Many(Message(_PARAMETER_VALUE))
_PARAMETER_VALUE["structValues"] = Map(Message(_PARAMETER_VALUE))
_PARAMETERS = Many(
    Message({"name": STRING, "parameterType": Message(_PARAMETER_TYPE), "parameterValue": Message(_PARAMETER_VALUE)})
)

# -- jobs --------------------------------------------------------------------------------------------------------------

_DESTINATION: dict[str, Shape] = {
    "destinationTable": _TABLE_REFERENCE, "createDisposition": STRING, "writeDisposition": STRING,
}  # fmt: skip
_NEW_TABLE: dict[str, Shape] = {
    "schemaUpdateOptions": Many(STRING), "timePartitioning": _TIME_PARTITIONING,
    "rangePartitioning": _RANGE_PARTITIONING, "clustering": _CLUSTERING,
}  # fmt: skip
_QUERY: dict[str, Shape] = {
    "query": STRING, "defaultDataset": _DATASET_REFERENCE, "useLegacySql": BOOL, "useQueryCache": BOOL,
    "maximumBytesBilled": INT64, "parameterMode": STRING, "queryParameters": _PARAMETERS,
    "preserveNulls": BOOL,  # deprecated and without effect
}  # fmt: skip
_QUERY_JOB = Message(
    _QUERY | _DESTINATION | _NEW_TABLE
    | {"priority": STRING, "allowLargeResults": BOOL, "flattenResults": BOOL}
)  # fmt: skip
_LOAD_JOB = Message(
    _DESTINATION | _NEW_TABLE
    | {
        "schema": _SCHEMA, "sourceUris": Many(STRING), "sourceFormat": STRING, "maxBadRecords": INT32,
        "encoding": STRING, "ignoreUnknownValues": BOOL, "autodetect": BOOL, "skipLeadingRows": INT64,
        "fieldDelimiter": STRING, "quote": STRING, "allowQuotedNewlines": BOOL, "allowJaggedRows": BOOL,
        "nullMarker": STRING, "nullMarkers": Many(STRING), "useAvroLogicalTypes": BOOL,
        "parquetOptions": Message({"enableListInference": BOOL, "enumAsString": BOOL}),
        "destinationTableProperties": Message({"description": STRING, "friendlyName": STRING, "labels": _LABELS}),
    }
)  # fmt: skip
_COPY_JOB = Message(
    _DESTINATION
    | {"sourceTable": _TABLE_REFERENCE, "sourceTables": Many(_TABLE_REFERENCE), "operationType": STRING}
)  # fmt: skip
JOB = Message(
    {
        "jobReference": Message({"projectId": STRING, "jobId": STRING, "location": STRING}),
        "configuration": Message(
            {
                "jobType": STRING, "query": _QUERY_JOB, "load": _LOAD_JOB, "copy": _COPY_JOB, "extract": ANY,
                "dryRun": BOOL, "jobTimeoutMs": INT64, "labels": _LABELS,
            }
        ),
    },
    frozenset({"kind", "etag", "id", "selfLink", "user_email", "statistics", "status", "principal_subject"}),
)  # fmt: skip
QUERY_REQUEST = Message(
    _QUERY
    | {
        "kind": STRING, "maxResults": UINT32, "timeoutMs": UINT32, "requestId": STRING, "location": STRING,
        "formatOptions": Message({"useInt64Timestamp": BOOL, "timestampOutputFormat": STRING}),
        "jobCreationMode": STRING, "queryResultsFormat": STRING, "labels": _LABELS, "jobTimeoutMs": INT64,
        "dryRun": BOOL,
    }
)  # fmt: skip

# -- resources ---------------------------------------------------------------------------------------------------------

_ROUTINE_REFERENCE = Message({"projectId": STRING, "datasetId": STRING, "routineId": STRING})
_ACCESS = Many(
    Message(
        {
            "role": STRING, "userByEmail": STRING, "groupByEmail": STRING, "domain": STRING, "specialGroup": STRING,
            "iamMember": STRING, "view": _TABLE_REFERENCE, "routine": _ROUTINE_REFERENCE,
            "dataset": Message({"dataset": _DATASET_REFERENCE, "targetTypes": Many(STRING)}),
        }
    )
)  # fmt: skip
DATASET = Message(
    {
        "datasetReference": _DATASET_REFERENCE, "location": STRING, "friendlyName": STRING, "description": STRING,
        "labels": _LABELS, "access": _ACCESS, "maxTimeTravelHours": INT64, "storageBillingModel": STRING,
    },
    frozenset({"kind", "etag", "id", "selfLink", "creationTime", "lastModifiedTime", "type", "satisfiesPzs",
               "satisfiesPzi", "tags", "restrictions"}),
)  # fmt: skip
TABLE = Message(
    {
        "tableReference": _TABLE_REFERENCE, "schema": _SCHEMA, "description": STRING, "friendlyName": STRING,
        "labels": _LABELS, "timePartitioning": _TIME_PARTITIONING, "rangePartitioning": _RANGE_PARTITIONING,
        "clustering": _CLUSTERING, "requirePartitionFilter": BOOL,
        "view": Message({"query": STRING, "useLegacySql": BOOL}),
    },
    frozenset({"kind", "etag", "id", "selfLink", "numBytes", "numRows", "numLongTermBytes", "creationTime",
               "lastModifiedTime", "type", "location", "streamingBuffer", "numActiveLogicalBytes",
               "numTotalLogicalBytes", "numLongTermLogicalBytes", "numPhysicalBytes", "numTimeTravelPhysicalBytes",
               "numTotalPhysicalBytes", "numActivePhysicalBytes", "numLongTermPhysicalBytes",
               "numCurrentPhysicalBytes", "numPartitions"}),
)  # fmt: skip
ROW = Message({"insertId": STRING, "json": Map(ANY)})  # read one by one, by whoever stores them
INSERT_ALL = Message(
    {
        "kind": STRING, "rows": Many(ANY),
        "skipInvalidRows": BOOL, "ignoreUnknownValues": BOOL, "templateSuffix": STRING,
        "traceId": STRING,
    }
)  # fmt: skip
