"""SendGrid by its client, which has neither timeout nor retry of its own (facts 32)."""

import urllib.error
from typing import Any

import sendgrid
from python_http_client.exceptions import HTTPError

from shared.errors import AccessDenied, MailRefused, QuotaExceeded, Unavailable
from shared.ports import Mail, Secrets

TIMEOUT_S = 10.0


class SendGridMailer:
    """`ports.Mailer`. `key_secret` names the API key; a function that sends no mail never reads the secret."""

    def __init__(self, secrets: Secrets, key_secret: str, *, sender: str, endpoint: str) -> None:
        self._secrets, self._key_secret = secrets, key_secret
        self._sender, self._endpoint = sender, endpoint

    def send(self, mail: Mail) -> None:
        """See the port. 429 and 5xx may pass; any other refusal is for good."""
        key = self._secrets.read(self._key_secret)
        api = sendgrid.SendGridAPIClient(key, host=self._endpoint or "https://api.sendgrid.com")
        api.client.timeout = TIMEOUT_S
        try:
            api.client.mail.send.post(request_body=_body(mail, self._sender))
        except HTTPError as error:
            # The body may quote the mail, and can be HTML: the status says enough.
            if error.status_code == 429:
                raise QuotaExceeded("SendGrid asks to slow down") from error
            if error.status_code >= 500:
                raise Unavailable(f"SendGrid answered {error.status_code}") from error
            if error.status_code in (401, 403):
                raise AccessDenied(f"SendGrid refused our key with status {error.status_code}") from error
            raise MailRefused(f"SendGrid refused the mail with status {error.status_code}") from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise Unavailable("SendGrid does not answer") from error


def _body(mail: Mail, sender: str) -> dict[str, Any]:
    """The request as SendGrid documents it (v3 Mail Send). Its helper classes would parse and reorder addresses."""
    # One personalization an address: recipients do not see each other.
    to = [{"to": [{"email": address}], "custom_args": dict(mail.reference)} for address in mail.to]
    content = [{"type": "text/plain", "value": mail.text}]
    if mail.html is not None:
        content.append({"type": "text/html", "value": mail.html})
    return {"from": {"email": sender}, "subject": mail.subject, "personalizations": to, "content": content}
