"""The OpenAPI document: valid, whole, true; and the page that shows it."""

import ast
import inspect
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import flask
import pytest
from openapi_spec_validator import validate as validate_document
from pydantic import BaseModel
from werkzeug.test import Client, TestResponse

from functions.api.calls import PATH, Call, declaration
from functions.api.main import create_app
from functions.api.openapi import document, path_of, refusals_by_operation
from functions.api.problems import FAILURES, HTTP_CODES, INTERNAL_ERROR, PASSING_FAILURES
from functions.api.tenant_examples import KEY_ID
from shared import errors
from shared.batches.batch_status import BatchState, state_of
from shared.contracts.http.replays import ReplayRequest
from shared.contracts.tables import DatasetRef
from shared.errors import ConvergenceError, PermanentError, RateLimited, TransientError
from shared.recovery.replay import Replay
from shared.runs.run_history import Page
from shared.runs.run_log import RunLog
from shared.wiring import instance
from tests.builders import (
    CONTROL,
    DATA,
    KEY,
    OTHER_KEY,
    ROOT,
    TENANT,
    make_control,
    put_record,
    run,
    settings,
    tenant,
)
from tests.edges.conformance import document_of, validate
from tests.edges.conftest import ADMIN_KEY, serve
from tests.fakes import START, FakeServices

RUN_ID = PATH["pipeline_logging_id"]
APP = create_app("all")
WHOLE = document_of("all")
CALLS: dict[str, Call] = {
    rule.endpoint: declaration(APP.view_functions[rule.endpoint]) for rule in APP.url_map.iter_rules()
}
OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in WHOLE["paths"].items()
    for method, operation in methods.items()
}
# What happens to runs and messages only: in a run's `error_code`, never the code of a problem document.
OF_RUNS: set[type[ConvergenceError]] = {
    errors.BytesLimitExceeded, errors.DeliveryExhausted, errors.EmptyResult,
    errors.MessageRejected, errors.RetriesExhausted, errors.RowOutsidePartition, errors.RunDeadlineExceeded,
    errors.SchemaMismatch, errors.StillRunning,
}  # fmt: skip
KINDS: list[type[ConvergenceError]] = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, ConvergenceError) and kind not in (ConvergenceError, PermanentError, TransientError)
]


def name_of(endpoint: str) -> str:
    return endpoint.replace(".", "_")


each_call = pytest.mark.parametrize("endpoint", CALLS)


# ── whole ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("routes", ["tenant", "admin", "all"])
def test_the_document_of_every_deployment_is_valid(routes: str) -> None:
    validate_document(document_of(routes))


def test_every_route_and_method_is_in_the_document_and_nothing_else_is() -> None:
    routed = {
        (method, path_of(rule))
        for rule in APP.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(method, path) for method, path, _ in OPERATIONS.values()} == routed


def test_a_deployment_describes_its_own_routes_only() -> None:
    tenants, admins = (set(document_of(routes)["paths"]) for routes in ("tenant", "admin"))
    assert tenants | admins == set(WHOLE["paths"])
    assert "/api/v1/customers/onboard" not in tenants
    assert not any("/pipelines/run/" in path for path in admins)


def test_a_route_that_declares_nothing_is_an_error() -> None:
    app = flask.Flask("undeclared", static_folder=None)
    app.add_url_rule("/x", "x", lambda: "")
    with pytest.raises(TypeError, match="without @call"):
        document(app)


@each_call
def test_every_field_of_body_and_answer_is_there_and_described(endpoint: str) -> None:
    call = CALLS[endpoint]
    for model in (call.body, call.answer):
        if isinstance(model, type):
            for each in models_in(model):
                schema = WHOLE["components"]["schemas"][each.__name__]
                names = {field.alias or name for name, field in each.model_fields.items()}
                assert set(schema["properties"]) == names
                undescribed = [name for name, field in schema["properties"].items() if not said(field)]
                assert undescribed == [], each


def models_in(model: type[BaseModel]) -> set[type[BaseModel]]:
    found = {model}
    pending: list[Any] = [model]
    while pending:
        for field in pending.pop().model_fields.values():
            for part in flattened(field.annotation):
                if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
                    found.add(part)
                    pending.append(part)
    return found


def flattened(annotation: Any) -> list[Any]:
    return [annotation, *(part for inner in getattr(annotation, "__args__", ()) for part in flattened(inner))]


def said(field: dict[str, Any]) -> str:
    referred = WHOLE["components"]["schemas"].get(field.get("$ref", "").rpartition("/")[2], {})
    return str(field.get("description") or referred.get("description", ""))


