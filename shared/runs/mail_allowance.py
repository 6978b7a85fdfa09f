"""Keep a tenant to its mails of a day: the platform is no open relay (rules 4)."""

from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import DatasetRef
from shared.errors import MailLimitReached
from shared.ports import Clock, Jobs
from shared.runs.events_sql import runs_table

MOST_A_DAY = 100


class MailAllowance:
    """Counts what the events of all runs say was sent since midnight UTC; nothing is counted beside them.

    One query job a mailing step: mails are rare, and a cached count would know nothing of other instances. Steps that
    mail at the same moment do not see each other, so a burst can go over by as many mails as are under way.
    """

    def __init__(self, jobs: Jobs, clock: Clock, control: DatasetRef) -> None:
        self._jobs, self._clock, self._events = jobs, clock, runs_table(control)

    def check(self, tenant_id: str, mails: int) -> None:
        """Raise MailLimitReached when these would be too many for the day."""
        midnight = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        sql = Sql(
            f"SELECT event_id, mails_sent FROM `{self._events}`"
            " WHERE tenant_id = @tenant_id AND status = @status AND event_time >= @midnight AND mails_sent > 0",
            (
                Parameter("tenant_id", "STRING", tenant_id),
                Parameter("status", "STRING", "SUCCEEDED"),
                Parameter("midnight", "TIMESTAMP", midnight.isoformat()),
            ),
        )
        # An event may be there twice (facts 6); its id is the same then.
        sent = {row["event_id"]: row["mails_sent"] or 0 for row in self._jobs.select(sql)}
        if sum(sent.values()) + mails > MOST_A_DAY:
            raise MailLimitReached(
                f"tenant {tenant_id} was sent {sum(sent.values())} mails today; at most {MOST_A_DAY} a day, "
                f"and this step has {mails}"
            )
