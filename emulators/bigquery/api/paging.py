"""Pages: tokens opaque to the client, to us what is listed and the last item of it.

Source: https://cloud.google.com/bigquery/docs/paging-results
"""

from __future__ import annotations

import base64
import binascii

from emulators.bigquery.errors import invalid


def token(listed: str, last: str | int) -> str:
    """A token that continues after `last` in the list `listed`.

    >>> read("datasets", token("datasets", "ds_1"))
    'ds_1'
    """
    return base64.urlsafe_b64encode(f"{listed}\n{last}".encode()).decode().rstrip("=")


def read(listed: str, given: str | None) -> str:
    """What the token stands for, '' for the first page; raises invalid for one that was not issued for this list."""
    if not given:
        return ""
    try:
        content = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise invalid("Invalid page token") from None
    owner, _, last = content.partition("\n")
    if owner != listed or not last:
        raise invalid("Invalid page token")
    return last
