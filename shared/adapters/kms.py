"""Cloud KMS by Google's client, with the checksums that tell a damaged answer from a good one (facts 29)."""

import google_crc32c
import grpc
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from shared.adapters.google_errors import translated
from shared.errors import Unavailable

TIMEOUT_S = 10.0


def client(endpoint: str) -> kms_v1.KeyManagementServiceClient:
    """Google's client; with an endpoint, of an embedded KMS."""
    if endpoint:
        transport = KeyManagementServiceGrpcTransport(channel=grpc.insecure_channel(endpoint))
        return kms_v1.KeyManagementServiceClient(transport=transport)
    return kms_v1.KeyManagementServiceClient()


class KmsCipher:
    """`ports.Cipher` with one KMS key; `bound_to` is the additional authenticated data."""

    def __init__(self, client: kms_v1.KeyManagementServiceClient, key: str) -> None:
        self._client, self._key = client, key

    def encrypt(self, plaintext: bytes, *, bound_to: str) -> bytes:
        """See the port. Raises Unavailable when a checksum says that bytes changed on the way: try again."""
        aad = bound_to.encode()
        request = kms_v1.EncryptRequest(
            name=self._key,
            plaintext=plaintext,
            plaintext_crc32c=google_crc32c.value(plaintext),
            additional_authenticated_data=aad,
            additional_authenticated_data_crc32c=google_crc32c.value(aad),
        )
        with translated("KMS"):
            answer = self._client.encrypt(request, timeout=TIMEOUT_S)
        whole = answer.verified_plaintext_crc32c and answer.verified_additional_authenticated_data_crc32c
        if not whole or google_crc32c.value(answer.ciphertext) != answer.ciphertext_crc32c:
            raise Unavailable("KMS: the bytes changed on the way")
        return bytes(answer.ciphertext)

    def decrypt(self, ciphertext: bytes, *, bound_to: str) -> bytes:
        """See the port. Raises Unavailable when a checksum says that bytes changed on the way: try again."""
        aad = bound_to.encode()
        request = kms_v1.DecryptRequest(
            name=self._key,
            ciphertext=ciphertext,
            ciphertext_crc32c=google_crc32c.value(ciphertext),
            additional_authenticated_data=aad,
            additional_authenticated_data_crc32c=google_crc32c.value(aad),
        )
        with translated("KMS"):
            answer = self._client.decrypt(request, timeout=TIMEOUT_S)
        if google_crc32c.value(answer.plaintext) != answer.plaintext_crc32c:
            raise Unavailable("KMS: the bytes changed on the way")
        return bytes(answer.plaintext)
