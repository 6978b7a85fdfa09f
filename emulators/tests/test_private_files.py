"""What the embedded services keep is their owner's alone, whatever the umask and whoever made the folder."""

import asyncio
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from emulators.bigquery.clock import utc_now
from emulators.bigquery.service import Service
from emulators.bigquery.storage import fragments
from emulators.kms import KeyManagement
from emulators.private import folder
from emulators.pubsub import Broker
from emulators.secret_manager import SecretManager
from emulators.sendgrid import Sink


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """The most careless of users: everything is everybody's unless said otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(directory: Path) -> dict[str, str]:
    """The files and folders below a directory that are not the owner's alone."""
    found = {str(path.relative_to(directory)): path.stat().st_mode for path in directory.rglob("*")}
    return {name: oct(stat.S_IMODE(mode)) for name, mode in found.items() if mode & 0o077}


async def _broker(path: Path) -> None:
    await Broker(path).close()


STORES: dict[str, Callable[[Path], Any]] = {
    "kms": KeyManagement,
    "secret_manager": SecretManager,
    "sendgrid": lambda path: Sink(path, "SG.x"),
    "pubsub": lambda path: asyncio.run(_broker(path)),
}


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("was_there", [False, True])
def test_a_database_is_its_owners_alone(tmp_path: Path, kind: str, was_there: bool) -> None:
    path = tmp_path / "store.sqlite"
    if was_there:
        path.touch()

    store = STORES[kind](path)

    assert (path.exists(), modes(tmp_path)) == (True, {})
    if store is not None:
        store.close()


@pytest.mark.parametrize("was_there", [False, True])
def test_the_data_directory_of_bigquery_is_its_owners_alone(tmp_path: Path, was_there: bool) -> None:
    directory = tmp_path / "bigquery"
    if was_there:
        (directory / "fragments").mkdir(parents=True)
        (directory / "bigquery.sqlite3").touch()

    service = Service(directory, utc_now)
    try:
        fragments.write_file(service.catalog.files, b"rows")
        assert len(list(directory.iterdir())) >= 3
        assert modes(tmp_path) == {}
    finally:
        service.close()


def test_rows_that_were_readable_are_closed_at_the_next_start(tmp_path: Path) -> None:
    service = Service(tmp_path, utc_now)
    service.catalog.create_dataset("p", "d", "US", {})
    table = service.catalog.create_table(("p", "d", "t"), {"schema": []})
    big = pa.table({"s": ["x" * fragments.INLINE_BYTES]})
    piece = fragments.write(service.catalog.files, big, (), "")
    assert piece.file is not None
    (service.catalog.files / piece.file).chmod(0o644)
    with service.database.transaction() as db:
        db.execute(
            "INSERT INTO fragments (uid, seq, part, rows, bytes, leaves, streamed, created_ms, file, additions)"
            " VALUES (?, 1, '', 1, 1, '{}', 0, 0, ?, '[]')",
            (table.uid, piece.file),
        )
    service.close()

    Service(tmp_path, utc_now).close()

    assert modes(tmp_path) == {}


def test_a_folder_that_many_share_stays_open(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)

    folder(shared)

    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
