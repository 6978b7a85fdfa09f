"""Tell the operator of something once, however many functions notice it at how many messages."""

import hashlib

from shared.contracts.sql import Sql
from shared.errors import MailRefused, NotOurs
from shared.logs import log
from shared.once import run_once
from shared.ports import Clock, Jobs, Mail, Mailer, QueryJob
from shared.tenants.freshness import Fresh

_CLAIM = Sql("SELECT 1", ())
_CLAIM_TIMEOUT_S = 30.0
# An instance does not ask again, for so long, who has claimed what.
_KNOWN_S, _MOST_KNOWN = 3_600, 10_000


class OperatorMail:
    """Sends mails to the operator's address.

    Whose message is the first of its `subject matter` claims the mail by a BigQuery job, whose id is that of the matter
    (it reads nothing and costs nothing). The job bears the message's id: where the mail could not be sent, the
    redelivered message finds its own claim and sends it.
    """

    def __init__(self, jobs: Jobs, mailer: Mailer, clock: Clock, address: str) -> None:
        self._jobs, self._mailer, self._address = jobs, mailer, address
        self._told: Fresh[str, bool] = Fresh(clock, ttl_s=_KNOWN_S, size=_MOST_KNOWN)

    def tell_once(self, matter: str, subject: str, text: str, *, message_id: str) -> None:
        """Send the mail, unless there was one about this matter. Raises TransientError: then tell it again."""
        self._told.get(matter, lambda: self._tell(matter, subject, text, message_id))

    def _tell(self, matter: str, subject: str, text: str, message_id: str) -> bool:
        digest = hashlib.sha256(matter.encode()).hexdigest()[:32]
        claimed_by = hashlib.sha256(message_id.encode()).hexdigest()[:32]
        claim = QueryJob(_CLAIM, labels={"convergence_message": claimed_by})
        try:
            run_once(self._jobs, claim, ids=("operator", digest, "mail", "claim"), timeout_s=_CLAIM_TIMEOUT_S)
        except NotOurs:
            return True
        try:
            self._mailer.send(Mail(to=(self._address,), subject=subject, text=text, reference={"matter": digest}))
        except MailRefused as error:
            log("operator_not_told", "ERROR", error_code=error.code)
        return True
