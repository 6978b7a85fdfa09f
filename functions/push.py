"""Answer a push request: what every subscriber function does around its own work."""

from collections.abc import Callable
from contextlib import ExitStack

import flask

from shared.errors import SettingsInvalid, TransientError
from shared.logs import log, log_bug, log_context
from shared.trace import trace_name
from shared.wiring import Instance, instance
from shared.wiring.instance import Handlers


def answered(request: flask.Request, handlers: Callable[[Instance], Handlers]) -> tuple[str, int]:
    """204: done, or recorded as not to be done. 503: redeliver. 500: redeliver, and look at the log.

    `handlers` names the subscriptions that the function serves, and what handles a push of each.
    """
    header = request.headers.get("X-Cloud-Trace-Context")
    with ExitStack() as logged:
        try:
            services = instance()
            logged.enter_context(log_context(trace=trace_name(header, services.settings.gcp_project_id)))
            services.receiver(handlers).receive(request.get_data(cache=False))
        except TransientError as error:
            log("delivery_nacked", "WARNING", error_code=error.code)
            return error.code, 503
        except SettingsInvalid as error:
            log("settings_invalid", "CRITICAL", missing=[f"{fault.where}: {fault.message}" for fault in error.faults])
            return error.code, 500
        except Exception as error:  # noqa: BLE001 - the log names type and place, never the text, which may quote values
            log_bug("delivery_bug", error)
            return "internal_error", 500
    return "", 204
