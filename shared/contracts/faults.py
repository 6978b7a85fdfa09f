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
            code, message = "unknown_field", f"unknown field; {nearest(path[-1], known)}"
        elif code == "missing":
            message = "is required"
        elif code == "model_type":
            message = "is an object of fields"
        faults.append(Fault(".".join([root, *path])[:200], code, message))
    return faults


def nearest(name: str, known: Iterable[str]) -> str:
    """A phrase that names what was probably meant, or what there is.

    >>> nearest("cost_biling", ["cost_billing", "vm_usage"])
    "did you mean 'cost_billing'?"
    >>> nearest("zzz", ["b", "a"])
    'known: a, b'
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(repr(one) for one in close)}?"
    return f"known: {', '.join(names[:30])}" if names else "there is none"
