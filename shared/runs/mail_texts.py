"""Keep what a request says from putting long texts and links into a mail."""

import re
from collections.abc import Set

from shared.contracts.files.pipeline_template import Step
from shared.contracts.files.template_body import FAILURE_BUILT_IN
from shared.errors import Fault, VariablesInvalid
from shared.templating.placeholders import Name, names, split, texts
from shared.templating.variables import Variables

# What a mail program would show as a link; an encoded word (RFC 2047) is shown as what it hides.
_URL = re.compile(
    r"[a-z][a-z0-9+.-]*:\S|//|\bwww\.|=\?[^?\s]+\?[bq]\?"
    # A name or address with a path; some take an ideographic full stop for a dot.
    r"|[.\u3002\uff0e\uff61](?:[^\W\d_]{2,}|xn--[\w-]+)[/?#]|\b\d{1,3}(?:\.\d{1,3}){3}[/?#:]",
    re.IGNORECASE,
)
# What a request says stands as NUL here, which no value holds: it would choose the host of the template's own link.
_HOST = re.compile(r"(?://|\bwww\.)[^\s/?#]*\0", re.IGNORECASE)


def check_request_texts(step: Step, variables: Variables, limit: int | None) -> None:
    """Refuse long texts and URLs of the request's in the step's fields, also those that come by other variables.

    `limit` is the engine's `request_text_limit`, in characters; with None everything passes. Raises VariablesInvalid.
    """
    asked = variables.requested & set(variables) - set(FAILURE_BUILT_IN)
    if limit is None or not asked:
        return
    written = [text for _, text in texts(dict(step.fields))]
    faults = [
        Fault(f"body.{name}", "variable_invalid", f"{name!r} goes into a mail: at most {limit} characters, no URL")
        for name in sorted({part.name for text in written for part in names(text)} & asked)
        if len(variables.text(name)) > limit or _URL.search(variables.text(name))
    ]
    for text in written if not faults else ():
        linked = sorted({part.name for part in names(text)} & asked)
        if linked and _makes_link(text, variables, asked):
            message = f"{', '.join(map(repr, linked))}: would make a link of the mail's text, or choose where one leads"
            faults.append(Fault(f"body.{linked[0]}", "variable_invalid", message))
    if faults:
        raise VariablesInvalid(f"{faults[0].where}: {faults[0].message}", faults=faults)


def _makes_link(text: str, variables: Variables, asked: Set[str]) -> bool:
    """Whether a request's values give a text a link that it has not by itself, or the host of one that it has."""
    real = marked = ""
    for part in split(text):
        value = part if isinstance(part, str) else variables.text(part.name) if part.name in variables else ""
        real += value
        marked += "\0" if isinstance(part, Name) and part.name in asked else value
    return _HOST.search(marked) is not None or len(_URL.findall(real)) > len(_URL.findall(marked))
