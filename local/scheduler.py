"""What Cloud Scheduler does for a deployment: ask for reconciliation every quarter of an hour."""

import contextlib
import sys
import threading
from types import TracebackType

import grpc
from google.api_core.exceptions import GoogleAPIError

from local.functions import BATCHES_TOPIC, PROJECT

RECONCILE_EVERY_S = 900.0
_RECONCILE = b'{"reconcile": true}'
_CALL_TIMEOUT_S = 10.0


class Scheduler:
    """Publishes `{"reconcile": true}` to the topic of batches, from `with` to its end, first after `every_s`.

    A message that cannot be published is told on stderr; the next one comes all the same.
    """

    def __init__(self, pubsub: str, *, every_s: float = RECONCILE_EVERY_S) -> None:
        self._pubsub, self._every_s = pubsub, every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def __enter__(self) -> "Scheduler":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(_CALL_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self._ask()
            except GoogleAPIError as error:
                with contextlib.suppress(OSError):  # stderr may be gone with the terminal
                    sys.stderr.write(f"reconciliation could not be asked for: {error}\n")

    def _ask(self) -> None:
        from google.pubsub_v1 import PublisherClient, PubsubMessage
        from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

        with grpc.insecure_channel(self._pubsub) as channel:
            PublisherClient(transport=PublisherGrpcTransport(channel=channel)).publish(
                topic=f"projects/{PROJECT}/topics/{BATCHES_TOPIC}",
                messages=[PubsubMessage(data=_RECONCILE)],
                timeout=_CALL_TIMEOUT_S,
                retry=None,
            )
