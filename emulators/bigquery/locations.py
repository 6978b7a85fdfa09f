"""Where datasets lie and jobs run: US and EU in capitals, regions in small letters.

Source: https://cloud.google.com/bigquery/docs/locations
"""

from __future__ import annotations

import re

from emulators.bigquery.errors import invalid

_LOCATION = re.compile(r"US|EU|[a-z]+(-[a-z]+)+[0-9]+")


def checked_location(text: str) -> str:
    """A location as it is kept; raises invalid for one that no region has.

    >>> checked_location("Us"), checked_location("europe-West1")
    ('US', 'europe-west1')
    """
    location = text.upper() if text.upper() in {"US", "EU"} else text.lower()
    if not _LOCATION.fullmatch(location):
        raise invalid(f"Invalid value for location: {text} is not a valid value")
    return location
