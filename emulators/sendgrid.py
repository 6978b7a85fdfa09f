"""SendGrid sink: takes mails as the v3 API does, keeps them, shows them at GET /mails.

Routes:
- `POST /v3/mail/send`: as https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send; 202 with
  X-Message-Id, or errors in SendGrid's shape; 503 when the disk is full. In sandbox mode it answers 200 and keeps
  nothing.
- `GET /mails`: the mails received, oldest first, one per personalization, as the JSON objects of `_mails`.
- `POST /fail {"status": 503, "times": 2}`: the next `times` sends are answered with this status.
"""

import json
import secrets
import sqlite3
import time
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulators import storage_full
from emulators.database import open_database

_TABLES = "CREATE TABLE IF NOT EXISTS mails (id INTEGER PRIMARY KEY, mail TEXT NOT NULL);"

# https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations
_MOST_PERSONALIZATIONS = 1000
_MOST_RECIPIENTS = 1000
_MOST_BYTES = 30 * 1024 * 1024
_NO_SUBJECT = (
    "The subject is required. You can get around this requirement if you use a template with a "
    "subject defined or if every personalization has a subject defined."
)
_HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"


class Sink:
    """Mails of one data directory, behind one API key."""

    def __init__(self, path: Path, api_key: str) -> None:
        self._database = open_database(path, _TABLES)
        self._api_key = api_key
        self._failures: list[int] = []

    def close(self) -> None:
        """Close the file; requests after this fail."""
        self._database.close()

    def routes(self) -> list[Route]:
        """What the sink answers; the caller mounts them in its own app."""
        return [
            Route("/v3/mail/send", self._send, methods=["POST"]),
            Route("/mails", self._list, methods=["GET"]),
            Route("/fail", self._fail, methods=["POST"]),
        ]

    async def _send(self, request: Request) -> Response:
        if self._failures:
            status = self._failures.pop(0)
            return _errors(status, [("told to fail by POST /fail", None)])
        if not secrets.compare_digest(
            request.headers.get("authorization", "").encode(), f"Bearer {self._api_key}".encode()
        ):
            return _errors(401, [("The provided authorization grant is invalid, expired, or revoked", None)])
        body = await request.body()
        if len(body) > _MOST_BYTES:
            return _errors(413, [("The total size of the request must not exceed 30 MB.", None)])
        try:
            mail = json.loads(body)
        except ValueError:
            mail = None
        if not isinstance(mail, dict):
            return _errors(400, [("Bad Request", None)])
        if faults := _faults(mail):
            return _errors(400, faults)
        if _is_sandboxed(mail):
            return Response(status_code=200)
        message_id = secrets.token_urlsafe(16)
        received_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            self._keep(_mails(mail, message_id, received_at))
        except sqlite3.Error as error:
            if not storage_full.is_full(error):
                raise
            return _errors(503, [(storage_full.MESSAGE, None)])
        return Response(status_code=202, headers={"X-Message-Id": message_id})

    def _keep(self, mails: list[dict[str, Any]]) -> None:
        """All of them or none."""
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO mails (mail) VALUES (?)", [(json.dumps(mail),) for mail in mails])

    async def _list(self, request: Request) -> Response:  # noqa: ARG002 - a route's signature
        rows = self._database.execute("SELECT mail FROM mails ORDER BY id").fetchall()
        return Response(f"[{','.join(mail for (mail,) in rows)}]", media_type="application/json")

    async def _fail(self, request: Request) -> Response:
        try:
            order = await request.json()
            status, times = int(order["status"]), int(order.get("times", 1))
        except (ValueError, KeyError, TypeError, AttributeError):
            return JSONResponse({"error": 'expected {"status": 503, "times": 2}'}, status_code=400)
        self._failures = [status] * times
        return JSONResponse({"status": status, "times": times})


def create_app(sink: Sink) -> Starlette:
    """The sink alone, as an ASGI app."""
    return Starlette(routes=sink.routes())


def _is_sandboxed(mail: dict[str, Any]) -> bool:
    mode = mail.get("mail_settings", {}).get("sandbox_mode")
    return isinstance(mode, dict) and bool(mode.get("enable"))


