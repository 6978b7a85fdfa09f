"""Write the OpenAPI 3.1 document of an app from what its views declared (`calls.call`)."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import flask
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from functions.api.calls import PATH, Call, Parameter, declaration
from functions.api.refusals import Refusals, refusals_of
from shared.contracts.http.answers import Problem

Json = dict[str, Any]

DESCRIPTION = """\
One YAML template, ten thousand tenants: run pipelines, ask how they went, manage tenants.

JSON in and out, at most 64 KiB in; `Content-Type: application/json`, or none. Unknown fields, unknown query parameters
and keys that are there twice are refused. Times are RFC 3339 in UTC.

What is refused is answered with a problem document (RFC 9457, `application/problem+json`), and changes nothing. Decide
by `code`: it is stable. `errors` names every single fault. Where it helps to call again, `Retry-After` says when.

What holds for every path: HEAD answers as GET does, without the body. Another method than those listed, also OPTIONS
and TRACE, is 405 `method_not_allowed` with `Allow`: CORS is not spoken, because keys do not belong into web pages. A
path that is not listed is 404 `route_not_found`.
"""
KEYS: Mapping[str, Json] = {
    "tenantKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A tenant's API key, as onboarding or rotation showed it once.",
    },
    "adminKey": {"type": "apiKey", "in": "header", "name": "X-Admin-Key", "description": "The operator's key."},
}
# What the calls of a blueprint are listed under.
TAGS = {"customers": "Tenants", "api_keys": "API keys"}
_SECONDS: Json = {"schema": {"type": "integer", "minimum": 0}}
_COUNT: Json = {"schema": {"type": "integer", "minimum": 0}}
HEADERS: Mapping[str, Json] = {
    "Retry-After": {"description": "Seconds after which to make the call again.", **_SECONDS},
    "RateLimit-Limit": {"description": "Calls that are taken in one window.", **_COUNT},
    "RateLimit-Remaining": {"description": "Calls that are left in it.", **_COUNT},
    "RateLimit-Reset": {"description": "Seconds until more are taken.", **_SECONDS},
    "RateLimit-Policy": {"description": "`{calls};w={seconds}`.", "schema": {"type": "string"}},
}
_RATE_LIMIT = tuple(name for name in HEADERS if name.startswith("RateLimit"))
_MEANT = {
    202: "Accepted: it will happen.",
    204: "Done; there is nothing to say.",
    400: "The request is wrong; `errors` names every fault, where it is one of HTTP.",
    401: "No valid key.",
    403: "The key is good, but not for this.",
    404: "There is no such thing.",
    408: "The request did not come to its end.",
    409: "It cannot be done as things stand.",
    413: "The body is too large.",
    414: "The URL is too long.",
    415: "The body is no JSON.",
    429: "Too many calls.",
    500: "Our mistake, or a template's.",
    502: "A step failed; the same call completes it.",
    503: "A service does not answer now; make the call again.",
}


def document(app: flask.Flask) -> Json:
    """The document of all of the app's routes. Raises TypeError for a route that declares nothing."""
    rules = _declared(app)
    schemas = _Schemas([call for _, call in rules])
    paths: dict[str, Json] = {}
    for rule, call in rules:
        operation = _operation(rule, call, app.view_functions[rule.endpoint], schemas)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path_of(rule), {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Convergence", "version": "1", "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"securitySchemes": dict(KEYS), "headers": dict(HEADERS), "schemas": schemas.definitions},
    }


def path_of(rule: Rule) -> str:
    """The rule's path as OpenAPI writes it: `/status/{tenant_id}`."""
    return re.sub(r"<(?:[^>:]+:)?([a-z_]+)>", r"{\1}", rule.rule)


def refusals_by_operation(app: flask.Flask) -> dict[str, Refusals]:
    """Which problems each operation of the document can answer, by operationId."""
    return {_operation_id(rule): refusals_of(rule, call) for rule, call in _declared(app)}


def _declared(app: flask.Flask) -> list[tuple[Rule, Call]]:
    return [(rule, declaration(app.view_functions[rule.endpoint])) for rule in app.url_map.iter_rules()]


def _operation_id(rule: Rule) -> str:
    endpoint: str = rule.endpoint
    return endpoint.replace(".", "_")


class _Schemas:
    """The JSON Schemas of all models that the calls name."""

    def __init__(self, calls: Sequence[Call]) -> None:
        named: dict[tuple[type[BaseModel], str], None] = {(Problem, "serialization"): None}
        for call in calls:
            if call.body:
                named[call.body, "validation"] = None
            if isinstance(call.answer, type):
                named[call.answer, "serialization"] = None
        self._references, found = models_json_schema(
            list(named),  # type: ignore[arg-type]  # the modes are literals, which a dict's key type does not say
            ref_template="#/components/schemas/{model}",
        )
        self.definitions: Json = {name: _tidied(schema) for name, schema in found.get("$defs", {}).items()}

    def body(self, model: type[BaseModel]) -> Json:
        """A reference to what is sent."""
        return dict(self._references[model, "validation"])

    def answer(self, model: type[BaseModel]) -> Json:
        """A reference to what is answered."""
        return dict(self._references[model, "serialization"])


