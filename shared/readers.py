"""Which deployed functions read a setting, and which of them cannot do without it: said beside each setting's type."""

from collections.abc import Mapping
from typing import Literal, get_args

# What is deployed, by privilege: `api` and `admin` are the function `api` with ROUTES=tenant and ROUTES=admin;
# `run_pipeline` is both lanes.
Function = Literal["api", "admin", "run_pipeline", "fan_out", "dead_letter"]
FUNCTIONS: tuple[Function, ...] = get_args(Function)

_BY_ROUTES: Mapping[str, frozenset[Function]] = {
    "admin": frozenset({"admin"}),
    "all": frozenset({"api", "admin"}),
}


class ReadBy:
    """These functions read the setting: `Annotated[str, ReadBy("api")]`."""

    def __init__(self, *functions: Function) -> None:
        self.functions = frozenset(functions)


class RequiredBy(ReadBy):
    """These functions read the setting and cannot do without it: they answer 500 until it is given."""


class LocalOnly(ReadBy):
    """These functions read the setting, which a developer's machine may give and no deployment does."""


class UndeclaredRead(RuntimeError):
    """A function reads a setting that does not name it as a reader: Terraform does not give it to the function."""


def functions_of(environment: Mapping[str, str]) -> frozenset[Function]:
    """The functions that a process with this environment serves; none for a command.

    functions-framework sets FUNCTION_TARGET before it loads the function's module, in the cloud as elsewhere.

    >>> sorted(functions_of({"FUNCTION_TARGET": "api", "ROUTES": "all"})), functions_of({})
    (['admin', 'api'], frozenset())
    """
    target = environment.get("FUNCTION_TARGET")
    if target == "api":
        return _BY_ROUTES.get(environment.get("ROUTES", ""), frozenset({"api"}))
    return frozenset(one for one in FUNCTIONS if one == target and one != "admin")
