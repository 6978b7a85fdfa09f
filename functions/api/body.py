"""Read a request's JSON body strictly."""

import json
from typing import Any, TypeVar

import flask
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from shared.contracts.faults import faults_of
from shared.errors import Fault, RequestInvalid

# Source: rules 2.
MOST_BYTES = 64 * 1024
# curl -d sends the form type when it is told nothing; the body is read as JSON all the same.
MEDIA_TYPES = ("", "application/json", "application/x-www-form-urlencoded")
M = TypeVar("M", bound=BaseModel)


def read(request: flask.Request, model: type[M]) -> M:
    """The body as the model. Raises RequestInvalid that names every fault at once, or what gives 413 and 415."""
    if request.mimetype not in MEDIA_TYPES:
        raise UnsupportedMediaType("send JSON, with Content-Type: application/json")
    if (request.content_length or 0) > MOST_BYTES:
        raise RequestEntityTooLarge(f"a body has at most {MOST_BYTES} bytes")
    data = request.stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise RequestEntityTooLarge(f"a body has at most {MOST_BYTES} bytes")
    try:
        value = json.loads(data.decode() or "{}", object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError:
        raise _malformed("is nested too deeply") from None
    except UnicodeDecodeError:
        raise _malformed("is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError as error:
        raise _malformed(str(error)) from None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        names = [field.alias or name for name, field in model.model_fields.items()]
        faults = faults_of(error, "body", known=names)
        raise RequestInvalid(f"{faults[0].where}: {faults[0].message}", faults=faults) from None


def _malformed(what: str) -> RequestInvalid:
    return RequestInvalid(f"the body is not JSON: {what}", faults=[Fault("body", "malformed_json", what)])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {double[:100]!r} is there twice")
    return value


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")
