"""Embedded Pub/Sub: topics, publish, push with backoff and dead letters, pull; kept on disk."""

from emulators.pubsub.broker import Broker
from emulators.pubsub.service import handlers

__all__ = ["Broker", "handlers"]
