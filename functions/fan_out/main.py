"""Makes one run message of a batch message for each tenant, and 204 acknowledges it once all are published."""

import flask
import functions_framework

from functions import push
from shared.wiring.fan_out import handlers


@functions_framework.http
def fan_out(request: flask.Request) -> tuple[str, int]:
    """Publish the runs of the batch."""
    return push.answered(request, handlers)
