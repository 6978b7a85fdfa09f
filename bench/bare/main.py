"""A function that does nothing: what functions-framework and gunicorn take for a request on this machine."""

import flask
import functions_framework


@functions_framework.http
def bare(request: flask.Request) -> tuple[str, int, dict[str, str]]:
    """Read the body, answer."""
    return f'{{"bytes": {len(request.get_data())}}}', 202, {"Content-Type": "application/json"}
