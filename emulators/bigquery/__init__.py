"""An embedded BigQuery: the REST API on DuckDB, strict, with its state on disk.

>>> app = create_app(pathlib.Path("/tmp/bigquery"))  # doctest: +SKIP
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulators.bigquery.api.http import App

__all__ = ["create_app"]


def create_app(
    data_dir: pathlib.Path,
    *,
    clock: Callable[[], datetime] | None = None,
    permissions: pathlib.Path | None = None,
) -> App:
    """An ASGI application whose state is in `data_dir`; its lifespan opens and closes the files.

    `clock` yields aware datetimes; it rules creation times, CURRENT_TIMESTAMP, the streaming buffer, expiry.
    `permissions` is a file of grants (`access.grants`): then a call needs a bearer token out of it and the permissions
    that Google documents for it. Raises ValueError, naming the place, for a file that is none. Without, everybody may
    do everything.
    One process at a time may use a data directory.
    """
    from emulators.bigquery.access import grants
    from emulators.bigquery.api.http import App
    from emulators.bigquery.api.routes import ROUTES
    from emulators.bigquery.clock import utc_now
    from emulators.bigquery.service import Service

    accounts = None if permissions is None else grants.read(permissions)
    return App(lambda: Service(data_dir, clock or utc_now, accounts), ROUTES)
