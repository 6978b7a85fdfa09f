"""What the product relies on in SendGrid, through its own client, against the sink."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sendgrid
import uvicorn
from python_http_client.exceptions import BadRequestsError, ServiceUnavailableError, UnauthorizedError
from sendgrid.helpers.mail import Mail

from emulators.sendgrid import Sink, create_app

KEY = "SG.right"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    sink = Sink(tmp_path_factory.mktemp("sendgrid") / "mails.sqlite", KEY)
    server = uvicorn.Server(uvicorn.Config(create_app(sink), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
    sink.close()


def send(url: str, mail: Any, key: str = KEY) -> Any:
    client = sendgrid.SendGridAPIClient(key, host=url)
    client.client.timeout = 5
    return client.send(mail)


def a_mail(subject: str, **more: Any) -> dict[str, Any]:
    return {
        "from": {"email": "convergence@example.com"},
        "personalizations": [{"to": [{"email": "admin@acmeinc.com"}]}],
        "subject": subject,
        "content": [{"type": "text/plain", "value": "Hello"}],
        **more,
    }


def mails(url: str, subject: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = httpx.get(f"{url}/mails", timeout=5).json()
    return [mail for mail in listed if mail["subject"] == subject]


def test_a_mail_is_accepted_and_kept(url: str) -> None:
    mail = Mail("convergence@example.com", ["a@acmeinc.com", "b@acmeinc.com"], "kept", "Hello", "<b>Hello</b>")
    answer = send(url, mail)
    assert answer.status_code == 202
    assert not answer.body
    (kept,) = mails(url, "kept")
    assert kept["message_id"] == answer.headers["X-Message-Id"]
    assert (kept["from"], kept["to"]) == ("convergence@example.com", ["a@acmeinc.com", "b@acmeinc.com"])
    assert (kept["text"], kept["html"]) == ("Hello", "<b>Hello</b>")
    assert kept["received_at"].endswith("Z")


def test_custom_args_and_categories_are_shown(url: str) -> None:
    send(url, a_mail("shown", categories=["alert"], custom_args={"run": "1"}))
    (kept,) = mails(url, "shown")
    assert (kept["categories"], kept["custom_args"]) == (["alert"], {"run": "1"})


def test_each_personalization_is_a_mail_of_its_own(url: str) -> None:
    groups = [{"to": [{"email": "a@acmeinc.com"}]}, {"to": [{"email": "b@acmeinc.com"}], "subject": "own"}]
    send(url, a_mail("general", personalizations=groups))
    assert [mail["to"] for mail in mails(url, "general")] == [["a@acmeinc.com"]]
    assert [mail["to"] for mail in mails(url, "own")] == [["b@acmeinc.com"]]


def test_a_wrong_key_is_401(url: str) -> None:
    with pytest.raises(UnauthorizedError) as refused:
        send(url, a_mail("unauthorized"), key="SG.wrong")
    assert "authorization grant is invalid" in refused.value.to_dict["errors"][0]["message"]
    assert mails(url, "unauthorized") == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": [{"to": []}]}, "personalizations.0.to"),
        ({"personalizations": [{"to": [{"email": "nobody"}]}]}, "personalizations.0.to.0.email"),
        ({"personalizations": [{"to": [{"email": "A@b.c"}, {"email": "a@b.c"}]}]}, "personalizations.0"),
        ({"from": {"name": "nobody"}}, "from.email"),
        ({"subject": ""}, "subject"),
        ({"subject": "a\r\nBcc: b@c.d"}, "subject"),
        ({"content": []}, "content"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"content": [{"type": t, "value": "x"} for t in ("text/html", "text/plain")]}, "content"),
        ({"template_id": "d-1"}, "template_id"),
        ({"headers": []}, "headers"),
        ({"mail_settings": "sandbox"}, "mail_settings"),
        ({"personalizations": [{"to": [{"email": "a@b.c"}], "cc": "d@e.f"}]}, "personalizations.0.cc"),
    ],
)
def test_a_faulty_mail_is_400_and_names_the_field(url: str, change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestsError) as refused:
        send(url, {**a_mail("faulty"), **change})
    assert [error["field"] for error in refused.value.to_dict["errors"]] == [field]
    assert mails(url, "faulty") == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]"])
def test_what_is_no_json_object_is_400(url: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = httpx.post(f"{url}/v3/mail/send", content=body, headers=headers, timeout=5)
    assert (answer.status_code, json.loads(answer.content)["errors"][0]["message"]) == (400, "Bad Request")


def test_sandbox_mode_answers_200_and_keeps_nothing(url: str) -> None:
    answer = send(url, a_mail("sandbox", mail_settings={"sandbox_mode": {"enable": True}}))
    assert answer.status_code == 200
    assert mails(url, "sandbox") == []


def test_it_fails_as_often_as_it_is_told(url: str) -> None:
    httpx.post(f"{url}/fail", json={"status": 503, "times": 2}, timeout=5).raise_for_status()
    for _ in range(2):
        with pytest.raises(ServiceUnavailableError):
            send(url, a_mail("failing"))
    assert send(url, a_mail("failing")).status_code == 202
    assert len(mails(url, "failing")) == 1


def test_a_wrong_order_to_fail_is_400(url: str) -> None:
    assert httpx.post(f"{url}/fail", json={"times": 2}, timeout=5).status_code == 400


def test_mails_are_kept_on_disk(tmp_path: Path) -> None:
    async def scenario() -> list[dict[str, Any]]:
        first, again = (Sink(tmp_path / "mails.sqlite", KEY) for _ in range(2))
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(first)), base_url="http://s") as client:
            answer = await client.post("/v3/mail/send", json=a_mail("disk"), headers=headers)
            assert answer.status_code == 202
        async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(again)), base_url="http://s") as client:
            listed: list[dict[str, Any]] = (await client.get("/mails")).json()
        first.close()
        again.close()
        return listed

    assert [mail["subject"] for mail in asyncio.run(scenario())] == ["disk"]
