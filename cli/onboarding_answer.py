"""What an answer to an onboarding means: for the tenant, and for the calls that follow."""

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx

# `key`: here it is. `there`: was onboarded before this call. `refused`: this line is wrong. `again`: the same call may
# complete it. `wait`: somebody is onboarding this tenant now. `busy`: nobody can be onboarded now. `stop`: no call of
# ours will ever be taken.
Meaning = Literal["key", "there", "refused", "again", "wait", "busy", "stop"]
# So long the claim of an onboarding that was cut short holds.
LEASE_S = 60.0
# Of these errors alone it is sure that nothing was sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_MEANINGS: dict[str, Meaning] = {
    "already_onboarded": "there",
    "onboarding_in_progress": "wait",
    "onboarding_failed": "again",
}


@dataclass(frozen=True)
class Answer:
    """One call's answer. `may_have_acted`: the tenant may be onboarded now, with a key that nobody has seen."""

    meaning: Meaning
    code: str
    message: str
    may_have_acted: bool = False
    api_key: str | None = None
    retry_after_s: float | None = None

    def __repr__(self) -> str:
        """Without the key."""
        return f"Answer({self.meaning}, {self.code})"


def unanswered(error: httpx.RequestError) -> Answer:
    """What it means that there was no answer."""
    message = f"no answer ({type(error).__name__})"
    return Answer("busy", "no_answer", message, may_have_acted=not isinstance(error, _NOT_SENT))


def understood(answer: httpx.Response, tenant_id: str) -> Answer:
    """What an answer means. What is not known to leave all as it was may have acted."""
    status, said = answer.status_code, _object(answer)
    if status == 201:
        key = said.get("api_key")
        if said.get("tenant_id") == tenant_id and isinstance(key, str) and key.startswith(f"{tenant_id}_api_"):
            return Answer("key", "", "", api_key=key)
        return Answer("again", "answer_unreadable", "answered 201 without a key of this tenant's", may_have_acted=True)
    code = str(said.get("code", f"http_{status}"))
    message = str(said.get("detail", f"answered {status}, and no problem document"))
    wait_s = _retry_after_s(answer.headers.get("Retry-After"))
    if code in _MEANINGS:
        meaning = _MEANINGS[code]
        return Answer(meaning, code, message, may_have_acted=meaning == "again", retry_after_s=wait_s)
    if status in (408, 429, 502, 503, 504):
        return Answer("busy", code, message, may_have_acted=status >= 500, retry_after_s=wait_s)
    if status in (400, 409, 413, 422):
        return Answer("refused", code, _with_faults(message, said))
    if status >= 500:
        return Answer("refused", code, message, may_have_acted=True)
    return Answer("stop", code, f"{answer.url} answers {status} {code}: {message}")


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _with_faults(message: str, said: dict[str, Any]) -> str:
    """All that is wrong in one line."""
    faults = said.get("errors")
    if not isinstance(faults, list) or not all(isinstance(one, dict) for one in faults):
        return message
    return "; ".join(f"{one.get('where')}: {one.get('message')}" for one in faults) or message


def _retry_after_s(text: str | None) -> float | None:
    """Seconds, or a date (RFC 9110, 10.2.3).

    >>> _retry_after_s("5"), _retry_after_s("Thu, 01 Jan 1970 00:00:00 GMT"), _retry_after_s("soon")
    (5.0, 0.0, None)
    """
    if not text:
        return None
    if text.isdecimal():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
