"""A mail goes to the tenant's own addresses or the operator's; the platform is no open relay."""

import pytest
from pydantic import ValidationError

from shared.engines.shared.email_notification import EmailFields, EmailNotification, may_receive
from shared.errors import MailRefused, Unavailable
from tests.builders import RUN, context, services, settings, tenant
from tests.fakes import FakeServices

OWN = "admin@acmeinc.example"


@pytest.fixture
def world() -> FakeServices:
    return services()


def fields(*to: str, subject: str = "Hello", html: str | None = None) -> EmailFields:
    return EmailFields(to_emails=to or (OWN,), subject=subject, message="text", html=html)


def test_it_sends_the_mail_as_given(world: FakeServices) -> None:
    EmailNotification().run(fields(OWN, html="<b>hi</b>"), context(world))
    (mail,) = world.mailer.sent
    assert (mail.to, mail.subject, mail.text, mail.html) == ((OWN,), "Hello", "text", "<b>hi</b>")
    assert mail.reference == {"run": RUN, "step": "extract"}


def test_an_address_given_twice_gets_one_mail(world: FakeServices) -> None:
    result = EmailNotification().run(fields(OWN, OWN), context(world))
    assert (world.mailer.sent[0].to, result.mails_sent) == ((OWN,), 1)


@pytest.mark.parametrize(
    ("address", "admin"),
    [
        ("finance@acmeinc.example", OWN),
        ("Finance@ACMEINC.example", OWN),
        ("jane.doe@gmail.com", "jane.doe@gmail.com"),
        ("JANE.DOE@gmail.com", "jane.doe@gmail.com"),
        ("ops@convergence.example", OWN),
        ("anybody@partner.example", OWN),
        ("one@listed.example", OWN),
    ],
)
def test_own_domain_admin_and_operators_list_may_receive(address: str, admin: str) -> None:
    given = settings(operator_mail_domains=("partner.example", "one@listed.example"))
    assert may_receive(address, tenant(admin_email=admin), given)


@pytest.mark.parametrize(
    ("address", "admin"),
    [
        ("victim@elsewhere.example", OWN),
        ("x@acmeinc.example.evil.example", OWN),
        ("x@evilacmeinc.example", OWN),
        ("x@sub.acmeinc.example", OWN),
        ("john@gmail.com", "jane@gmail.com"),
        ("john@yahoo.co.uk", "jane@yahoo.co.uk"),
        ("john@hotmail.fr", "jane@hotmail.fr"),
        ("jane+x@gmail.com", "jane@gmail.com"),
        ("two@listed.example", OWN),
        ("anybody@convergence.example", OWN),
        ("admin@acmeinc.example\n", OWN),
        ("admin@acmeinc.example, victim@elsewhere.example", OWN),
        ("admin@acmeinc.example\r\nBcc: victim@elsewhere.example", OWN),
        ("<admin@acmeinc.example>", OWN),
        ("admin@acmeinc.examplé", OWN),
        ("acmeinc.example", OWN),
        ("", OWN),
    ],
)
def test_nobody_else_may(address: str, admin: str) -> None:
    assert not may_receive(address, tenant(admin_email=admin), settings(operator_mail_domains=("one@listed.example",)))


def test_one_foreign_address_stops_the_whole_mail(world: FakeServices) -> None:
    with pytest.raises(MailRefused):
        EmailNotification().run(fields(OWN, "victim@elsewhere.example"), context(world))
    assert world.mailer.calls == []


@pytest.mark.parametrize("subject", ["a\nBcc: x@y.example", "a\r\nb", "a\x00b", "a\u2028b", "a" * 990])
def test_a_subject_is_one_line(world: FakeServices, subject: str) -> None:
    with pytest.raises(MailRefused):
        EmailNotification().check(fields(subject=subject), context(world))


@pytest.mark.parametrize("to", [[], [OWN] * 21])
def test_a_mail_has_one_to_twenty_addresses(to: list[str]) -> None:
    with pytest.raises(ValidationError):
        EmailFields.model_validate({"to_emails": to, "subject": "s", "message": "m"})


def test_what_the_mail_service_says_passes(world: FakeServices) -> None:
    world.mailer.fail("send", Unavailable("down"))
    with pytest.raises(Unavailable):
        EmailNotification().run(fields(), context(world))
