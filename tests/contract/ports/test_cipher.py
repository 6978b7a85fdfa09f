"""Cipher: what it encrypts comes back only where the same is named that it was bound to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import kms_v1

from local.kms import KeyManagement
from shared.adapters.kms import KmsCipher, client
from shared.errors import NotFound, PayloadRefused
from shared.ports import Cipher
from tests.fakes import FakeCipher
from tests.loop_thread import LoopThread

RING = "projects/p/locations/us/keyRings/convergence"
KEY = f"{RING}/cryptoKeys/api-keys"
BOUND = "acmeinc_23xv2|api_key|k1"


@pytest.fixture
def kms(loop_thread: LoopThread, tmp_path: Path) -> Iterator[kms_v1.KeyManagementServiceClient]:
    service = loop_thread.call(lambda: KeyManagement(tmp_path / "kms.sqlite"))
    with loop_thread.serving([service.handler()]) as address:
        made = client(address)
        made.create_key_ring(parent="projects/p/locations/us", key_ring_id="convergence", key_ring=kms_v1.KeyRing())
        key = kms_v1.CryptoKey(purpose=kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT)
        made.create_crypto_key(parent=RING, crypto_key_id="api-keys", crypto_key=key)
        yield made
    loop_thread.call(service.close)


@pytest.fixture(params=["fake", "embedded"])
def cipher(request: pytest.FixtureRequest) -> Cipher:
    return FakeCipher() if request.param == "fake" else KmsCipher(request.getfixturevalue("kms"), KEY)


@pytest.mark.parametrize("plaintext", [b"acmeinc_23xv2_api_x", b"\x00\xff", b"a" * 64 * 1024])
def test_what_was_encrypted_can_be_decrypted(cipher: Cipher, plaintext: bytes) -> None:
    ciphertext = cipher.encrypt(plaintext, bound_to=BOUND)
    assert plaintext not in ciphertext
    assert cipher.decrypt(ciphertext, bound_to=BOUND) == plaintext


def test_bound_to_something_else_it_cannot(cipher: Cipher) -> None:
    ciphertext = cipher.encrypt(b"secret", bound_to=BOUND)
    with pytest.raises(PayloadRefused):
        cipher.decrypt(ciphertext, bound_to=BOUND.replace("acmeinc_23xv2", "bytefactory_xv23"))


@pytest.mark.parametrize("ciphertext", [b"", b"x", b"\x00\x00\x00\x01" + b"x" * 40])
def test_what_is_no_ciphertext_of_the_key_is_refused(cipher: Cipher, ciphertext: bytes) -> None:
    with pytest.raises(PayloadRefused):
        cipher.decrypt(ciphertext, bound_to=BOUND)


def test_the_same_text_gives_another_ciphertext(cipher: Cipher) -> None:
    one, other = (cipher.encrypt(b"secret", bound_to=BOUND) for _ in range(2))
    assert one != other


def test_more_than_64_kib_are_refused(cipher: Cipher) -> None:
    with pytest.raises(PayloadRefused):
        cipher.encrypt(b"a" * (64 * 1024 + 1), bound_to=BOUND)


def test_a_key_that_is_not_there_is_an_error_for_good(kms: kms_v1.KeyManagementServiceClient) -> None:
    with pytest.raises(NotFound):
        KmsCipher(kms, f"{RING}/cryptoKeys/no-such-key").encrypt(b"secret", bound_to=BOUND)
