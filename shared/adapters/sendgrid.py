"""SendGrid by its client, which has neither timeout nor retry of its own (FACTS 32)."""

import urllib.error
from collections.abc import Callable

import sendgrid
from python_http_client.exceptions import HTTPError
from sendgrid.helpers.mail import Content, CustomArg, From, Personalization, Subject, To
from sendgrid.helpers.mail import Mail as SendGridMail

from shared.errors import MailRefused, QuotaExceeded, Unavailable
from shared.ports import Mail

TIMEOUT_S = 10.0


class SendGridMailer:
    """`ports.Mailer`. `read_key` is called at the first mail: a function that sends none never reads the secret."""

    def __init__(self, read_key: Callable[[], str], *, sender: str, endpoint: str) -> None:
        self._read_key, self._sender, self._endpoint = read_key, sender, endpoint

    def send(self, mail: Mail) -> None:
        """See the port. 429 and 5xx may pass; any other refusal is for good."""
        api = sendgrid.SendGridAPIClient(self._read_key(), host=self._endpoint or "https://api.sendgrid.com")
        api.client.timeout = TIMEOUT_S
        try:
            api.client.mail.send.post(request_body=_body(mail, self._sender).get())
        except HTTPError as error:
            # The body may quote the mail, and can be HTML: the status says enough.
            if error.status_code == 429:
                raise QuotaExceeded("SendGrid asks to slow down") from error
            if error.status_code >= 500:
                raise Unavailable(f"SendGrid answered {error.status_code}") from error
            raise MailRefused(f"SendGrid refused the mail with status {error.status_code}") from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise Unavailable("SendGrid does not answer") from error


def _body(mail: Mail, sender: str) -> SendGridMail:
    body = SendGridMail()
    body.from_email, body.subject = From(sender), Subject(mail.subject)
    # One personalization an address: recipients do not see each other.
    for address in mail.to:
        personalization = Personalization()
        personalization.add_to(To(address))
        for name, value in mail.reference.items():
            personalization.add_custom_arg(CustomArg(name, value))
        body.add_personalization(personalization)
    body.add_content(Content("text/plain", mail.text))
    if mail.html is not None:
        body.add_content(Content("text/html", mail.html))
    return body
