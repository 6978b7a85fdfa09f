"""Pydantic's findings about a YAML file as faults: the line of each, and what would be right there."""

import difflib
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.contracts.faults import nearest, words
from shared.contracts.files import strict_yaml
from shared.contracts.files.template_body import STEP_ID
from shared.errors import Fault

Loc = tuple[str | int, ...]

# How the right thing is written in YAML.
_WRITTEN = {
    "a list": "a list, such as [a, b]",
    "text": 'text; put it between quotes: "5"',
    "an object of fields": "a mapping, with its keys on lines of their own below",
}


def explain(
    error: ValidationError,
    document: strict_yaml.Document,
    *,
    file: str,
    model: type[BaseModel],
    below: Loc = (),
    also: Iterable[str] = (),
) -> list[Fault]:
    """One fault for each value that is wrong, in the order of pydantic's findings.

    `model` is what was validated, `below` where the validated value is in the file. `also` are further keys that may
    stand beside the model's own: an unknown key is answered with the nearest of them all.
    """
    found: dict[tuple[strict_yaml.Path, str], list[str]] = {}
    details = error.errors(include_url=False, include_input=False)
    for detail in details:
        # pydantic counts only the items that are right: "too short" beside an item that is wrong is no second fault.
        if detail["type"] == "too_short" and any(one["loc"][:-1] for one in details if one["loc"][:1] == detail["loc"]):
            continue
        loc = tuple(part for part in detail["loc"] if part != "[key]")
        path = _existing(document, (*below, *loc))
        # What pydantic adds to say which type of a union it tried is no key of the file; a missing key is one to be.
        named = (*below, *loc) if detail["type"] == "missing" else path
        message = _say(detail, model, also, written=_value(document, path))
        if detail["type"] == "missing" and (key := _misspelt(str(loc[-1]), _value(document, path), model, loc, also)):
            path = named = (*path, key)
            message = _unknown(key, model, loc, also)
        found.setdefault((path, dotted(document, named)), []).append(message)
    return [
        Fault(f"{file}:{document.line_of(path)}", "template_invalid", ": ".join(filter(None, (named, _joined(all_)))))
        for (path, named), all_ in found.items()
    ]


def dotted(document: strict_yaml.Document, path: Loc) -> str:
    """A place as messages name it: a step by its step_id, where that is one step's, else by its number from 0.

    >>> document = strict_yaml.read("steps: [{step_id: extract}, {step_id: x}, {step_id: x}]", file="x.yml")
    >>> dotted(document, ("steps", 0, "source", "query")), dotted(document, ("steps", 1, "retry"))
    ('extract.source.query', 'steps.1.retry')
    """
    body: Any = document.value
    steps = body.get("steps") if isinstance(body, dict) else None
    if len(path) > 2 and path[0] == "steps" and isinstance(steps, list) and isinstance(path[1], int):
        ids = [step.get("step_id") if isinstance(step, dict) else None for step in steps]
        name = ids[path[1]]
        if isinstance(name, str) and re.fullmatch(STEP_ID, name) and ids.count(name) == 1:
            path = (name, *path[2:])
    return ".".join(map(str, path))


def _existing(document: strict_yaml.Document, path: Loc) -> Loc:
    while path and path not in document.lines:
        path = path[:-1]
    return path


def _say(detail: ErrorDetails, model: type[BaseModel], also: Iterable[str], written: object) -> str:
    kind, context, loc = detail["type"], detail.get("ctx") or {}, detail["loc"]
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return _unknown(str(loc[-1]), model, loc, also)
    message = words(detail)
    if kind == "literal_error":
        choices = [one.strip("'") for one in str(context["expected"]).replace(" or ", ", ").split(", ")]
        meant = nearest(written, choices) if isinstance(written, str) else ""
        return f"{message}; {meant}" if meant.startswith("did you mean") else message
    expected = message.removeprefix("must be ")
    return f"must be {_WRITTEN[expected]}" if expected in _WRITTEN else message


def _known(model: type[BaseModel], loc: Loc, also: Iterable[str]) -> list[str]:
    """The keys that may stand beside the last one of a finding's path."""
    owner = _owner(model, loc)
    return [*_keys(owner), *(also if len(loc) == 1 else ())] if owner else []


def _unknown(key: str, model: type[BaseModel], loc: Loc, also: Iterable[str]) -> str:
    return f"unknown key; {nearest(key, _known(model, loc, also))}"


def _misspelt(missing: str, beside: object, model: type[BaseModel], loc: Loc, also: Iterable[str]) -> str:
    """The key that is probably the missing one with a slip of the pen; empty where none is like it."""
    known = _known(model, loc, also)
    others = [key for key in beside if key not in known] if isinstance(beside, dict) else []
    return next(iter(difflib.get_close_matches(missing, others, n=1)), "")


def _joined(messages: list[str]) -> str:
    """The findings about one value as one sentence: a union reports once for each type it tried."""
    different = list(dict.fromkeys(messages))
    if len(different) > 1 and all(one.startswith("must be ") for one in different):
        return f"must be {' or '.join(one.removeprefix('must be ').partition(';')[0] for one in different)}"
    return "; ".join(different)


def _value(document: strict_yaml.Document, path: Loc) -> object:
    value: Any = document.value
    for part in path:
        value = value[part]
    return value


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _owner(model: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    """The model that the last key of a finding's path was compared with."""
    inside: list[Any] = [model]
    for part in loc[:-1]:
        inside = [one for each in inside for one in _members(each, part)] or inside
    return next((one for each in inside for one in _models(each)), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a value of this type can be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from _models(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _models(one)


def _members(annotation: Any, part: str | int) -> Iterator[Any]:
    """The types of what is inside a value at a key or index."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _members(arguments[0], part)
    elif origin in (Union, types.UnionType):
        for one in arguments:
            yield from _members(one, part)
    elif origin in (list, tuple) and isinstance(part, int):
        yield arguments[0]
    elif origin in (dict, Mapping):
        yield arguments[1]
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if part in (name, field.alias):
                yield field.annotation
