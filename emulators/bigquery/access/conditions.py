"""IAM conditions over the name and type of a resource, as Terraform writes them.

Source: https://cloud.google.com/iam/docs/conditions-attribute-reference (resource.name, resource.type, extract).
Terms are joined by `&&`; anything else of CEL is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from emulators.bigquery.access.resources import Resource

Condition = Callable[[Resource], bool]

_TEXT = r'"(?:[^"\\]|\\.)*"'
_TERM = re.compile(
    rf"\s*(?P<negated>!?)\s*resource\.(?P<attribute>name|type)"
    rf"(?:\.extract\(\s*(?P<template>{_TEXT})\s*\))?\s*"
    rf"(?:\.(?P<test>startsWith|endsWith)\(\s*(?P<affix>{_TEXT})\s*\)|(?P<operator>==|!=)\s*(?P<value>{_TEXT}))\s*"
)
_TEMPLATE = re.compile(r"([^{}]*)\{[A-Za-z_][A-Za-z0-9_]*\}([^{}]*)")


def parse(expression: str) -> Condition:
    """The condition of an expression; raises ValueError naming the term that is not understood.

    >>> holds = parse('resource.name.extract("/tables/{table}").startsWith("x_meta_")')
    >>> holds(Resource("p", "d", "x_meta_runs")), holds(Resource("p", "d", "cost")), holds(Resource("p", "d"))
    (True, False, False)
    """
    terms: list[Condition] = []
    at = 0
    while True:
        match = _TERM.match(expression, at)
        if match is None:
            raise ValueError(
                f"the condition has a term that is not understood: {expression[at:].strip()!r}; known: resource.name "
                "and resource.type with ==, !=, startsWith, endsWith, also of extract(…), joined by &&"
            )
        terms.append(_term(match))
        at = match.end()
        if at == len(expression):
            return lambda resource: all(holds(resource) for holds in terms)
        if not expression.startswith("&&", at):
            raise ValueError(f"the condition has something else than && after a term: {expression[at:]!r}")
        at += len("&&")


def _term(match: re.Match[str]) -> Condition:
    attribute, test = match["attribute"], match["test"]
    template = None if match["template"] is None else json.loads(match["template"])
    wanted: str = json.loads(match["affix"] or match["value"])
    negated = (match["negated"] == "!") != (match["operator"] == "!=")
    if template is not None and not _TEMPLATE.fullmatch(template):
        raise ValueError(f"the template {template!r} of extract must have one {{name}}")

    def holds(resource: Resource) -> bool:
        text = resource.name if attribute == "name" else resource.type
        if template is not None:
            text = _extracted(text, template)
        if test == "startsWith":
            found = text.startswith(wanted)
        elif test == "endsWith":
            found = text.endswith(wanted)
        else:
            found = text == wanted
        return found != negated

    return holds


def _extracted(text: str, template: str) -> str:
    """What stands between the template's two ends; '' where either is missing."""
    match = _TEMPLATE.fullmatch(template)
    assert match is not None
    _, found, rest = text.partition(match[1])
    if not match[1]:
        found, rest = "yes", text
    if not found:
        return ""
    if not match[2]:
        return rest
    value, closed, _ = rest.partition(match[2])
    return value if closed else ""
