"""Everything put together: the one place that knows which class stands for which port, and who is given what.

`late` makes a thing when it is needed. `adapters` has the ports, `instance` the parts that are made of them, and
`run_pipeline`, `fan_out` and `dead_letter` have what handles the messages of the function of that name. The API takes
its parts from the instance itself.

Importing this package imports no vendor's client.
"""

import threading

from shared import settings as environment
from shared.wiring.instance import Instance

__all__ = ["Instance", "instance", "serve_with"]

_held: dict[str, Instance] = {}
_holding = threading.Lock()


def instance() -> Instance:
    """This process's instance, made at the first request, once also when several come first. Raises SettingsInvalid."""
    with _holding:
        if "instance" not in _held:
            _held["instance"] = Instance(environment.current())
        return _held["instance"]


def serve_with(made: Instance | None) -> None:
    """Let the functions use this instance: one made of fakes. With None the next request makes one of its own again."""
    with _holding:
        if made is None:
            _held.clear()
        else:
            _held["instance"] = made
