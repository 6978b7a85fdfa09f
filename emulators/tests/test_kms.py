"""What the product relies on in Cloud KMS, through Google's client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from google.api_core import exceptions
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from emulators.kms import KeyManagement

LOCATION = "projects/p/locations/us"
RING = f"{LOCATION}/keyRings/convergence"
KEY = f"{RING}/cryptoKeys/credentials"
CALL: dict[str, Any] = {"timeout": 5.0, "retry": None}


class Kms:
    def __init__(self, channel: Any) -> None:
        self.client = kms_v1.KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=channel))

    def create(self, key: str = "credentials") -> Any:
        purpose = kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT
        request = {"parent": RING, "crypto_key_id": key, "crypto_key": {"purpose": purpose}}
        return self.client.create_crypto_key(request=request, **CALL)

    def encrypt(self, plaintext: bytes, aad: bytes = b"", **more: Any) -> Any:
        request = {"name": KEY, "plaintext": plaintext, "additional_authenticated_data": aad, **more}
        return self.client.encrypt(request=request, **CALL)

    def decrypt(self, ciphertext: bytes, aad: bytes = b"", **more: Any) -> Any:
        request = {"name": KEY, "ciphertext": ciphertext, "additional_authenticated_data": aad, **more}
        return self.client.decrypt(request=request, **CALL)


@pytest.fixture
def kms(loop_thread: Any, tmp_path: Path) -> Iterator[Kms]:
    service = loop_thread.call(lambda: KeyManagement(tmp_path / "kms.sqlite"))
    with loop_thread.channel_to([service.handler()]) as channel:
        kms = Kms(channel)
        kms.client.create_key_ring(request={"parent": LOCATION, "key_ring_id": "convergence"}, **CALL)
        kms.create()
        yield kms
    loop_thread.call(service.close)


def test_what_was_encrypted_is_decrypted_with_the_same_aad(kms: Kms) -> None:
    encrypted = kms.encrypt(b"secret", b"acme|key|1")
    assert encrypted.name == f"{KEY}/cryptoKeyVersions/1"
    assert b"secret" not in encrypted.ciphertext
    assert kms.decrypt(encrypted.ciphertext, b"acme|key|1").plaintext == b"secret"


def test_the_same_plaintext_is_never_encrypted_alike(kms: Kms) -> None:
    assert kms.encrypt(b"secret").ciphertext != kms.encrypt(b"secret").ciphertext


def test_checksums_are_verified_and_returned(kms: Kms) -> None:
    plaintext, aad = b"secret", b"acme|key|1"
    encrypted = kms.encrypt(
        plaintext,
        aad,
        plaintext_crc32c=google_crc32c.value(plaintext),
        additional_authenticated_data_crc32c=google_crc32c.value(aad),
    )
    assert encrypted.verified_plaintext_crc32c
    assert encrypted.verified_additional_authenticated_data_crc32c
    assert encrypted.ciphertext_crc32c == google_crc32c.value(encrypted.ciphertext)
    decrypted = kms.decrypt(encrypted.ciphertext, aad, ciphertext_crc32c=encrypted.ciphertext_crc32c)
    assert decrypted.plaintext_crc32c == google_crc32c.value(plaintext)


def test_a_checksum_not_sent_is_not_reported_as_verified(kms: Kms) -> None:
    encrypted = kms.encrypt(b"secret")
    assert not encrypted.verified_plaintext_crc32c
    assert not encrypted.verified_additional_authenticated_data_crc32c


@pytest.mark.parametrize("field", ["plaintext_crc32c", "additional_authenticated_data_crc32c"])
def test_a_wrong_checksum_is_refused_when_encrypting(kms: Kms, field: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=field):
        kms.encrypt(b"secret", b"aad", **{field: 1})


@pytest.mark.parametrize("field", ["ciphertext_crc32c", "additional_authenticated_data_crc32c"])
def test_a_wrong_checksum_is_refused_when_decrypting(kms: Kms, field: str) -> None:
    ciphertext = kms.encrypt(b"secret", b"aad").ciphertext
    with pytest.raises(exceptions.InvalidArgument, match=field):
        kms.decrypt(ciphertext, b"aad", **{field: 1})


def test_another_aad_does_not_decrypt(kms: Kms) -> None:
    ciphertext = kms.encrypt(b"secret", b"acme|key|1").ciphertext
    with pytest.raises(exceptions.InvalidArgument, match="Decryption failed"):
        kms.decrypt(ciphertext, b"acme|key|2")


@pytest.mark.parametrize("position", [0, 3, 4, 15, 16, -1])
def test_a_changed_ciphertext_does_not_decrypt(kms: Kms, position: int) -> None:
    ciphertext = bytearray(kms.encrypt(b"secret").ciphertext)
    ciphertext[position] ^= 1
    with pytest.raises(exceptions.InvalidArgument, match="Decryption failed"):
        kms.decrypt(bytes(ciphertext))


@pytest.mark.parametrize("length", [0, 1, 4, 15, 16])
def test_a_truncated_ciphertext_does_not_decrypt(kms: Kms, length: int) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="Decryption failed"):
        kms.decrypt(kms.encrypt(b"secret").ciphertext[:length])


def test_a_key_does_not_decrypt_what_another_encrypted(kms: Kms) -> None:
    kms.create("api-keys")
    ciphertext = kms.encrypt(b"secret").ciphertext
    with pytest.raises(exceptions.InvalidArgument, match="Decryption failed"):
        kms.decrypt(ciphertext, name=f"{RING}/cryptoKeys/api-keys")


def test_64_kib_is_the_most(kms: Kms) -> None:
    most = bytes(64 * 1024)
    assert kms.decrypt(kms.encrypt(most, most).ciphertext, most).plaintext == most
    with pytest.raises(exceptions.InvalidArgument, match="65537 bytes"):
        kms.encrypt(most + b"x")
    with pytest.raises(exceptions.InvalidArgument, match="65537 bytes"):
        kms.encrypt(b"", most + b"x")


def test_an_unknown_key_is_not_found(kms: Kms) -> None:
    unknown = f"{RING}/cryptoKeys/unknown"
    with pytest.raises(exceptions.NotFound, match="unknown"):
        kms.encrypt(b"x", name=unknown)
    with pytest.raises(exceptions.NotFound, match="unknown"):
        kms.decrypt(b"x", name=unknown)
    with pytest.raises(exceptions.NotFound, match="unknown"):
        kms.client.get_crypto_key(name=unknown, **CALL)


def test_a_key_encrypts_with_a_version_that_is_named(kms: Kms) -> None:
    encrypted = kms.encrypt(b"x", name=f"{KEY}/cryptoKeyVersions/1")
    assert kms.decrypt(encrypted.ciphertext).plaintext == b"x"
    with pytest.raises(exceptions.NotFound):
        kms.encrypt(b"x", name=f"{KEY}/cryptoKeyVersions/2")


def test_what_is_no_key_name_is_refused(kms: Kms) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="key name"):
        kms.encrypt(b"x", name=RING)
    with pytest.raises(exceptions.InvalidArgument, match="key name"):
        kms.encrypt(b"x", name=f"{KEY}/cryptoKeyVersions/one")


def test_creating_twice_says_that_it_is_there(kms: Kms) -> None:
    with pytest.raises(exceptions.AlreadyExists):
        kms.create()
    with pytest.raises(exceptions.AlreadyExists):
        kms.client.create_key_ring(request={"parent": LOCATION, "key_ring_id": "convergence"}, **CALL)
    assert kms.client.get_crypto_key(name=KEY, **CALL).primary.name == f"{KEY}/cryptoKeyVersions/1"


def test_what_is_not_embedded_is_unimplemented(kms: Kms) -> None:
    with pytest.raises(exceptions.MethodNotImplemented):
        kms.client.list_key_rings(parent=LOCATION, **CALL)


def test_keys_are_kept_on_disk(loop_thread: Any, tmp_path: Path, kms: Kms) -> None:
    ciphertext = kms.encrypt(b"secret").ciphertext
    reopened = loop_thread.call(lambda: KeyManagement(tmp_path / "kms.sqlite"))
    with loop_thread.channel_to([reopened.handler()]) as channel:
        assert Kms(channel).decrypt(ciphertext).plaintext == b"secret"
    loop_thread.call(reopened.close)
