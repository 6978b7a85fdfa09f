"""A tenant's API keys as a whole: list, rotate, revoke."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import SecretStr

from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import TableRef, TableSchema
from shared.contracts.tenant import is_tenant_id
from shared.errors import KeyNotFound, LastKey, TenantUnknown, TooManyKeys
from shared.ports import Cipher, Clock, Jobs, Rows
from shared.tenants.api_keys import MOST_KEYS, make_key
from shared.tenants.dml import change
from shared.tenants.metadata import metadata_table

KeyStatus = Literal["active", "grace", "revoked", "expired"]

# Whoever rotates in a loop is stopped here; a person needs two.
MOST_LIVE = 10
# Of keys that are good for nothing any more, the last so many stay listed. With the live ones they are fewer than
# MOST_KEYS, which is how many rows a check reads. x_meta_audit has the history.
MOST_ENDED = 50
assert MOST_LIVE + MOST_ENDED < MOST_KEYS


@dataclass(frozen=True)
class KeyRecord:
    """A key as it is listed; nothing in it is secret."""

    key_id: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None

    def status(self, now: datetime) -> KeyStatus:
        """`active`; `grace`: replaced, and good until it expires; `revoked` and `expired`: good for nothing."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is None:
            return "active"
        return "grace" if now < self.expires_at else "expired"

    def ended_at(self, now: datetime) -> datetime | None:
        """Since when it is good for nothing; None while it is good."""
        ends = [end for end in (self.revoked_at, self.expires_at) if end is not None and end <= now]
        return min(ends, default=None)


@dataclass(frozen=True)
class Rotated:
    """The new key, shown this once, and until when the ones before it are good."""

    key_id: str
    api_key: SecretStr
    created_at: datetime
    others_expire_at: datetime


