"""Pydantic's findings in our words, without the values found."""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.errors import Fault


def faults_of(error: ValidationError, root: str, *, known: Iterable[str] = ()) -> list[Fault]:
    """One fault for each finding: `where` is `root.path`, `code` is pydantic's type, no input is echoed.

    An unknown field is answered with the nearest of the `known` ones.
    """
    faults = []
    for finding in error.errors(include_input=False, include_url=False):
        path = [str(part) for part in finding["loc"]]
        code = finding["type"]
        if code == "extra_forbidden":
            code, message = "unknown_field", f"unknown field; {nearest(path[-1], known)}"
        elif code == "missing":
            message = "is required"
        else:
            message = words(finding)
        faults.append(Fault(".".join([root, *path])[:200], code, message))
    return faults


def words(finding: ErrorDetails) -> str:
    """What would be right, for those who know nothing of pydantic.

    >>> from pydantic import TypeAdapter
    >>> try:
    ...     TypeAdapter(tuple[int, ...]).validate_python("x")
    ... except ValidationError as error:
    ...     words(error.errors()[0])
    'must be a list'
    """
    kind = finding["type"]
    context: dict[str, Any] = finding.get("ctx") or {}
    if kind == "value_error":
        return str(context["error"])
    if kind in _RIGHT:
        return _RIGHT[kind]
    if kind in _BOUNDS:
        bound = next(context[key] for key in _BOUND_KEYS if key in context)
        if bound == 1 and kind in ("string_too_short", "too_short"):
            return "must not be empty"
        return _BOUNDS[kind].format(bound)
    if kind == "literal_error":
        return f"must be one of {str(context['expected']).replace(' or ', ', ')}"
    if kind == "string_pattern_mismatch":
        return f"must match {context['pattern']}"
    return finding["msg"][0].lower() + finding["msg"][1:]


_RIGHT = {
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type"), "must be a list"),
    **dict.fromkeys(("string_type", "string_sub_type"), "must be text"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(
        ("model_type", "model_attributes_type", "dict_type", "mapping_type"), "must be an object of fields"
    ),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "must be a date such as 2025-11-15"),
}
_BOUNDS = {
    "string_too_short": "must have at least {} characters",
    "string_too_long": "must have at most {} characters",
    "too_short": "must have at least {} items",
    "too_long": "must have at most {} items",
    "greater_than": "must be greater than {}",
    "greater_than_equal": "must be at least {}",
    "less_than": "must be less than {}",
    "less_than_equal": "must be at most {}",
}
_BOUND_KEYS = ("min_length", "max_length", "gt", "ge", "lt", "le")


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
