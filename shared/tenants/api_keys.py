"""API keys: how they are made, kept and checked. A key is shown once; what is kept cannot be turned back into it."""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from shared.contracts.tables import TableSchema
from shared.contracts.tenant import TENANT_ID
from shared.errors import KeyRejected
from shared.ports import Cipher, Clock, Rows
from shared.tenants.freshness import Fresh
from shared.tenants.metadata import metadata_table

_ALPHABET = string.ascii_letters + string.digits
# 26 of 62 characters are 154 bits; rules 3 ask for 128 at least.
RANDOM_CHARACTERS = 26
# Any length that a key may have had in the past; bounds what is hashed for a stranger.
_SHAPE = re.compile(rf"(?P<tenant>{TENANT_ID.strip('^$')})_api_[A-Za-z0-9]{{16,64}}")
TTL_S = 60
MOST_KEPT = 20_000
MOST_KEYS = 100


@dataclass(frozen=True)
class StoredKey:
    """A row of x_meta_api_keys, as far as a check needs it."""

    key_id: str
    key_hash: str
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class NewKey:
    """A key that was just made: the key itself, to be shown once, and what is kept of it."""

    key_id: str
    key: SecretStr
    key_hash: str
    ciphertext: bytes


def make_key(tenant_id: str, key_id: str, cipher: Cipher) -> NewKey:
    """A new key of the tenant, with its ciphertext bound to tenant, field and id."""
    key = mint(tenant_id, secrets.choice)
    text = key.get_secret_value()
    ciphertext = cipher.encrypt(text.encode(), bound_to=f"{tenant_id}|api_key|{key_id}")
    return NewKey(key_id, key, key_hash(text), ciphertext)


def mint(tenant_id: str, choose: Callable[[str], str]) -> SecretStr:
    """A new key `{tenant_id}_api_{random}`; `choose` picks a character, e.g. `secrets.choice`."""
    return SecretStr(f"{tenant_id}_api_" + "".join(choose(_ALPHABET) for _ in range(RANDOM_CHARACTERS)))


def key_hash(key: str) -> str:
    """SHA-256 in hex. A key has 154 random bits, so that no salt or slow hash is needed.

    >>> key_hash("acmeinc_23xv2_api_x")[:8]
    '402f6a9d'
    """
    return hashlib.sha256(key.encode()).hexdigest()


def tenant_of_key(key: str) -> str | None:
    """The tenant that a key names itself, or None where it has not the shape of a key.

    >>> tenant_of_key("acmeinc_23xv2_api_Kx9mPqR7sT2nV8wZ")
    'acmeinc_23xv2'
    """
    found = _SHAPE.fullmatch(key)
    return found["tenant"] if found else None


class ApiKeys:
    """Checks keys against the rows that a free `tabledata.list` finds, kept for at most a minute (rules 3)."""

    def __init__(self, rows: Rows, clock: Clock, *, data_project: str, schema: TableSchema) -> None:
        self._rows, self._clock, self._data_project, self._schema = rows, clock, data_project, schema
        self._kept: Fresh[str, tuple[StoredKey, ...]] = Fresh(clock, ttl_s=TTL_S, size=MOST_KEPT)

    def tenant_of(self, key: str | None, *, before_look_up: Callable[[], None] = lambda: None) -> str:
        """The tenant whose valid key this is. `before_look_up` is called, and may raise, before stored keys are read.

        Raises KeyRejected, the same for a tenant that is not there, a wrong key, a revoked and an expired one.
        """
        tenant_id = tenant_of_key(key or "")
        if tenant_id is None or key is None:
            raise KeyRejected("send the tenant's API key in the header X-API-Key: {tenant_id}_api_…")

        def read() -> tuple[StoredKey, ...]:
            before_look_up()
            return self._read(tenant_id)

        self._valid(key, self._kept.get(tenant_id, read))
        return tenant_id

    def as_it_is_now(self, key: str) -> StoredKey:
        """The stored key of this valid one, read past the cache: for what a revoked key must not do a minute long.

        Raises KeyRejected as `tenant_of` does.
        """
        tenant_id = self.tenant_of(key)
        self.forget(tenant_id)
        return self._valid(key, self._kept.get(tenant_id, lambda: self._read(tenant_id)))

    def _valid(self, key: str, kept: Iterable[StoredKey]) -> StoredKey:
        given, now, found = key_hash(key), self._clock.now(), None
        for stored in kept:
            live = stored.revoked_at is None and (stored.expires_at is None or now < stored.expires_at)
            # Every row is compared, in constant time: how long it takes says nothing about which one is near.
            if hmac.compare_digest(given, stored.key_hash) and live:
                found = stored
        if found is None:
            raise KeyRejected("this API key is not valid")
        return found

    def forget(self, tenant_id: str) -> None:
        """Read this tenant's keys again next time."""
        self._kept.forget(tenant_id)

    def _read(self, tenant_id: str) -> tuple[StoredKey, ...]:
        table = metadata_table(self._data_project, tenant_id, "x_meta_api_keys")
        found = self._rows.stored(table, self._schema, limit=MOST_KEYS) or []
        return tuple(
            StoredKey(row["key_id"], row["key_hash"], row["expires_at"], row["revoked_at"])
            for row in found
            if row["tenant_id"] == tenant_id
        )
