"""Secrets: a pinned version is read once and kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import secretmanager_v1

from local.secret_manager import SecretManager
from shared.adapters.secret_manager import SecretManagerSecrets, client
from shared.errors import NotFound
from shared.ports import Secrets
from tests.fakes import FakeSecrets
from tests.loop_thread import LoopThread

SECRET = "projects/p/secrets/admin-key"
VERSIONS = ["first", "second with é\n"]


@pytest.fixture
def embedded(loop_thread: LoopThread, tmp_path: Path) -> Iterator[Secrets]:
    service = loop_thread.call(lambda: SecretManager(tmp_path / "secrets.sqlite"))
    with loop_thread.serving([service.handler()]) as address:
        made = client(address)
        replication = secretmanager_v1.Replication(automatic=secretmanager_v1.Replication.Automatic())
        secret = secretmanager_v1.Secret(replication=replication)
        made.create_secret(parent="projects/p", secret_id="admin-key", secret=secret)
        for text in VERSIONS:
            payload = secretmanager_v1.SecretPayload(data=text.encode())
            made.add_secret_version(parent=SECRET, payload=payload)
        yield SecretManagerSecrets(made)
    loop_thread.call(service.close)


@pytest.fixture(params=["fake", "embedded"])
def secrets(request: pytest.FixtureRequest) -> Secrets:
    if request.param == "embedded":
        found: Secrets = request.getfixturevalue("embedded")
        return found
    return FakeSecrets({f"{SECRET}/versions/{number}": text for number, text in enumerate(VERSIONS, 1)})


def test_each_version_is_read_by_its_number(secrets: Secrets) -> None:
    assert secrets.read(f"{SECRET}/versions/1") == "first"


def test_white_space_around_is_no_part_of_it(secrets: Secrets) -> None:
    assert secrets.read(f"{SECRET}/versions/2") == "second with é"


def test_read_again_it_is_the_same(secrets: Secrets) -> None:
    assert secrets.read(f"{SECRET}/versions/1") == secrets.read(f"{SECRET}/versions/1")


@pytest.mark.parametrize("name", [f"{SECRET}/versions/3", "projects/p/secrets/no-such/versions/1"])
def test_what_is_not_there_is_an_error_for_good(secrets: Secrets, name: str) -> None:
    with pytest.raises(NotFound):
        secrets.read(name)
