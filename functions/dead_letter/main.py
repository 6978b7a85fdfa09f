"""Settles what Pub/Sub gave up delivering: a run goes on or is DEAD, and 204 acknowledges the dead letter."""

import flask
import functions_framework

from functions import push
from shared.wiring.dead_letter import handlers


@functions_framework.http
def dead_letter(request: flask.Request) -> tuple[str, int]:
    """Settle what the dead letter is about."""
    return push.answered(request, handlers)
