"""Whatever a test of the API does, its answers have to be those that the OpenAPI document describes."""

from functools import cache
from typing import Any

from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from functions.api.main import create_app
from functions.api.openapi import Json, document, path_of
from shared.wiring import instance

UNROUTED = {404: "route_not_found", 405: "method_not_allowed", 414: "url_too_long"}


@cache
def document_of(routes: str) -> Json:
    """The document of a deployment."""
    return document(create_app(routes))


def validate(value: Any, schema: Json) -> None:
    """Raise where the value is not what a schema of the document says."""
    whole = {**schema, "components": document_of("all")["components"]}
    OAS31Validator(whole, format_checker=OAS31Validator.FORMAT_CHECKER).validate(value)


def operation_of(method: str, path: str) -> Json | None:
    """What the document says of a request; None where it has no such path or method."""
    routes = instance().settings.routes
    urls = create_app(routes).url_map.bind("localhost")
    try:
        rule, _ = urls.match(path, method, return_rule=True)
    except HTTPException:
        return None
    asked = "GET" if method == "HEAD" else method
    operation: Json = document_of(routes)["paths"][path_of(rule)][asked.lower()]
    return operation


class ConformingClient(FlaskClient):
    """A test client that accepts no answer without its place in the document."""

    def open(self, *args: Any, **given: Any) -> TestResponse:
        response = super().open(*args, **given)
        conforms(response)
        return response


def conforms(response: TestResponse) -> None:
    """Raise unless status, media type, code, headers and fields of an answer are documented."""
    method, path = response.request.method, response.request.path
    operation = operation_of(method, path)
    said = f"{method} {path[:100]}: {response.status_code} {response.get_data(as_text=True)[:500]}"
    if operation is None:
        assert response.status_code in UNROUTED, said
        assert method == "HEAD" or response.get_json()["code"] == UNROUTED[response.status_code], said
        return
    assert str(response.status_code) in operation["responses"], f"the status is not documented: {said}"
    documented = operation["responses"][str(response.status_code)]
    by_tenant = "X-API-Key" in response.request.headers and "X-Admin-Key" not in response.request.headers
    if response.status_code in (429, 503) or by_tenant:
        assert documented.get("headers", {}).keys() <= {*response.headers.keys()}, said
    content = documented.get("content", {})
    if not content:
        assert response.data == b"", said
        return
    assert response.mimetype in content, f"the media type is not documented: {said}"
    if method != "HEAD" and response.is_json:
        validate(response.get_json(), content[response.mimetype]["schema"])
