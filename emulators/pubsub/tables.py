"""What Pub/Sub keeps on disk, and the changes that are made to it."""

from emulators.pubsub.backlog import Message
from emulators.pubsub.journal import Change

TABLES = """
CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS subscriptions (name TEXT PRIMARY KEY, number INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    subscription INTEGER, message INTEGER, failures INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (subscription, message)
) WITHOUT ROWID;
"""


def add_topic(name: str, body: bytes) -> Change:
    """A new topic."""
    return "INSERT INTO topics VALUES (?, ?)", (name, body)


def delete_topic(name: str) -> Change:
    """A topic is no more."""
    return "DELETE FROM topics WHERE name = ?", (name,)


def save_subscription(name: str, number: int, body: bytes) -> Change:
    """A new or changed subscription."""
    return "INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?)", (name, number, body)


def delete_subscription(name: str) -> Change:
    """A subscription is no more; its deliveries are deleted one by one."""
    return "DELETE FROM subscriptions WHERE name = ?", (name,)


def add_message(message: Message) -> Change:
    """A message that at least one subscription holds."""
    return "INSERT INTO messages VALUES (?, ?)", (message.number, message.body.SerializeToString())


def add_delivery(subscription: int, message: int) -> Change:
    """A subscription holds a message."""
    return "INSERT INTO deliveries VALUES (?, ?, 0)", (subscription, message)


def count_failures(subscription: int, message: int, failures: int) -> Change:
    """Deliveries of a message failed so often."""
    change = "UPDATE deliveries SET failures = ? WHERE subscription = ? AND message = ?"
    return change, (failures, subscription, message)


def delete_delivery(subscription: int, message: int) -> Change:
    """A subscription no longer holds a message."""
    return "DELETE FROM deliveries WHERE subscription = ? AND message = ?", (subscription, message)


def delete_message(message: int) -> Change:
    """No subscription holds a message any more."""
    return "DELETE FROM messages WHERE number = ?", (message,)
