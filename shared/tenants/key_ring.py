"""A tenant's API keys as a whole: list, rotate, revoke."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import SecretStr

from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import TableSchema
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
        jobs: Callable[[], Jobs],
        cipher: Callable[[], Cipher],
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
        TooManyKeys where more than MOST_LIVE would be good, TenantUnknown.
        """
        now = self._clock.now()
        records = self.listed(tenant_id)
        live = [record for record in records if record.ended_at(now) is None]
        if grace_s and len(live) >= MOST_LIVE:
            raise TooManyKeys(
                f"{tenant_id} has {len(live)} keys that are good, and may have {MOST_LIVE}: revoke one that is not"
                ' used any more, or end all others at once with "grace_s": 0'
            )
        made, until = make_key(tenant_id, key_id, self._cipher()), now + timedelta(seconds=grace_s)
        columns = (
            Parameter("key_id", "STRING", key_id),
            Parameter("tenant_id", "STRING", tenant_id),
            Parameter("key_hash", "STRING", made.key_hash),
            Parameter("key_ciphertext", "BYTES", made.ciphertext),
            Parameter("created_at", "TIMESTAMP", now.isoformat()),
            Parameter("created_by", "STRING", created_by),
        )
        names = [column.name for column in columns]
        text = f"""
            MERGE `{metadata_table(self._data_project, tenant_id, "x_meta_api_keys")}` AS k
            USING (SELECT @key_id AS key_id) AS made ON k.key_id = made.key_id
            WHEN NOT MATCHED BY TARGET THEN INSERT ({", ".join(names)}) VALUES (@{", @".join(names)})
            WHEN NOT MATCHED BY SOURCE AND k.key_id IN UNNEST(@forgotten) THEN DELETE
            WHEN NOT MATCHED BY SOURCE AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > @until)
                THEN UPDATE SET expires_at = @until"""
        forgotten = Parameter("forgotten", "STRING", _forgotten(records, now), array=True)
        parameters = (*columns, forgotten, Parameter("until", "TIMESTAMP", until.isoformat()))
        self._change(Sql(text.strip(), parameters), tenant_id, request, "rotate")
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

    def _change(self, sql: Sql, tenant_id: str, request: str, operation: str) -> None:
        change(self._jobs(), sql, tenant_id=tenant_id, request=request, table="x_meta_api_keys", operation=operation)


def _forgotten(records: Sequence[KeyRecord], now: datetime) -> tuple[str, ...]:
    """The ids of keys that ended so long ago that they are no longer listed."""
    ended = [(end, record.key_id) for record in records if (end := record.ended_at(now)) is not None]
    return tuple(key_id for _, key_id in sorted(ended, reverse=True)[MOST_ENDED - 1 :])