@each_call
def test_every_parameter_is_there_and_described(endpoint: str) -> None:
    call, (_, path, operation) = CALLS[endpoint], OPERATIONS[name_of(endpoint)]
    given = {(one["in"], one["name"]) for one in operation.get("parameters", ())}
    expected = {("path", name) for name in re.findall(r"{(\w+)}", path)}
    expected |= {("header", one.name) for one in call.headers}
    if call.query:
        expected |= {("query", field.alias or name) for name, field in call.query.model_fields.items()}
    assert given == expected
    assert all(one["description"] for one in operation.get("parameters", ()))


@each_call
def test_an_example_of_a_parameter_is_one_that_is_taken(endpoint: str) -> None:
    for one in OPERATIONS[name_of(endpoint)][2].get("parameters", ()):
        if one["in"] != "query":
            assert re.search(one["schema"]["pattern"], one["example"])


@each_call
def test_a_call_says_what_it_does_and_who_may_make_it(endpoint: str) -> None:
    _, _, operation = OPERATIONS[name_of(endpoint)]
    assert operation["summary"]
    assert "Who: " in operation["description"]
    assert [*CALLS[endpoint].who.keys] == [name for one in operation["security"] for name in one]


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def codes_of(operation: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for status, answer in operation["responses"].items():
        if not status.startswith("2"):
            schema = answer["content"]["application/problem+json"]["schema"]
            found |= set(schema["allOf"][1]["properties"]["code"]["enum"])
    return found


def test_every_error_is_documented_or_happens_to_runs_only() -> None:
    documented = {code for _, _, operation in OPERATIONS.values() for code in codes_of(operation)}
    assert {kind.code for kind in KINDS if kind not in OF_RUNS} <= documented
    assert not documented & {kind.code for kind in OF_RUNS}


def test_every_documented_code_is_one_of_ours() -> None:
    known = {kind.code for kind in KINDS} | {code for code, _ in HTTP_CODES.values()} | {"internal_error"}
    assert {code for _, _, operation in OPERATIONS.values() for code in codes_of(operation)} <= known


def test_what_a_call_declares_is_raised_somewhere() -> None:
    made = set()
    for folder in ("shared", "functions"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name not in ("errors.py", "problems.py", "calls.py"):
                made |= set(names_called(ast.parse(path.read_text())))
    translated = {kind.__name__ for kind in (*FAILURES, *PASSING_FAILURES)}  # adapters name these in tables
    declared = {kind.__name__ for call in CALLS.values() for kind in (*call.raises, *call.who.raises)}
    assert declared - made - translated == set()


def names_called(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def url_of(endpoint: str) -> str:
    """The call's path with the examples of its parameters, among them the tenant of these tests."""
    _, path, operation = OPERATIONS[name_of(endpoint)]
    for one in operation.get("parameters", ()):
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(one["example"]))
    return path


def send(api: Client, endpoint: str, key: dict[str, str] | None = None, **given: Any) -> TestResponse:
    method, _, _ = OPERATIONS[name_of(endpoint)]
    example = CALLS[endpoint].example
    if example.body is not None and not given.keys() & {"data", "json"}:
        given["json"] = dict(example.body)
    if example.query:
        given.setdefault("query_string", dict(example.query))
    url = given.pop("url", url_of(endpoint))
    return api.open(url, method=method, headers=keys_of(endpoint) if key is None else key, **given)


def keys_of(endpoint: str) -> dict[str, str]:
    who = CALLS[endpoint].who.keys
    return {"X-API-Key": KEY} if "tenantKey" in who else {"X-Admin-Key": ADMIN_KEY} if who else {}


def code(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["code"]


with_key = [endpoint for endpoint, call in CALLS.items() if call.who.keys]
of_tenants = [endpoint for endpoint in with_key if "tenantKey" in CALLS[endpoint].who.keys]
with_body = [endpoint for endpoint, call in CALLS.items() if call.body]
with_query = [endpoint for endpoint, call in CALLS.items() if call.query]


@pytest.mark.parametrize("endpoint", with_key)
def test_a_call_for_some_is_refused_without_a_key(world: FakeServices, api: Client, endpoint: str) -> None:
    assert code(send(api, endpoint, {})) == (401, "key_rejected")


@pytest.mark.parametrize("endpoint", [one for one in of_tenants if "{tenant_id}" in OPERATIONS[name_of(one)][1]])
def test_a_tenants_call_is_refused_with_anothers_key(world: FakeServices, api: Client, endpoint: str) -> None:
    assert code(send(api, endpoint, {"X-API-Key": OTHER_KEY})) == (403, "wrong_tenant")


@pytest.mark.parametrize("endpoint", of_tenants)
def test_a_tenants_call_is_refused_while_it_is_suspended(world: FakeServices, api: Client, endpoint: str) -> None:
    put_record(world.warehouse, tenant(status="suspended"))
    assert code(send(api, endpoint)) == (403, "tenant_suspended")


@pytest.mark.parametrize("endpoint", with_body)
def test_a_body_is_refused_as_documented(world: FakeServices, api: Client, endpoint: str) -> None:
    said = [
        code(send(api, endpoint, data=b" " * 70_000, content_type="application/json")),
        code(send(api, endpoint, data=b"{}", content_type="text/xml")),
        code(send(api, endpoint, data=b"[]", content_type="application/json")),
    ]
    assert said == [(413, "body_too_large"), (415, "media_type_refused"), (400, "request_invalid")]


@pytest.mark.parametrize("endpoint", with_query)
def test_an_unknown_query_parameter_is_refused(world: FakeServices, api: Client, endpoint: str) -> None:
    assert code(send(api, endpoint, query_string={"surprise": "1"})) == (400, "request_invalid")


@each_call
def test_a_body_that_is_cut_off_is_refused(world: FakeServices, api: Client, endpoint: str) -> None:
    cut = {"CONTENT_LENGTH": "60000", "wsgi.input_terminated": True}  # as gunicorn hands it over
    assert code(send(api, endpoint, environ_overrides=cut)) == (400, "bad_request")


@each_call
def test_an_endless_url_is_refused(world: FakeServices, api: Client, endpoint: str) -> None:
    assert code(send(api, endpoint, query_string={"x": "x" * 10_000})) == (414, "url_too_long")


@pytest.mark.parametrize("endpoint", with_key)
def test_every_call_with_a_key_may_be_too_many(endpoint: str) -> None:
    assert RateLimited in CALLS[endpoint].who.raises


# ── what holds for every path ───────────────────────────────────────────────────────────────────────────────────────


@each_call
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND"])
def test_a_method_that_is_not_documented_is_405(world: FakeServices, api: Client, endpoint: str, method: str) -> None:
    response = api.open(url_of(endpoint), method=method)
    assert code(response) == (405, "method_not_allowed")
    assert OPERATIONS[name_of(endpoint)][0] in response.headers["Allow"]


@pytest.mark.parametrize("endpoint", [one for one in CALLS if OPERATIONS[name_of(one)][0] == "GET"])
def test_head_is_get_without_the_body(world: FakeServices, api: Client, endpoint: str) -> None:
    got, head = (api.open(url_of(endpoint), method=method, headers=keys_of(endpoint)) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content_type, head.data) == (got.status_code, got.content_type, b"")


@pytest.mark.parametrize("path", ["/a%0ab", "/robots.txt", "/favicon.ico", "/api/v1//healthz", "/healthz/"])
def test_what_is_nowhere_is_a_problem_document_too(world: FakeServices, api: Client, path: str) -> None:
    assert code(api.get(path)) == (404, "route_not_found")


# ── examples ────────────────────────────────────────────────────────────────────────────────────────────────────────


def prepare(world: FakeServices, endpoint: str) -> FakeServices:
    """See to it that what the example speaks of is there, and what it makes is not."""
    if endpoint == "customers.onboard_customer":
        world = FakeServices(settings())
        make_control(world.warehouse)
        serve(world)
        return world
    put_record(world.warehouse, tenant(admin_email="admin@acmeinc.com"))
    if endpoint == "api_keys.revoke_key":
        soon = (START + timedelta(hours=1)).isoformat()
        old = {"key_id": KEY_ID, "tenant_id": TENANT, "key_hash": "", "created_by": "", "expires_at": soon}
        keys = world.warehouse.tables[DatasetRef(DATA, TENANT).table("x_meta_api_keys")]
        keys.stored.append({**old, "created_at": START.isoformat()})
    if endpoint == "pipelines.run_status":
        log = RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)
        log.queued(run(pipeline_logging_id=RUN_ID.example), f"{TENANT}-gcp-cost-billing")
    if endpoint == "pipelines.runs":
        vars(instance())["run_history"] = OneRun()
    if endpoint in ("batches.show_batch", "batches.retry_batch"):
        vars(instance())["batch_status"] = OneBatch()
    if endpoint == "replays.replay":
        vars(instance())["replays"] = OneReplay()
    return world


class OneRun:
    """A history that the fakes' queries are too simple for: that of the example."""

    def page(self, tenant_id: str, **asked: Any) -> Page:
        shown = CALLS["pipelines.runs"].example.answer or {}
        return Page([{**shown["runs"][0], "tenant_id": tenant_id}], None)


class OneReplay:
    """The replay of the run that is asked for; the fakes' queries are too simple to find it."""

    def replay(self, asked: ReplayRequest) -> Replay:
        assert asked.run
        return Replay([run(run_attempt=2, previous_run=asked.run)], None)


class OneBatch:
    """A batch of which one run has failed; the fakes' queries are too simple to count."""

    def read(self, batch_id: str) -> BatchState:
        message = {"batch_id": batch_id, "provider": "gcp", "domain": "cost", "template_name": "cost_billing"}
        of_event = {"event": "PUBLISHED", "attempt": 1, "expected": 1, "published": 1}
        event = {**of_event, "event_time": START, "asked_at": START, "message": json.dumps(message)}
        group = {"run_attempt": 1, "status": "FAILED", "error_code": "query_failed", "runs": 1, "tenants": [TENANT]}
        return state_of([event], [{**group, "begun_at": START}], now=START, run_deadline=timedelta(hours=6))


@each_call
def test_the_example_is_taken_and_its_answer_has_the_fields_of_the_real_one(
    world: FakeServices, api: Client, endpoint: str
) -> None:
    call = CALLS[endpoint]
    prepare(world, endpoint)
    given: dict[str, Any] = {"query_string": {}} if call.query else {}
    response = send(api, endpoint, **given)
    assert response.status_code == call.status, response.text
    if isinstance(call.answer, type):
        assert call.example.answer is not None, f"{endpoint} has no example of its answer"
        assert list(call.example.answer) == list(response.get_json())


@each_call
def test_an_example_of_a_body_or_an_answer_is_what_its_schema_says(endpoint: str) -> None:
    _, _, operation = OPERATIONS[name_of(endpoint)]
    contents = [*operation.get("requestBody", {}).get("content", {}).values()]
    contents += [one for answer in operation["responses"].values() for one in answer.get("content", {}).values()]
    for content in contents:
        if "example" in content:
            validate(content["example"], content["schema"])


@pytest.mark.parametrize("endpoint", with_body)
def test_a_call_with_a_body_has_an_example_of_it(endpoint: str) -> None:
    assert CALLS[endpoint].example.body is not None


@pytest.mark.parametrize("endpoint", with_query)
def test_an_example_of_a_query_is_read(endpoint: str) -> None:
    call = CALLS[endpoint]
    assert call.query is not None
    call.query.model_validate(dict(call.example.query))


# ── the pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_document_is_served(world: FakeServices, api: Client) -> None:
    assert api.get("/openapi.json").get_json() == WHOLE
    assert world.calls() == {}


def test_the_page_shows_every_call_field_and_code(world: FakeServices, api: Client) -> None:
    page = api.get("/docs").text
    for name, (method, path, operation) in OPERATIONS.items():
        assert f'id="{name}"' in page
        assert f"<code>{path}</code>" in page
        assert f">{method}</b>" in page
        for one in codes_of(operation):
            assert f"<code>{one}</code>" in page
    for schema in WHOLE["components"]["schemas"].values():
        for field in schema["properties"]:
            assert re.search(rf"<code>(\w+(\[\])?\.)*{field}</code>", page), field


def test_the_page_needs_nothing_but_itself(world: FakeServices, api: Client) -> None:
    response = api.get("/docs")
    policy = response.headers["Content-Security-Policy"]
    style = response.text.partition("<style>")[2].partition("</style>")[0]
    assert "default-src 'none'" in policy
    assert b64encode(sha256(style.encode()).digest()).decode() in policy
    assert "<script" not in response.text
    assert re.findall(r"(?:src|href)=\"(?!#|openapi\.json)([^\"]*)", response.text) == []
    assert re.findall(r"url\(|@import|\son\w+=|style=\"", response.text) == []


def test_the_page_escapes_what_it_shows() -> None:
    from functions.api.docs_page import page

    hostile = {**WHOLE, "info": {**WHOLE["info"], "title": "<script>", "description": "`<b>` <i>"}}
    shown = page(hostile, refusals_by_operation(APP))
    assert "<script" not in shown
    assert "<code>&lt;b&gt;</code> &lt;i&gt;" in shown


def test_the_reference_lists_what_http_itself_refuses() -> None:
    codes = {(status, *said) for status, said in HTTP_CODES.items()} | {(500, *INTERNAL_ERROR)}
    rows = [f"| `{code}` | {status} | {meaning} |" for status, code, meaning in sorted(codes)]
    table = "\n".join(rows)
    assert table in (ROOT / "docs" / "reference.md").read_text(), f"docs/reference.md lacks:\n{table}"


def test_the_guide_to_the_api_lists_every_call() -> None:
    who = {"": "anyone", "tenantKey": "tenant", "adminKey": "admin", "tenantKey adminKey": "tenant or admin"}
    rows = [
        f"| `{method} {path}` | {who[' '.join(CALLS[endpoint].who.keys)]} | {operation['summary']} |"
        for endpoint in CALLS
        for method, path, operation in [OPERATIONS[name_of(endpoint)]]
    ]
    table = "\n".join(rows)
    assert table in (ROOT / "docs" / "api.md").read_text(), f"docs/api.md lacks:\n{table}"
