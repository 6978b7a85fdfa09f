"""Pydantic's findings in our words, without the values found."""

import difflib
from collections.abc import Iterable

from pydantic import ValidationError

from shared.errors import Fault


def faults_of(error: ValidationError, root: str, *, known: Iterable[str] = ()) -> list[Fault]:
    """One fault for each finding: `where` is `root.path`, `code` is pydantic's type, no input is echoed.

    An unknown field is answered with the nearest of the `known` ones.
    """
    faults = []
    for finding in error.errors(include_input=False, include_url=False, include_context=False):
        path = [str(part) for part in finding["loc"]]
        message = finding["msg"].removeprefix("Value error, ")
        code = finding["type"]
        if code == "extra_forbidden":
            code, message = "unknown_field", unknown("field", path[-1], known)
        elif code == "missing":
            message = "is required"
        faults.append(Fault(".".join([root, *path]), code, message))
    return faults


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """What to say of a name that is not known: the nearest right ones, or all of them.

    >>> unknown("field", "dat", ["date", "trigger_by"])
    'unknown field; did you mean date?'
    >>> unknown("field", "zzz", ["date", "trigger_by"])
    'unknown field; known: date, trigger_by'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"unknown {kind}; did you mean {' or '.join(near)}?"
    return f"unknown {kind}; known: {', '.join(names)}" if names else f"unknown {kind}"
