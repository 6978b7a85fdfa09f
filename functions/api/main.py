"""The HTTP API: one Flask app behind one HTTP function. `ROUTES` says which part of it this deployment serves."""

import io
from contextlib import ExitStack
from functools import cache

import flask
import functions_framework
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout, RequestURITooLarge
from werkzeug.routing import BaseConverter

from functions.api import (
    api_keys,
    batches,
    body,
    credentials,
    customers,
    framework,
    pipelines,
    problems,
    replays,
    service,
    templates,
)
from shared.errors import ConvergenceError
from shared.logs import log_context
from shared.trace import trace_name
from shared.wiring import Instance, instance

# Far beyond any call's path and query; what the usual servers take, too. functions-framework sets no limit.
MOST_URL_CHARACTERS = 8_192
# How long a part of a body may take to come. gunicorn itself would wait for ever, and keep a thread for it.
RECEIVE_TIMEOUT_S = 5.0


class TenantSegment(BaseConverter):
    """`<tenant:tenant_id>` beside `/onboard`: a part of the path that is not that word, so that GET there is a 405."""

    regex = r"(?!onboard\Z)[^/]+"


@functions_framework.http
def api(request: flask.Request) -> flask.Response:
    """Hand the request to the app."""
    header = request.headers.get("X-Cloud-Trace-Context")
    with ExitStack() as logged:
        try:
            services = instance()
            settings = services.settings
            logged.enter_context(log_context(trace=trace_name(header, settings.gcp_project_id)))
            if settings.routes != "tenant" and settings.deployment == "production":
                services.admin_key()  # a deployment whose admin key is weak serves nothing at all
            app = create_app(settings.routes)
        except ConvergenceError as error:
            return problems.from_error(error)
        try:
            given = _body(request)
        except OSError:
            return problems.from_http(RequestTimeout(f"no more of the body came within {RECEIVE_TIMEOUT_S:g} seconds"))
        except ParseException:
            return problems.from_http(BadRequest("the body's chunks are not those of HTTP"))
        except BadRequest as error:
            return problems.from_http(error)
        with app.request_context(
            {**request.environ, "wsgi.input": given, "wsgi.url_scheme": _scheme(request, services)}
        ):
            return app.full_dispatch_request()


def _scheme(request: flask.Request, services: Instance) -> str:
    """As the caller called, for the addresses in answers: a proxy in front ends TLS, and says so.

    gunicorn believes a proxy on another machine with FORWARDED_ALLOW_IPS=* alone, and then obeys whoever sends a header
    SCRIPT_NAME, too: it takes that off the path, or answers 500 with HTML.
    """
    is_https = services.settings.trusted_proxies and request.headers.get("X-Forwarded-Proto") == "https"
    return "https" if is_https else request.scheme


def _body(request: flask.Request) -> io.BytesIO:
    """The body, read once for both apps, and no more of it than says that it is too large.

    functions-framework reads the body to its end after the answer (its after_request hook), however long it is: it
    finds an empty one. `body.read` answers 413, after the key was checked. Raises OSError when the client stops,
    gunicorn's ParseException for chunks that are none, BadRequest for less than was announced: what came of it may be
    JSON all the same, and nothing at all is what a call without options sends.
    """
    stream, request.stream = request.stream, io.BytesIO()
    announced = request.content_length or 0
    if announced > body.MOST_BYTES:
        return io.BytesIO()
    if connection := request.environ.get("gunicorn.socket"):
        connection.settimeout(RECEIVE_TIMEOUT_S)
    came = stream.read(body.MOST_BYTES + 1)
    if len(came) < announced:
        raise BadRequest(f"the body is cut off: {len(came)} of {announced} bytes came")
    return io.BytesIO(came)


@cache
def create_app(routes: str) -> flask.Flask:
    """The app with the routes of `tenant`, `admin` or `all`."""
    app = flask.Flask("convergence", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # fields are answered in the order that people read
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # no CORS: browsers of other sites have no business here
    app.url_map.merge_slashes = False
    app.url_map.converters["tenant"] = TenantSegment
    if routes in ("tenant", "all"):
        app.register_blueprint(pipelines.tenant)
        app.register_blueprint(credentials.tenant)
    if routes in ("admin", "all"):
        app.register_blueprint(customers.admin)
        app.register_blueprint(batches.admin)
        app.register_blueprint(replays.admin)
    app.register_blueprint(api_keys.tenant_or_admin)
    app.register_blueprint(templates.tenant_or_admin)
    app.register_blueprint(service.anyone)
    app.before_request(refuse_long_urls)
    app.after_request(say_what_is_left)
    app.after_request(keep_nothing)
    app.register_error_handler(ConvergenceError, problems.from_error)
    app.register_error_handler(HTTPException, problems.from_http)
    app.register_error_handler(Exception, problems.from_bug)
    return app


def refuse_long_urls() -> None:
    """Refuse a URL that no call can have, before anything looks at it."""
    if len(flask.request.full_path) > MOST_URL_CHARACTERS:
        raise RequestURITooLarge(f"path and query have at most {MOST_URL_CHARACTERS} characters")


def say_what_is_left(response: flask.Response) -> flask.Response:
    """Tell a tenant what its rate limit leaves it, where the call counted."""
    for name, value in flask.g.get("rate_limit", {}).items():
        response.headers.setdefault(name, value)
    return response


def keep_nothing(response: flask.Response) -> flask.Response:
    """Let no cache on the way keep an answer of the API: it may show a key."""
    if flask.request.path.startswith("/api/"):
        response.headers["Cache-Control"] = "no-store"
    return response


if flask.has_app_context():
    framework.adopt(flask.current_app)