class KeyRing:
    """Lists and changes keys. Each change is one DML statement: there is no moment without a good key.

    Changes take the id of the `request` that they belong to; where an answer of BigQuery's is lost, it finds the job.
    """

    def __init__(
        self,
        rows: Rows,
        jobs: Jobs,
        cipher: Cipher,
        clock: Clock,
        *,
        data_project: str,
        schema: TableSchema,
    ) -> None:
        self._rows, self._jobs, self._cipher, self._clock = rows, jobs, cipher, clock
        self._data_project, self._schema = data_project, schema

    def listed(self, tenant_id: str) -> list[KeyRecord]:
        """The tenant's keys as they are now, newest first. Raises TenantUnknown where there is no table of keys."""
        table = metadata_table(self._data_project, tenant_id, "x_meta_api_keys")
        found = self._rows.stored(table, self._schema, limit=MOST_KEYS) if is_tenant_id(tenant_id) else None
        if found is None:
            raise TenantUnknown(f"there is no tenant {tenant_id[:64]!r}")
        records = [
            KeyRecord(row["key_id"], row["created_at"], row["created_by"], row["expires_at"], row["revoked_at"])
            for row in found
            if row["tenant_id"] == tenant_id
        ]
        return sorted(records, key=lambda record: record.created_at, reverse=True)

    def rotate(self, tenant_id: str, *, key_id: str, created_by: str, grace_s: int, request: str) -> Rotated:
        """Make a new key; the ones before it are good for at most `grace_s` more seconds, with 0 not at all.

        Of two rotations at once both keys are good; the one that was written first is in its grace period. Raises
        TooManyKeys where more than MOST_LIVE would be good: then nothing was changed; TenantUnknown.
        """
        now = self._clock.now()
        records = self.listed(tenant_id)
        too_many = TooManyKeys(
            f"{tenant_id} has as many keys that are good as it may have, {MOST_LIVE}: revoke one that is not used any"
            ' more, or end all others at once with "grace_s": 0'
        )
        # Spares whoever rotates in a loop, and us, the statement that would say the same.
        if grace_s and sum(record.ended_at(now) is None for record in records) >= MOST_LIVE:
            raise too_many
        made, until = make_key(tenant_id, key_id, self._cipher), now + timedelta(seconds=grace_s)
        columns = (
            Parameter("key_id", "STRING", key_id),
            Parameter("tenant_id", "STRING", tenant_id),
            Parameter("key_hash", "STRING", made.key_hash),
            Parameter("key_ciphertext", "BYTES", made.ciphertext),
            Parameter("created_at", "TIMESTAMP", now.isoformat()),
            Parameter("created_by", "STRING", created_by),
        )
        parameters = (
            *columns,
            Parameter("forgotten", "STRING", _forgotten(records, now), array=True),
            Parameter("until", "TIMESTAMP", until.isoformat()),
            Parameter("now", "TIMESTAMP", now.isoformat()),
            # Without grace the others end, however many they are.
            Parameter("most", "INT64", MOST_LIVE if grace_s else MOST_KEYS),
        )
        table = metadata_table(self._data_project, tenant_id, "x_meta_api_keys")
        sql = rotation(table, [column.name for column in columns], parameters)
        if not self._change(sql, tenant_id, request, "rotate"):
            raise too_many
        return Rotated(key_id, made.key, now, until)

    def revoke(self, tenant_id: str, key_id: str, *, keep_last: bool, request: str) -> None:
        """Let the key be good for nothing from now on; one that is revoked stays as it is.

        Raises KeyNotFound, TenantUnknown, or with `keep_last` LastKey where no active key would be left.
        """
        now = self._clock.now()
        records = self.listed(tenant_id)
        if all(record.key_id != key_id for record in records):
            raise KeyNotFound(f"{tenant_id} has no key {key_id[:64]!r}; list the keys to see their ids")
        active = {record.key_id for record in records if record.status(now) == "active"}
        if keep_last and active == {key_id}:
            raise LastKey(
                f"{key_id} is the last active key of {tenant_id}: without one nobody but the operator could let you in"
                ' again. Rotate with "grace_s": 0: that ends it at once and gives you another'
            )
        table = metadata_table(self._data_project, tenant_id, "x_meta_api_keys")
        sql = f"UPDATE `{table}` SET revoked_at = @now WHERE key_id = @key_id AND revoked_at IS NULL"
        parameters = (Parameter("now", "TIMESTAMP", now.isoformat()), Parameter("key_id", "STRING", key_id))
        self._change(Sql(sql, parameters), tenant_id, request, "revoke")

    def _change(self, sql: Sql, tenant_id: str, request: str, operation: str) -> int:
        return change(
            self._jobs, sql, tenant_id=tenant_id, request=request, table="x_meta_api_keys", operation=operation
        )


def rotation(table: TableRef, columns: Sequence[str], parameters: tuple[Parameter, ...]) -> Sql:
    """Insert the new key, end the others `until`, forget old ones; or, with `most` good keys `now`, change no row.

    The source is the new key and all that there are, or nothing: the keys are counted by the statement that adds to
    them, since of two rotations that both saw one place left, one must not have it.
    """
    text = f"""\
MERGE `{table}` AS k
USING (
  SELECT key_id FROM (SELECT @key_id AS key_id UNION DISTINCT SELECT key_id FROM `{table}`)
  WHERE (
    SELECT COUNT(*) FROM `{table}` WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > @now)
  ) < @most
) AS ring ON k.key_id = ring.key_id
WHEN NOT MATCHED BY TARGET THEN INSERT ({", ".join(columns)}) VALUES (@{", @".join(columns)})
WHEN MATCHED AND k.key_id IN UNNEST(@forgotten) THEN DELETE
WHEN MATCHED AND k.key_id != @key_id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > @until)
  THEN UPDATE SET expires_at = @until"""
    return Sql(text, parameters)


def _forgotten(records: Sequence[KeyRecord], now: datetime) -> tuple[str, ...]:
    """The ids of keys that ended so long ago that they are no longer listed."""
    ended = [(end, record.key_id) for record in records if (end := record.ended_at(now)) is not None]
    return tuple(key_id for _, key_id in sorted(ended, reverse=True)[MOST_ENDED - 1 :])
