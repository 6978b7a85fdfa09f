"""Page tokens: opaque to the client, the name of the last item to us."""

from __future__ import annotations

import base64
import binascii

from local.bigquery.errors import invalid


def token(last: str) -> str:
    """A token that continues after `last`.

    >>> read(token("ds_1"))
    'ds_1'
    """
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def read(given: str | None) -> str:
    """What the token stands for, '' for the first page; raises invalid for one that was not issued here."""
    if not given:
        return ""
    try:
        return base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise invalid("Invalid page token") from None
