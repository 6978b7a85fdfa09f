"""The HTTP API: one Flask app behind one HTTP function. `ROUTES` says which part of it this deployment serves."""

import io
from functools import cache

import flask
import functions_framework
from werkzeug.exceptions import HTTPException

from functions.api import body, customers, pipelines, problems
from functions.api.calls import ANYONE, Example, call
from shared.contracts.answers import Health
from shared.errors import ConvergenceError
from shared.logs import log_context
from shared.trace import trace_of
from shared.wiring import instance


@functions_framework.http
def api(request: flask.Request) -> flask.Response:
    """Hand the request to the app."""
    with log_context(trace=trace_of(request.headers.get("X-Cloud-Trace-Context"))):
        try:
            app = create_app(instance().settings.routes)
        except ConvergenceError as error:
            return problems.from_error(error)
        # functions-framework reads the body again after the answer (its after_request hook). Where a server does not
        # say that its input ends by itself, as gunicorn does and werkzeug's test client does not, an emptied stream
        # looks like a broken connection, and the answer becomes a 500: so the body is read here, once, for both.
        # One that says that it is too large is not read at all; `body.read` answers 413, after the key was checked.
        too_large = (request.content_length or 0) > body.MOST_BYTES
        data = io.BytesIO(b"" if too_large else request.get_data())
        with app.request_context({**request.environ, "wsgi.input": data}):
            return app.full_dispatch_request()


@cache
def create_app(routes: str) -> flask.Flask:
    """The app with the routes of `tenant`, `admin` or `all`."""
    app = flask.Flask("convergence")
    app.json.sort_keys = False  # type: ignore[attr-defined]  # fields are answered in the order that people read
    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/api/v1/healthz", "healthz_v1", view_func=healthz)
    if routes in ("tenant", "all"):
        app.register_blueprint(pipelines.tenant)
    if routes in ("admin", "all"):
        app.register_blueprint(customers.admin)
    app.after_request(say_what_is_left)
    app.register_error_handler(ConvergenceError, problems.from_error)
    app.register_error_handler(HTTPException, problems.from_http)
    app.register_error_handler(Exception, problems.from_bug)
    return app


def say_what_is_left(response: flask.Response) -> flask.Response:
    """Tell a tenant what its rate limit leaves it, where the call counted."""
    for name, value in flask.g.get("rate_limit", {}).items():
        response.headers.setdefault(name, value)
    return response


@call(who=ANYONE, answer=Health, example=Example(answer={"status": "ok"}))
def healthz() -> Health:
    """Ask whether the function is up.

    Nothing else is asked.
    """
    return Health()
