"""Say with which problems each call can answer, and what they mean."""

import inspect
from collections.abc import Mapping

from werkzeug.routing import Rule

from functions.api.calls import Call
from functions.api.problems import FAILURES, HTTP_CODES, INTERNAL_ERROR, PASSING_FAILURES, status_of
from shared.errors import ConvergenceError, RequestInvalid, WrongTenant

# Status → code → what it means.
Refusals = Mapping[int, Mapping[str, str]]


def refusals_of(rule: Rule, call: Call) -> Refusals:
    """Every problem that the call can answer; statuses and codes are sorted."""
    kinds: list[type[ConvergenceError]] = [*call.who.raises, *call.raises, *FAILURES, *PASSING_FAILURES]
    statuses = [400, 408, 414]
    if call.body or call.query:
        kinds.append(RequestInvalid)
    if call.body:
        statuses += [413, 415]
    if rule.arguments:
        statuses.append(404)
    found: dict[int, dict[str, str]] = {}
    for kind in kinds:
        if kind is WrongTenant and "tenant_id" not in rule.arguments:
            continue  # without a tenant in the URL every tenant's key is the right one
        found.setdefault(status_of(kind), {})[kind.code] = meaning(kind)
    for status in statuses:
        code, meant = HTTP_CODES[status]
        found.setdefault(status, {})[code] = meant
    code, meant = INTERNAL_ERROR
    found.setdefault(500, {})[code] = meant
    return {status: dict(sorted(codes.items())) for status, codes in sorted(found.items())}


def meaning(kind: type[ConvergenceError]) -> str:
    """What an error means: its docstring's first paragraph, on one line."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
