"""Embedded Cloud KMS: symmetric keys, Encrypt and Decrypt with checksums, keys kept on disk.

What is not registered here is answered UNIMPLEMENTED.
"""

import os
import re
from pathlib import Path
from typing import Any

import google_crc32c
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.cloud.kms_v1 import types as kms

from emulators import rpc
from emulators.database import open_database
from emulators.rpc import Code, Refused

# https://cloud.google.com/kms/docs/reference/rpc/google.cloud.kms.v1#encryptrequest (software keys)
_MOST_BYTES = 64 * 1024
_NONCE_BYTES = 12
_VERSION_BYTES = 4
_ID = re.compile(r"[a-zA-Z0-9_-]{1,63}")
_KEY_NAME = re.compile(
    r"(?P<key>projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+)"
    r"(/cryptoKeyVersions/(?P<version>[0-9]{1,9}))?"
)

_TABLES = """
CREATE TABLE IF NOT EXISTS key_rings (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS versions (key TEXT, version INTEGER, material BLOB NOT NULL, PRIMARY KEY (key, version));
"""

_KeyRing, _CryptoKey = rpc.raw(kms.KeyRing), rpc.raw(kms.CryptoKey)
_EncryptResponse, _DecryptResponse = rpc.raw(kms.EncryptResponse), rpc.raw(kms.DecryptResponse)
_ENCRYPT_DECRYPT = int(kms.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT)
_SOFTWARE = int(kms.ProtectionLevel.SOFTWARE)


