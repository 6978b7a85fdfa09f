"""What the runners of jobs need of the service that takes the jobs in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from emulators.bigquery.engine import Engine
from emulators.bigquery.jobs.job import Job
from emulators.bigquery.storage.catalog import Catalog


class Host(Protocol):
    """Keeps the tables and the history of jobs."""

    catalog: Catalog
    engine: Engine

    def finish(self, job: Job, also: Callable[[], Any] | None) -> None:
        """End a job and, in the same transaction, put in place what it wrote."""

    def table_lock(self, uid: int) -> AbstractContextManager[None]:
        """Hold a table, so that statements that change its rows go one after the other."""
