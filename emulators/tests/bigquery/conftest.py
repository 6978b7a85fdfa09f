"""One embedded BigQuery for the session, and a dataset of its own for each test."""

import contextlib
import itertools
import os
from collections.abc import Iterator

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import OTHER_DATABASE, Clock, Database, connect, serve


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("bigquery"), clock) as found:
        yield found


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[bigquery.Client]:
    with contextlib.closing(connect(url, "contract")) as found:
        yield found


_numbers = itertools.count()


@pytest.fixture
def db(request: pytest.FixtureRequest, clock: Clock) -> Database:
    if OTHER_DATABASE in request.config.stash:
        found: Database = request.getfixturevalue(request.config.stash[OTHER_DATABASE])
        return found
    client, url = request.getfixturevalue("client"), request.getfixturevalue("url")
    return Database(client, url, clock, f"ds_{os.getpid()}_{next(_numbers)}")