class KeyManagement:
    """Keys of one data directory. Material never leaves it; each key has one version, `1`."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _TABLES)

    def close(self) -> None:
        """Close the file; calls after this fail."""
        self._database.close()

    def handler(self) -> Any:
        """The gRPC service."""
        return rpc.handler(
            "google.cloud.kms.v1.KeyManagementService",
            {
                "CreateKeyRing": rpc.Method(kms.CreateKeyRingRequest, kms.KeyRing, self._create_key_ring),
                "GetKeyRing": rpc.Method(kms.GetKeyRingRequest, kms.KeyRing, self._get_key_ring),
                "CreateCryptoKey": rpc.Method(kms.CreateCryptoKeyRequest, kms.CryptoKey, self._create_key),
                "GetCryptoKey": rpc.Method(kms.GetCryptoKeyRequest, kms.CryptoKey, self._get_key),
                "Encrypt": rpc.Method(kms.EncryptRequest, kms.EncryptResponse, self._encrypt),
                "Decrypt": rpc.Method(kms.DecryptRequest, kms.DecryptResponse, self._decrypt),
            },
        )

    async def _create_key_ring(self, request: Any) -> Any:
        name = f"{request.parent}/keyRings/{_checked_id(request.key_ring_id)}"
        if self._exists("key_rings", name):
            raise Refused(Code.ALREADY_EXISTS, f"KeyRing {name} already exists.")
        self._database.execute("INSERT INTO key_rings VALUES (?)", (name,))
        return _KeyRing(name=name)

    async def _get_key_ring(self, request: Any) -> Any:
        if not self._exists("key_rings", request.name):
            raise _not_found("KeyRing", request.name)
        return _KeyRing(name=request.name)

    async def _create_key(self, request: Any) -> Any:
        name = f"{request.parent}/cryptoKeys/{_checked_id(request.crypto_key_id)}"
        if not self._exists("key_rings", request.parent):
            raise _not_found("KeyRing", request.parent)
        if request.crypto_key.purpose != _ENCRYPT_DECRYPT:
            raise Refused(Code.UNIMPLEMENTED, "the embedded KMS makes keys of purpose ENCRYPT_DECRYPT only")
        if self._exists("keys", name):
            raise Refused(Code.ALREADY_EXISTS, f"CryptoKey {name} already exists.")
        key = _CryptoKey(name=name, purpose=_ENCRYPT_DECRYPT, labels=request.crypto_key.labels)
        key.primary.name = f"{name}/cryptoKeyVersions/1"
        key.primary.state = int(kms.CryptoKeyVersion.CryptoKeyVersionState.ENABLED)
        key.primary.protection_level = _SOFTWARE
        with self._database:
            self._database.execute("BEGIN")
            self._database.execute("INSERT INTO keys VALUES (?, ?)", (name, key.SerializeToString()))
            material = AESGCM.generate_key(bit_length=256)
            self._database.execute("INSERT INTO versions VALUES (?, 1, ?)", (name, material))
        return key

    async def _get_key(self, request: Any) -> Any:
        row = self._database.execute("SELECT body FROM keys WHERE name = ?", (request.name,)).fetchone()
        if row is None:
            raise _not_found("CryptoKey", request.name)
        return _CryptoKey.FromString(row[0])

    async def _encrypt(self, request: Any) -> Any:
        plaintext, aad = request.plaintext, request.additional_authenticated_data
        _check_size("plaintext", plaintext)
        _check_size("additional_authenticated_data", aad)
        verified = _check_sum(request, "plaintext_crc32c", plaintext)
        aad_verified = _check_sum(request, "additional_authenticated_data_crc32c", aad)
        key, number = _key_and_version(request.name)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._material(key, number)).encrypt(nonce, plaintext, aad)
        response = _EncryptResponse(
            name=f"{key}/cryptoKeyVersions/{number}",
            ciphertext=number.to_bytes(_VERSION_BYTES, "big") + nonce + sealed,
            verified_plaintext_crc32c=verified,
            verified_additional_authenticated_data_crc32c=aad_verified,
            protection_level=_SOFTWARE,
        )
        response.ciphertext_crc32c.value = google_crc32c.value(response.ciphertext)
        return response

    async def _decrypt(self, request: Any) -> Any:
        ciphertext, aad = request.ciphertext, request.additional_authenticated_data
        _check_size("additional_authenticated_data", aad)
        _check_sum(request, "ciphertext_crc32c", ciphertext)
        _check_sum(request, "additional_authenticated_data_crc32c", aad)
        failed = Refused(
            Code.INVALID_ARGUMENT,
            "Decryption failed: verify that 'name' refers to the correct CryptoKey.",
        )
        key, _ = _key_and_version(request.name)
        self._material(key, 1)  # an unknown key is NOT_FOUND, whatever the ciphertext
        number, sealed = int.from_bytes(ciphertext[:_VERSION_BYTES], "big"), ciphertext[_VERSION_BYTES:]
        if number != 1 or len(sealed) < _NONCE_BYTES:
            raise failed
        try:
            cipher = AESGCM(self._material(key, number))
            plaintext = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad)
        except InvalidTag:
            raise failed from None
        response = _DecryptResponse(plaintext=plaintext, used_primary=True, protection_level=_SOFTWARE)
        response.plaintext_crc32c.value = google_crc32c.value(plaintext)
        return response

    def _material(self, key: str, version: int) -> bytes:
        row = self._database.execute(
            "SELECT material FROM versions WHERE key = ? AND version = ?", (key, version)
        ).fetchone()
        if row is None:
            raise _not_found("CryptoKey", key)
        return bytes(row[0])

    def _exists(self, table: str, name: str) -> bool:
        query = f"SELECT 1 FROM {table} WHERE name = ?"
        return self._database.execute(query, (name,)).fetchone() is not None


def _key_and_version(name: str) -> tuple[str, int]:
    """The key and the version that a name means; the primary version, 1, where it names a key only."""
    match = _KEY_NAME.fullmatch(name)
    if match is None:
        raise Refused(Code.INVALID_ARGUMENT, f"The request contains an invalid key name: {name!r}.")
    return match["key"], int(match["version"] or 1)


def _checked_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise Refused(Code.INVALID_ARGUMENT, f"id {text!r} does not match {_ID.pattern}")
    return text


def _check_size(field: str, value: bytes) -> None:
    if len(value) > _MOST_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"{field} has {len(value)} bytes; the maximum is {_MOST_BYTES} bytes.")


def _check_sum(request: Any, field: str, value: bytes) -> bool:
    """Whether a checksum was given; one that does not fit is refused, as KMS does."""
    if not request.HasField(field):
        return False
    if getattr(request, field).value != google_crc32c.value(value):
        raise Refused(Code.INVALID_ARGUMENT, f"The checksum in field {field} did not match the data.")
    return True


def _not_found(kind: str, name: str) -> Refused:
    return Refused(Code.NOT_FOUND, f"{kind} {name} not found.")