def _mails(mail: dict[str, Any], message_id: str, received_at: str) -> list[dict[str, Any]]:
    """What each recipient group gets: personalization over mail, addresses as plain strings."""
    contents = {content["type"]: content["value"] for content in mail["content"]}
    return [
        {
            "message_id": message_id,
            "received_at": received_at,
            "from": one.get("from", mail["from"])["email"],
            "to": [address["email"] for address in one["to"]],
            "cc": [address["email"] for address in one.get("cc", [])],
            "bcc": [address["email"] for address in one.get("bcc", [])],
            "subject": one.get("subject", mail.get("subject")),
            "text": contents.get("text/plain"),
            "html": contents.get("text/html"),
            "headers": {**mail.get("headers", {}), **one.get("headers", {})},
            "categories": mail.get("categories", []),
            "custom_args": {**mail.get("custom_args", {}), **one.get("custom_args", {})},
        }
        for one in mail["personalizations"]
    ]


def _faults(mail: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Every fault of a request as (message, field), in SendGrid's words where they are known."""
    faults = _type_faults(mail, {"headers": dict, "custom_args": dict, "categories": list, "mail_settings": dict})
    if "template_id" in mail:
        faults.append(("The local sink keeps no dynamic templates.", "template_id"))
    if not _is_address(mail.get("from")):
        faults.append(("The from object must be provided for every email send.", "from.email"))
    groups = mail.get("personalizations")
    if not isinstance(groups, list) or not 0 < len(groups) <= _MOST_PERSONALIZATIONS:
        faults.append(
            ("The personalizations field is required and must have at least one personalization.", "personalizations")
        )
        groups = []
    for index, group in enumerate(groups):
        faults += _group_faults(group, f"personalizations.{index}", mail.get("subject"))
    return faults + _content_faults(mail.get("content"))


def _type_faults(fields: dict[str, Any], types: dict[str, type], prefix: str = "") -> list[tuple[str, str | None]]:
    return [
        (f"Invalid type. Expected: {expected.__name__}.", f"{prefix}{name}")
        for name, expected in types.items()
        if name in fields and not isinstance(fields[name], expected)
    ]


def _group_faults(group: Any, field: str, subject: Any) -> list[tuple[str, str | None]]:
    if not isinstance(group, dict) or not isinstance(group.get("to"), list) or not group["to"]:
        return [("The to array is required for all personalization objects.", f"{field}.to")]
    own_types: dict[str, type] = {"cc": list, "bcc": list, "headers": dict, "custom_args": dict}
    faults = _type_faults(group, own_types, f"{field}.")
    if faults:
        return faults
    addresses: list[str] = []
    for kind in ("to", "cc", "bcc"):
        for index, address in enumerate(group.get(kind, [])):
            if _is_address(address):
                addresses.append(address["email"].lower())
            else:
                faults.append(("Does not contain a valid address.", f"{field}.{kind}.{index}.email"))
    if len(set(addresses)) < len(addresses):
        faults.append(
            ("Each email address in the personalization block should be unique between to, cc, and bcc.", field)
        )
    if len(addresses) > _MOST_RECIPIENTS:
        faults.append((f"A personalization takes at most {_MOST_RECIPIENTS} recipients.", field))
    own_subject = group.get("subject", subject)
    if not isinstance(own_subject, str) or not own_subject:
        faults.append(
            (
                _NO_SUBJECT,
                "subject",
            )
        )
    elif "\r" in own_subject or "\n" in own_subject:
        faults.append(("The subject must not contain line breaks.", "subject"))
    return faults


def _content_faults(contents: Any) -> list[tuple[str, str | None]]:
    if not isinstance(contents, list) or not contents:
        return [("Unless a valid template_id is provided, the content parameter is required.", "content")]
    faults: list[tuple[str, str | None]] = []
    kinds = []
    for index, content in enumerate(contents):
        well_formed = isinstance(content, dict) and isinstance(content.get("type"), str)
        if not well_formed or not isinstance(content.get("value"), str) or not content["value"]:
            faults.append(
                ("The content value must be a string at least one character in length.", f"content.{index}.value")
            )
        else:
            kinds.append(content["type"])
    if "text/plain" in kinds[1:]:
        faults.append(("If present, text/plain must be first, followed by text/html.", "content"))
    return faults


def _is_address(value: Any) -> bool:
    email = value.get("email") if isinstance(value, dict) else None
    if not isinstance(email, str) or any(character.isspace() for character in email):
        return False
    name, at, domain = email.rpartition("@")
    return bool(name and at and domain) and "@" not in name


def _errors(status: int, faults: list[tuple[str, str | None]]) -> Response:
    listed = [{"message": message, "field": field, "help": _HELP if field else None} for message, field in faults]
    return JSONResponse({"errors": listed}, status_code=status)