def _query(model: type[BaseModel], example: Mapping[str, str]) -> Iterator[Json]:
    """A parameter for each of the model's fields; what is not given is left out, so that none of them is null."""
    schema = _tidied(model.model_json_schema())
    for name, field in schema["properties"].items():
        options = [option for option in field.pop("anyOf", ()) if option.get("type") != "null"]
        description = field.pop("description", "")
        parameter: Json = {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": description,
            "schema": {**field, **(options[0] if len(options) == 1 else {"anyOf": options} if options else {})},
        }
        yield parameter | ({"example": example[name]} if name in example else {})


def _tidied(schema: Any, *, of_fields: bool = False) -> Any:
    """Pydantic's schema as people read it: fields without titles or null as default, closed where the model is.

    >>> _tidied({"title": "A", "properties": {"title": {"title": "Title", "default": None, "type": "string"}}})
    {'title': 'A', 'properties': {'title': {'type': 'string'}}}
    """
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if of_fields:
        return {
            name: _tidied({**field, "title": None} if isinstance(field, dict) else field)
            for name, field in schema.items()
        }
    found = {
        key: _tidied(value, of_fields=key == "properties")
        for key, value in schema.items()
        if not (key in ("title", "default") and value is None)
    }
    # Keys that match no pattern are refused by pydantic; JSON Schema has to be told.
    return {**found, "additionalProperties": False} if "patternProperties" in found else found


def _operation(rule: Rule, call: Call, view: Any, schemas: _Schemas) -> Json:
    blueprint = rule.endpoint.partition(".")[0]
    summary, _, more = (inspect.getdoc(view) or "").partition("\n\n")
    paragraphs = [" ".join(part.split()) for part in more.split("\n\n") if part]
    path = [_parameter(call.path.get(name) or PATH[name], "path") for name in _names(rule)]
    headers = [_parameter(header, "header") for header in call.headers]
    query = list(_query(call.query, call.example.query)) if call.query else []
    operation: Json = {
        "operationId": _operation_id(rule),
        "tags": [TAGS.get(blueprint, blueprint.capitalize())],
        "summary": summary.strip().removesuffix("."),
        "description": "\n\n".join([*paragraphs, f"Who: {call.who.text}"]),
        "security": [{key: []} for key in call.who.keys],
        "parameters": [*path, *query, *headers],
    }
    if call.body:
        content: Json = {"schema": schemas.body(call.body)}
        if call.example.body is not None:
            content["example"] = dict(call.example.body)
        operation["requestBody"] = {"required": _needs_content(call.body), "content": {"application/json": content}}
    problems = {str(status): _refusal(status, codes) for status, codes in refusals_of(rule, call).items()}
    operation["responses"] = {str(call.status): _answer(call, schemas), **problems}
    return {key: value for key, value in operation.items() if value != [] or key == "security"}


def _needs_content(model: type[BaseModel]) -> bool:
    """Whether an empty body, which is read as `{}`, is refused."""
    try:
        model.model_validate({})
    except ValidationError:
        return True
    return False


def _names(rule: Rule) -> list[str]:
    return re.findall(r"<(?:[^>:]+:)?([a-z_]+)>", rule.rule)


def _parameter(given: Parameter, where: str) -> Json:
    return {
        "name": given.name,
        "in": where,
        "required": where == "path",
        "description": given.description,
        "schema": {"type": "string", "pattern": given.pattern},
        "example": given.example,
    }


def _answer(call: Call, schemas: _Schemas) -> Json:
    answer: Json = {"description": _MEANT.get(call.status, HTTPStatus(call.status).phrase)}
    if "tenantKey" in call.who.keys:
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in _RATE_LIMIT}
    if isinstance(call.answer, str):
        kind = "object" if call.answer == "application/json" else "string"
        answer["content"] = {call.answer: {"schema": {"type": kind}}}
    elif call.answer is not None:
        content: Json = {"schema": schemas.answer(call.answer)}
        if call.example.answer is not None:
            content["example"] = dict(call.example.answer)
        answer["content"] = {"application/json": content}
    return answer


def _refusal(status: int, codes: Mapping[str, str]) -> Json:
    listed = "\n".join(f"- `{code}`: {meant}" for code, meant in codes.items())
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": list(codes)}}}
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, narrowed]}
    answer: Json = {
        "description": f"{_MEANT.get(status, HTTPStatus(status).phrase)}\n\n{listed}",
        "content": {"application/problem+json": {"schema": schema}},
    }
    names = ("Retry-After", *_RATE_LIMIT) if status == 429 else ("Retry-After",) if status == 503 else ()
    if names:
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return answer
