"""Secret Manager by Google's client; a pinned version never changes, so it is read once an instance (facts 30)."""

import threading

import google_crc32c
import grpc
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport

from shared.adapters.google_errors import translated
from shared.errors import Unavailable

TIMEOUT_S = 10.0


def client(endpoint: str) -> secretmanager_v1.SecretManagerServiceClient:
    """Google's client; with an endpoint, of an embedded Secret Manager."""
    if endpoint:
        transport = SecretManagerServiceGrpcTransport(channel=grpc.insecure_channel(endpoint))
        return secretmanager_v1.SecretManagerServiceClient(transport=transport)
    return secretmanager_v1.SecretManagerServiceClient()


class SecretManagerSecrets:
    """`ports.Secrets`."""

    def __init__(self, client: secretmanager_v1.SecretManagerServiceClient) -> None:
        self._client = client
        self._kept: dict[str, str] = {}
        self._lock = threading.Lock()

    def read(self, name: str) -> str:
        """See the port. Surrounding white space, such as the newline of `echo`, is no part of a secret."""
        with self._lock:
            if name not in self._kept:
                with translated("Secret Manager"):
                    payload = self._client.access_secret_version(name=name, timeout=TIMEOUT_S).payload
                if google_crc32c.value(payload.data) != payload.data_crc32c:
                    raise Unavailable("Secret Manager: the bytes changed on the way")
                self._kept[name] = payload.data.decode().strip()
            return self._kept[name]
