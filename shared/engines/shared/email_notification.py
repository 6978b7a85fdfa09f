"""`shared.email_notification`: a mail, to the tenant's own addresses or the operator's."""

import re
from collections.abc import Mapping, Sequence, Set

from pydantic import Field

from shared.contracts.fields import EMAIL, Html
from shared.contracts.tenant import Tenant
from shared.engines.base import MOST_MAILS_A_RUN, Engine, Fields, StepContext, StepResult, about
from shared.errors import Fault, MailRefused
from shared.ports import Mail
from shared.settings import Settings

# Where anybody can have an address, a domain says nothing about a tenant: only the admin's own address is its own.
FREE_MAIL = frozenset([
    "126.com", "163.com", "att.net", "bk.ru", "btinternet.com", "comcast.net", "duck.com", "fastmail.com", "free.fr",
    "freenet.de", "gmail.com", "googlemail.com", "hey.com", "hushmail.com", "icloud.com", "inbox.ru", "laposte.net",
    "libero.it", "list.ru", "mac.com", "mail.com", "mail.ru", "me.com", "naver.com", "orange.fr", "pm.me",
    "proton.me", "protonmail.com", "qq.com", "rediffmail.com", "sbcglobal.net", "t-online.de", "tuta.io",
    "tutanota.com", "verizon.net", "web.de", "wp.pl", "zoho.com",
])  # fmt: skip
# These have a domain in many a country.
FREE_MAIL_FAMILIES = frozenset(
    ["aol", "gmx", "hotmail", "live", "msn", "outlook", "rocketmail", "yahoo", "yandex", "ymail"]
)
# RFC 5322 2.1.1: a header line has at most 998 characters.
LONGEST_SUBJECT = 998 - len("Subject: ")
_NOT_ALLOWED = "is not on the tenant's mail domain or the operator's list"


class EmailFields(Fields):
    """The step's fields. `message` is the text part; values in `html` are escaped."""

    to_emails: tuple[str, ...] = Field(
        min_length=1,
        max_length=MOST_MAILS_A_RUN,
        description="Who gets it: addresses on the tenant's own mail domain, or the operator's.",
    )
    subject: str = Field(min_length=1, description="One line; it should say which tenant.")
    message: str = Field(min_length=1, description="The text; it should say which pipeline and which day.")
    html: Html | None = Field(None, description="The same as HTML; values in it are escaped.")


class EmailNotification(Engine[EmailFields]):
    """Send one mail. It may be sent again after a crash: SendGrid has no idempotency key (facts 32)."""

    fields_model = EmailFields
    repeatable = False
    # The platform's mails carry its good name: strangers' texts in them are short and lead nowhere (rules 4).
    request_text_limit = 200

    def check(self, fields: EmailFields, context: StepContext) -> None:
        """Refuse an address that is not the tenant's or the operator's, and a subject that is not one line."""
        refused = [
            Fault(f"to_emails.{index}", MailRefused.code, f"{address} {refusal}")
            for index, address in enumerate(fields.to_emails)
            if (refusal := _refusal(address, context.tenant, context.services.settings))
        ]
        if refused:
            raise MailRefused(f"step {context.step_id}: {refused[0].message}", faults=refused)
        if not fields.subject.isprintable() or len(fields.subject) > LONGEST_SUBJECT:
            message = f"step {context.step_id}: a subject is one line of at most {LONGEST_SUBJECT} characters"
            raise about("subject", MailRefused(message))

    def advise(self, fields: EmailFields, context: StepContext, used: Set[str]) -> Sequence[Fault]:
        """A mail whose reader cannot tell which tenant, pipeline and day it is about."""
        found = []
        if context.run.tenant_id not in fields.subject:
            found.append(Fault("subject", "mail_unclear", "does not say whose mail this is; put {tenant_id} into it"))
        if "pipeline_id" not in used:
            found.append(Fault("message", "mail_unclear", "does not say which pipeline; put {pipeline_id} into it"))
        if not used & {"date", "run_date"}:
            found.append(Fault("message", "mail_unclear", "does not say which day; put {date} or {run_date} into it"))
        return found

    def preview(self, fields: EmailFields, context: StepContext) -> Mapping[str, str]:
        """Who gets the mail, and who may not; what it says."""
        settings = context.services.settings
        return {
            **{
                f"to {address}": f"refused: it {refusal}"
                if (refusal := _refusal(address, context.tenant, settings))
                else "allowed"
                for address in fields.to_emails
            },
            "from": settings.mail_from,
            "subject": fields.subject,
            "message": fields.message,
            **({"html": fields.html} if fields.html else {}),
        }

    def mails(self, fields: EmailFields) -> int:
        """One for each address."""
        return len(set(fields.to_emails))

    def run(self, fields: EmailFields, context: StepContext) -> StepResult:
        """Hand the mail to SendGrid. Raises MailLimitReached when the tenant has had its mails of the day."""
        self.check(fields, context)
        context.services.mail_allowance.check(context.run.tenant_id, self.mails(fields))
        context.services.mailer.send(
            Mail(
                to=tuple(dict.fromkeys(fields.to_emails)),
                subject=fields.subject,
                text=fields.message,
                html=fields.html,
                reference={"run": context.run.pipeline_logging_id, "step": context.step_id},
            )
        )
        return StepResult(mails_sent=self.mails(fields))


def _refusal(address: str, tenant: Tenant, settings: Settings) -> str:
    """Why mail of this tenant may not go to the address; empty where it may."""
    if not re.fullmatch(EMAIL, address):
        return "is no address; write name@domain, or {admin_email}"
    return "" if may_receive(address, tenant, settings) else _NOT_ALLOWED


def may_receive(address: str, tenant: Tenant, settings: Settings) -> bool:
    """Whether mail of this tenant may go to the address: the platform is no open relay (rules 4)."""
    if not re.fullmatch(EMAIL, address):
        return False
    address = address.lower()
    domain = address.rpartition("@")[2]
    operator = {settings.operator_email.lower(), *(entry.lower() for entry in settings.operator_mail_domains)}
    if address in operator or domain in operator or address == tenant.admin_email.lower():
        return True
    is_free = domain in FREE_MAIL or domain.partition(".")[0] in FREE_MAIL_FAMILIES
    return domain == tenant.mail_domain and not is_free
