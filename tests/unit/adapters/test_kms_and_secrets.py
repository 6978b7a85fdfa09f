"""Checksums tell a damaged answer from a good one; a secret is read once."""

from types import SimpleNamespace
from typing import Any, cast

import google_crc32c
import pytest
from google.cloud import kms_v1, secretmanager_v1

from shared.adapters.kms import KmsCipher
from shared.adapters.secret_manager import SecretManagerSecrets
from shared.errors import Unavailable


class Kms:
    """Answers as KMS does, but for what it was told."""

    def __init__(self, **changes: object) -> None:
        self._changes = changes

    def encrypt(self, request: Any, **_: object) -> Any:
        assert request.plaintext_crc32c == google_crc32c.value(request.plaintext)
        assert request.additional_authenticated_data == b"tenant|field|id"
        answer = {
            "ciphertext": b"sealed",
            "ciphertext_crc32c": google_crc32c.value(b"sealed"),
            "verified_plaintext_crc32c": True,
            "verified_additional_authenticated_data_crc32c": True,
        }
        return SimpleNamespace(**(answer | self._changes))

    def decrypt(self, request: Any, **_: object) -> Any:
        assert request.ciphertext_crc32c == google_crc32c.value(request.ciphertext)
        assert request.additional_authenticated_data == b"tenant|field|id"
        answer = {"plaintext": b"secret", "plaintext_crc32c": google_crc32c.value(b"secret")}
        return SimpleNamespace(**(answer | self._changes))


def encrypt(**changes: object) -> bytes:
    client = cast(kms_v1.KeyManagementServiceClient, Kms(**changes))
    return KmsCipher(client, "key").encrypt(b"secret", bound_to="tenant|field|id")


def test_an_undamaged_answer_is_taken() -> None:
    assert encrypt() == b"sealed"


@pytest.mark.parametrize(
    "changes",
    [
        {"ciphertext": b"seales"},
        {"verified_plaintext_crc32c": False},
        {"verified_additional_authenticated_data_crc32c": False},
    ],
)
def test_bytes_that_changed_on_the_way_are_asked_for_again(changes: dict[str, object]) -> None:
    with pytest.raises(Unavailable):
        encrypt(**changes)


def decrypt(**changes: object) -> bytes:
    client = cast(kms_v1.KeyManagementServiceClient, Kms(**changes))
    return KmsCipher(client, "key").decrypt(b"sealed", bound_to="tenant|field|id")


def test_what_was_decrypted_is_checked_too() -> None:
    assert decrypt() == b"secret"
    with pytest.raises(Unavailable):
        decrypt(plaintext=b"secreu")


class SecretManager:
    def __init__(self, damaged: bool = False) -> None:
        self._damaged, self.reads = damaged, 0

    def access_secret_version(self, **_: object) -> Any:
        self.reads += 1
        data = b"secret\n"
        payload = SimpleNamespace(data=data, data_crc32c=google_crc32c.value(data) + self._damaged)
        return SimpleNamespace(payload=payload)


def secrets(service: SecretManager) -> SecretManagerSecrets:
    return SecretManagerSecrets(cast(secretmanager_v1.SecretManagerServiceClient, service))


def test_a_secret_is_read_once_an_instance() -> None:
    service = SecretManager()
    kept = secrets(service)
    assert (kept.read("a"), kept.read("a"), service.reads) == ("secret", "secret", 1)


def test_a_damaged_secret_is_not_kept() -> None:
    service = SecretManager(damaged=True)
    kept = secrets(service)
    for _ in range(2):
        with pytest.raises(Unavailable):
            kept.read("a")
    assert service.reads == 2
