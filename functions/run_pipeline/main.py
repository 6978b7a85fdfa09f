"""Runs pipelines: a push of the run topic comes in, a run happens, and 204 acknowledges it."""

import flask
import functions_framework

from functions import push
from shared.wiring.run_pipeline import handlers


@functions_framework.http
def run_pipeline(request: flask.Request) -> tuple[str, int]:
    """Run what the message asks for."""
    return push.answered(request, handlers)
