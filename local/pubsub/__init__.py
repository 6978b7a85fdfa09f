"""Embedded Pub/Sub: topics, publish, push with backoff and dead letters, pull; kept on disk."""

from local.pubsub.broker import Broker
from local.pubsub.service import handlers

__all__ = ["Broker", "handlers"]
