"""What anyone may ask: whether the function is up, and how to call it."""

import json
from functools import cache

import flask

from functions.api.calls import ANYONE, Example, call
from shared.contracts.http.answers import Health

anyone = flask.Blueprint("service", __name__)


@anyone.get("/healthz")
@call(who=ANYONE, answer=Health, example=Example(answer={"status": "ok"}))
def healthz() -> Health:
    """Ask whether the function is up.

    Nothing else is asked.
    """
    return Health()


@anyone.get("/api/v1/healthz")
@call(who=ANYONE, answer=Health, example=Example(answer={"status": "ok"}))
def healthz_v1() -> Health:
    """Ask the same, below /api/v1."""
    return Health()


@anyone.get("/openapi.json")
@call(who=ANYONE, answer="application/json")
def openapi() -> flask.Response:
    """Get this API's OpenAPI 3.1 document."""
    return flask.Response(_document(_app()), content_type="application/json")


@anyone.get("/docs")
@call(who=ANYONE, answer="text/html")
def docs() -> flask.Response:
    """Read this API's documentation.

    One page, without scripts and without anything from elsewhere.
    """
    from functions.api.docs_page import policy

    headers = {
        "Content-Security-Policy": policy(),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return flask.Response(_page(_app()), headers=headers, content_type="text/html; charset=utf-8")


def _app() -> flask.Flask:
    app: flask.Flask = flask.current_app._get_current_object()  # type: ignore[attr-defined]  # what the proxy stands for
    return app


# Written at the first request, not at a cold start; an app is one for each value of ROUTES.
@cache
def _document(app: flask.Flask) -> str:
    from functions.api.openapi import document

    return json.dumps(document(app), ensure_ascii=False)


@cache
def _page(app: flask.Flask) -> str:
    from functions.api.docs_page import page
    from functions.api.openapi import refusals_by_operation

    return page(json.loads(_document(app)), refusals_by_operation(app))
