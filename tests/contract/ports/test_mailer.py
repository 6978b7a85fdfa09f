"""Mailer: a mail is handed over whole, or an error says whether to try again."""

import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from emulators.sendgrid import Sink, create_app
from shared.adapters.sendgrid import SendGridMailer
from shared.errors import AccessDenied, MailRefused, QuotaExceeded, Unavailable
from shared.ports import Mail, Mailer
from tests.fakes import FakeMailer, FakeSecrets

pytestmark = pytest.mark.not_on_google(
    "no mail is sent to anybody, and SendGrid's sandbox answers 200 where it would 202"
)

KEY = "SG.right"
MAIL = Mail(("a@acmeinc.example", "b@acmeinc.example"), "Größe", "text", "<b>html</b>", {"run": "r1", "step": "say"})


@dataclass(frozen=True)
class Received:
    to: str
    subject: str
    text: str
    html: str | None
    reference: dict[str, str]


class Backend(ABC):
    mailer: Mailer

    @abstractmethod
    def received(self) -> list[Received]:
        """What each address has got."""


class Fake(Backend):
    def __init__(self) -> None:
        self.mailer = self._mailer = FakeMailer()

    def received(self) -> list[Received]:
        return [
            Received(to, mail.subject, mail.text, mail.html, dict(mail.reference))
            for mail in self._mailer.sent
            for to in mail.to
        ]


def mailer_at(url: str, *, key: str = KEY) -> SendGridMailer:
    return SendGridMailer(FakeSecrets({"sendgrid": key}), "sendgrid", sender="noreply@x.example", endpoint=url)


class OnSendGrid(Backend):
    def __init__(self, url: str) -> None:
        self.mailer = mailer_at(url)
        self._url = url

    def received(self) -> list[Received]:
        mails: list[dict[str, Any]] = httpx.get(f"{self._url}/mails", timeout=5).json()
        return [
            Received(",".join(each["to"]), each["subject"], each["text"], each["html"], each["custom_args"])
            for each in mails
        ]


@contextmanager
def http_server(app: Any) -> Iterator[str]:
    """The URL of an ASGI app that is served on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def sendgrid_url(tmp_path: Path) -> Iterator[str]:
    sink = Sink(tmp_path / "mails.sqlite", KEY)
    with http_server(create_app(sink)) as url:
        yield url
    sink.close()


@pytest.fixture(params=["fake", "embedded"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return Fake() if request.param == "fake" else OnSendGrid(request.getfixturevalue("sendgrid_url"))


def test_each_address_gets_the_whole_mail_and_sees_no_other(backend: Backend) -> None:
    backend.mailer.send(MAIL)
    whole = Received("", "Größe", "text", "<b>html</b>", {"run": "r1", "step": "say"})
    assert backend.received() == [replace(whole, to=address) for address in MAIL.to]


def test_a_mail_may_have_no_html(backend: Backend) -> None:
    backend.mailer.send(Mail(MAIL.to[:1], "s", "text"))
    assert backend.received() == [Received(MAIL.to[0], "s", "text", None, {})]


@pytest.mark.parametrize(
    "change",
    [lambda mail: replace(mail, subject="a\nb"), lambda mail: replace(mail, to=("no address",))],
    ids=["subject of two lines", "no address"],
)
def test_a_mail_that_cannot_be_sent_is_refused_for_good(backend: Backend, change: Callable[[Mail], Mail]) -> None:
    with pytest.raises(MailRefused):
        backend.mailer.send(change(MAIL))
    assert backend.received() == []


def test_refusals_tell_neither_address_nor_text(backend: Backend) -> None:
    with pytest.raises(MailRefused) as caught:
        backend.mailer.send(replace(MAIL, to=("s3cr3t address",), text="s3cr3t"))
    assert "s3cr3t" not in caught.value.message


@pytest.mark.parametrize(
    ("status", "expected"),
    [  # the statuses of the page "Mail Send errors" and of a proxy in front
        (400, MailRefused), (401, AccessDenied), (403, AccessDenied), (404, MailRefused), (405, MailRefused),
        (406, MailRefused), (413, MailRefused), (415, MailRefused), (429, QuotaExceeded), (500, Unavailable),
        (502, Unavailable), (503, Unavailable), (504, Unavailable),
    ],
)  # fmt: skip
def test_what_may_pass_is_told_from_what_will_not(sendgrid_url: str, status: int, expected: type[Exception]) -> None:
    httpx.post(f"{sendgrid_url}/fail", json={"status": status, "times": 1}, timeout=5).raise_for_status()
    backend = OnSendGrid(sendgrid_url)
    with pytest.raises(expected):
        backend.mailer.send(MAIL)
    backend.mailer.send(MAIL)
    assert len(backend.received()) == 2


def test_a_wrong_key_is_refused_and_not_told(sendgrid_url: str) -> None:
    with pytest.raises(AccessDenied) as caught:
        mailer_at(sendgrid_url, key="SG.s3cr3t").send(MAIL)
    assert "s3cr3t" not in str(caught.value)


def test_a_service_that_does_not_answer_may_answer_later() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(Unavailable):
            mailer_at(url).send(MAIL)
