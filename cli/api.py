"""The operator's side of the HTTP API: where it is, the admin key, and what it refuses in words."""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import typer

from cli.checkout import stack_file
from shared.errors import Fault, RequestInvalid, SettingsInvalid, Unavailable

# For so long an API that does not answer is asked again.
PATIENCE_S = 300.0
_PAUSE_S = 1.0
# What may pass: too many calls, a service that does not answer.
_PASSING = (429, 502, 503, 504)


class Api:
    """Calls of the operator. Every call may raise RequestInvalid for a refusal, Unavailable after `PATIENCE_S`."""

    def __init__(self, client: httpx.Client, *, patience_s: float = PATIENCE_S) -> None:
        self._client, self._patience_s = client, patience_s

    def get(self, path: str) -> dict[str, Any]:
        """The answer to GET, below /api/v1."""
        return self._call("GET", path, None, {})

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> dict[str, Any]:
        """The answer to POST. It may be sent again: `key` (Idempotency-Key) makes that the same call."""
        return self._call("POST", path, body, {"Idempotency-Key": key} if key else {})

    def delete(self, path: str) -> None:
        """DELETE, which answers nothing."""
        self._call("DELETE", path, None, {})

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        deadline = time.monotonic() + self._patience_s
        while True:
            pause_s = _PAUSE_S
            try:
                answer = self._client.request(method, f"/api/v1{path}", json=body, headers=dict(headers))
            except httpx.TransportError as error:
                said = f"{self._client.base_url} does not answer ({type(error).__name__})"
            else:
                if answer.is_success:
                    found: dict[str, Any] = answer.json() if answer.content else {}
                    return found
                if answer.status_code not in _PASSING:
                    raise _refused(answer)
                said = f"{self._client.base_url} answers {answer.status_code}"
                pause_s = float(answer.headers.get("Retry-After", _PAUSE_S))
            if time.monotonic() + pause_s > deadline:
                raise Unavailable(said)
            time.sleep(pause_s)


def connect(stack: Path | None) -> Api:
    """The API that `address` finds. Raises SettingsInvalid where there is none."""
    url, headers = address(stack)
    return Api(httpx.Client(base_url=url, headers=headers, timeout=60))


def address(stack: Path | None) -> tuple[str, dict[str, str]]:
    """The URL and headers of the API of the environment (API_URL, ADMIN_KEY), or of the stack with this ready file.

    Without ADMIN_KEY a person is asked for it; it is no option, because others can see what a process was called with.
    Where the function asks for an identity token besides (Cloud Run), IDENTITY_TOKEN holds one.
    Raises SettingsInvalid where there is neither.
    """
    url, key = os.environ.get("API_URL", ""), os.environ.get("ADMIN_KEY", "")
    if stack is not None or not url:
        url, key = _of_stack(stack or stack_file())
    elif not key:
        if not sys.stdin.isatty():
            raise SettingsInvalid("ADMIN_KEY is not set: it is the admin key of the API at API_URL")
        key = typer.prompt("Admin key", hide_input=True)
    headers = {"X-Admin-Key": key}
    if token := os.environ.get("IDENTITY_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    return url, headers


def _of_stack(file: Path) -> tuple[str, str]:
    try:
        ready = json.loads(file.read_text())
        return ready["api"], ready["admin_key"]
    except FileNotFoundError:
        raise SettingsInvalid(
            f"there is no {file}: start a stack with make up, or set API_URL and ADMIN_KEY to those of a deployment"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsInvalid(f"{file} is no ready file of a stack; `make up` writes one") from error


def _refused(answer: httpx.Response) -> RequestInvalid:
    """The problem document as an error."""
    try:
        problem = answer.json()
        faults = [Fault(one["where"], one["code"], one["message"]) for one in problem["errors"]]
        return RequestInvalid(f"{problem['code']}: {problem['detail']}", faults=faults)
    except (ValueError, KeyError, TypeError):
        return RequestInvalid(f"{answer.url} answered {answer.status_code}, and no problem document: is it our API?")
