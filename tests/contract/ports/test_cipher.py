"""Cipher: what it encrypts comes back only where the same is named that it was bound to."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from google.api_core import exceptions as google
from google.cloud import kms_v1

from shared.adapters.kms import KmsCipher, client
from shared.errors import NotFound, PayloadRefused
from shared.ports import Cipher
from tests.contract.ports.cloud import Cloud
from tests.fakes import FakeCipher

# Made once a project and kept: a key ring is there for good, and so is a key for as long as it has versions.
RING, KEY = "convergence-system", "contract"
BOUND = "acmeinc_23xv2|api_key|k1"


@pytest.fixture(scope="session")
def cipher_of(cloud: Cloud) -> Callable[[str], Cipher]:
    """The real adapter with the key of this name; KEY is there."""
    kms = client(cloud.kms)
    location = f"projects/{cloud.project}/locations/{cloud.region}"
    ring = f"{location}/keyRings/{RING}"
    key = kms_v1.CryptoKey(purpose=kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT)
    made_once(kms.create_key_ring, parent=location, key_ring_id=RING, key_ring=kms_v1.KeyRing())
    made_once(kms.create_crypto_key, parent=ring, crypto_key_id=KEY, crypto_key=key)
    return lambda name: KmsCipher(kms, f"{ring}/cryptoKeys/{name}")


def made_once(create: Callable[..., Any], **what: Any) -> None:
    with suppress(google.AlreadyExists):
        create(**what)


@pytest.fixture
def cipher(backend: str, request: pytest.FixtureRequest) -> Cipher:
    if backend == "fake":
        return FakeCipher()
    made: Cipher = request.getfixturevalue("cipher_of")(KEY)
    return made


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


def test_a_key_that_is_not_there_is_an_error_for_good(cipher_of: Callable[[str], Cipher]) -> None:
    with pytest.raises(NotFound):
        cipher_of("no-such-key").encrypt(b"secret", bound_to=BOUND)
