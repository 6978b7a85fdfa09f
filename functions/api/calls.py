"""Declare a call of the API beside its view: who may make it, what it takes, answers and refuses.

`openapi` writes the document from these declarations, and a view's answer is built from the model that it declared:

    @tenant.get("/status/<tenant_id>/<pipeline_logging_id>")
    @call(who=TENANT, answer=Run, raises=(RunNotFound,), example=Example(answer={…}))
    def run_status(tenant_id: str, pipeline_logging_id: str) -> Run:
        '''A run and its steps.'''

The first line of the docstring is the call's summary, the rest its description.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import flask
from pydantic import BaseModel

from shared.contracts.fields import BATCH_ID, RUN_ID
from shared.contracts.tenant import TENANT_ID
from shared.errors import ConvergenceError, KeyRejected, RateLimited, TenantSuspended, WrongTenant

_TEMPLATE_PART = r"^[a-z][a-z0-9_]{0,63}$"


@dataclass(frozen=True)
class Callers:
    """Who may make a call. `keys` are security schemes of the document, any one of which is enough; none: anyone.

    `raises` is what `access` refuses them with.
    """

    text: str
    keys: tuple[str, ...] = ()
    raises: tuple[type[ConvergenceError], ...] = ()


ANYONE = Callers("Anyone may ask; no key is looked at.")
TENANT = Callers(
    "The tenant, with its API key.", ("tenantKey",), (KeyRejected, WrongTenant, TenantSuspended, RateLimited)
)
ADMIN = Callers("The operator, with the admin key.", ("adminKey",), (KeyRejected, RateLimited))
TENANT_OR_ADMIN = Callers(
    "The tenant, with its API key, or the operator, with the admin key.", ("tenantKey", "adminKey"), TENANT.raises
)


@dataclass(frozen=True)
class Parameter:
    """A part of the path, or a request header: a text of this `pattern`. The example is one that is taken."""

    name: str
    description: str
    pattern: str
    example: str


IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "Makes the call safe to repeat: the same key, template and date are the same run. 1 to 255 printable ASCII"
    " characters without spaces.",
    r"^[\x21-\x7e]{1,255}$",
    "nightly-2025-11-15",
)

# What `<name>` in a path means wherever it stands; `call(path=…)` says what it means in one place only.
PATH = {
    one.name: one
    for one in (
        Parameter(
            "tenant_id", "The tenant: a word, one underscore, 4 to 12 letters or digits.", TENANT_ID, "acmeinc_23xv2"
        ),
        Parameter("provider", "First folder of the template below `configs/`.", _TEMPLATE_PART, "gcp"),
        Parameter("domain", "Second folder of the template.", _TEMPLATE_PART, "cost"),
        Parameter("template_name", "The template's file name without `.yml`.", _TEMPLATE_PART, "cost_billing"),
        Parameter(
            "pipeline_logging_id", "The run, as its acceptance named it.", RUN_ID, "5f0c8a5d9b7e4f1f8d0b6a3c2e1d4f5a"
        ),
        Parameter("batch_id", "The batch, as its acceptance named it.", BATCH_ID, "7c1e5a90d2b34f6c8e9fa1b2c3d4e5f6"),
    )
}


@dataclass(frozen=True)
class Example:
    """One request and its answer, as the document shows them; a test sends the one and validates the other."""

    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    answer: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Call:
    """The declaration. `answer` is a model, or a media type of what is no JSON of ours; None answers 204."""

    who: Callers
    answer: type[BaseModel] | str | None
    status: int
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    path: Mapping[str, Parameter]
    headers: tuple[Parameter, ...]
    raises: tuple[type[ConvergenceError], ...]
    example: Example


def call(
    *,
    who: Callers,
    answer: type[BaseModel] | str | None,
    status: int | None = None,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    path: Mapping[str, Parameter] | None = None,
    headers: tuple[Parameter, ...] = (),
    raises: tuple[type[ConvergenceError], ...] = (),
    example: Example | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., flask.Response]]:
    """Declare the view below. It returns an instance of `answer`, a Response where that is a media type, else None.

    `body` and `query` are the models that the view gives to `body.read` and `query.read`. `raises` are the refusals
    of this call alone: those of its callers, of reading its body and query, and of our own failures are added.
    """
    declared = Call(
        who,
        answer,
        status or (204 if answer is None else 200),
        body,
        query,
        path or {},
        headers,
        raises,
        example or Example(),
    )

    def declare(view: Callable[..., Any]) -> Callable[..., flask.Response]:
        @wraps(view)
        def answered(**given: Any) -> flask.Response:
            return _response(declared, view(**given))

        answered.declared = declared  # type: ignore[attr-defined]
        return answered

    return declare


def declaration(view: Callable[..., Any]) -> Call:
    """What `call` declared of a view. Raises TypeError for a view without: the document would lack it."""
    declared = getattr(view, "declared", None)
    if not isinstance(declared, Call):
        raise TypeError(f"{view.__module__}.{view.__qualname__} is a route without @call(…); declare it")
    return declared


def _response(declared: Call, made: Any) -> flask.Response:
    if isinstance(declared.answer, str):
        if isinstance(made, flask.Response) and made.mimetype == declared.answer:
            return made
    elif declared.answer is None:
        if made is None:
            return flask.Response(status=declared.status)
    elif isinstance(made, declared.answer):
        return flask.Response(made.model_dump_json() + "\n", declared.status, content_type="application/json")
    raise TypeError(f"{declared.answer} was declared, and the view returned a {type(made).__name__}")
