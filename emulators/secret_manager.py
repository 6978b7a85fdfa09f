"""Embedded Secret Manager: create, list and delete secrets, add versions, access one by number or `latest`.

What is not registered here is answered UNIMPLEMENTED.
"""

import re
from pathlib import Path
from typing import Any

import google_crc32c
from google.cloud.secretmanager_v1 import types as secrets
from google.protobuf.empty_pb2 import Empty

from emulators import rpc
from emulators.database import open_database
from emulators.rpc import Code, Refused

# https://cloud.google.com/secret-manager/quotas: size of a secret version payload
_MOST_BYTES = 64 * 1024
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_VERSION_NAME = re.compile(r"(?P<secret>projects/[^/]+/secrets/[^/]+)/versions/(?P<version>latest|[0-9]{1,18})")

_TABLES = """
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS versions (secret TEXT, version INTEGER, data BLOB NOT NULL, PRIMARY KEY (secret, version));
"""

_Secret, _SecretVersion = rpc.raw(secrets.Secret), rpc.raw(secrets.SecretVersion)
_AccessResponse = rpc.raw(secrets.AccessSecretVersionResponse)
_ListResponse = rpc.raw(secrets.ListSecretsResponse)
_ENABLED = int(secrets.SecretVersion.State.ENABLED)


class SecretManager:
    """Secrets of one data directory. Versions count from 1 and are never changed."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _TABLES)

    def close(self) -> None:
        """Close the file; calls after this fail."""
        self._database.close()

    def handler(self) -> Any:
        """The gRPC service."""
        add, access = secrets.AddSecretVersionRequest, secrets.AccessSecretVersionRequest
        return rpc.handler(
            "google.cloud.secretmanager.v1.SecretManagerService",
            {
                "CreateSecret": rpc.Method(secrets.CreateSecretRequest, secrets.Secret, self._create),
                "GetSecret": rpc.Method(secrets.GetSecretRequest, secrets.Secret, self._get),
                "ListSecrets": rpc.Method(secrets.ListSecretsRequest, secrets.ListSecretsResponse, self._list),
                "DeleteSecret": rpc.Method(secrets.DeleteSecretRequest, Empty, self._delete),
                "AddSecretVersion": rpc.Method(add, secrets.SecretVersion, self._add_version),
                "AccessSecretVersion": rpc.Method(access, secrets.AccessSecretVersionResponse, self._access),
            },
        )

    async def _create(self, request: Any) -> Any:
        if not _ID.fullmatch(request.secret_id):
            raise Refused(Code.INVALID_ARGUMENT, f"The provided Secret ID [{request.secret_id}] is invalid.")
        if not request.secret.HasField("replication"):
            raise Refused(Code.INVALID_ARGUMENT, "Field [secret.replication] is required.")
        name = f"{request.parent}/secrets/{request.secret_id}"
        if self._secret(name) is not None:
            raise Refused(Code.ALREADY_EXISTS, f"Secret [{name}] already exists.")
        secret = _Secret()
        secret.CopyFrom(request.secret)
        secret.name = name
        self._database.execute("INSERT INTO secrets VALUES (?, ?)", (name, secret.SerializeToString()))
        return secret

    async def _get(self, request: Any) -> Any:
        secret = self._secret(request.name)
        if secret is None:
            raise Refused(Code.NOT_FOUND, f"Secret [{request.name}] not found.")
        return secret

    async def _list(self, request: Any) -> Any:
        """All of a project, on one page."""
        if request.filter:
            raise Refused(Code.UNIMPLEMENTED, "The embedded Secret Manager does not honour filter.")
        found = self._database.execute(
            "SELECT body FROM secrets WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name",
            (f"{request.parent}/secrets/",),
        ).fetchall()
        return _ListResponse(secrets=[_Secret.FromString(body) for (body,) in found], total_size=len(found))

    async def _delete(self, request: Any) -> Any:
        if self._secret(request.name) is None:
            raise Refused(Code.NOT_FOUND, f"Secret [{request.name}] not found.")
        self._database.execute("DELETE FROM versions WHERE secret = ?", (request.name,))
        self._database.execute("DELETE FROM secrets WHERE name = ?", (request.name,))
        return Empty()

    async def _add_version(self, request: Any) -> Any:
        secret, payload = request.parent, request.payload
        if self._secret(secret) is None:
            raise Refused(Code.NOT_FOUND, f"Secret [{secret}] not found.")
        if not payload.data or len(payload.data) > _MOST_BYTES:
            raise Refused(Code.INVALID_ARGUMENT, f"Secret Payload must have 1 to {_MOST_BYTES} bytes.")
        has_sum = payload.HasField("data_crc32c")
        if has_sum and payload.data_crc32c != google_crc32c.value(payload.data):
            raise Refused(Code.INVALID_ARGUMENT, "The payload does not match its checksum in data_crc32c.")
        (last,) = self._database.execute(
            "SELECT coalesce(max(version), 0) FROM versions WHERE secret = ?", (secret,)
        ).fetchone()
        self._database.execute("INSERT INTO versions VALUES (?, ?, ?)", (secret, last + 1, payload.data))
        return _SecretVersion(
            name=f"{secret}/versions/{last + 1}",
            state=_ENABLED,
            client_specified_payload_checksum=has_sum,
        )

    async def _access(self, request: Any) -> Any:
        match = _VERSION_NAME.fullmatch(request.name)
        if match is None:
            raise Refused(Code.INVALID_ARGUMENT, f"Invalid resource field value in the request: {request.name!r}.")
        secret, version = match["secret"], match["version"]
        wanted = None if version == "latest" else int(version)
        row = self._database.execute(
            "SELECT version, data FROM versions WHERE secret = ?1 AND version = coalesce(?2, version)"
            " ORDER BY version DESC LIMIT 1",
            (secret, wanted),
        ).fetchone()
        if row is None:
            what = "Secret" if self._secret(secret) is None else "Secret Version"
            raise Refused(Code.NOT_FOUND, f"{what} [{request.name}] not found or has no versions.")
        number, data = row
        response = _AccessResponse(name=f"{secret}/versions/{number}")
        response.payload.data = data
        response.payload.data_crc32c = google_crc32c.value(data)
        return response

    def _secret(self, name: str) -> Any:
        row = self._database.execute("SELECT body FROM secrets WHERE name = ?", (name,)).fetchone()
        return None if row is None else _Secret.FromString(row[0])
