"""Secrets: a pinned version is read once and kept."""

from dataclasses import dataclass

import pytest
from google.cloud import secretmanager_v1

from shared.adapters.secret_manager import SecretManagerSecrets, client
from shared.errors import NotFound
from shared.ports import Secrets
from tests.contract.ports.cloud import Cloud
from tests.fakes import FakeSecrets

VERSIONS = ["first", "second with é\n"]


@dataclass(frozen=True)
class Stored:
    """A secret with `VERSIONS`, by its full name."""

    secrets: Secrets
    name: str

    def read(self, version: int) -> str:
        return self.secrets.read(f"{self.name}/versions/{version}")


@pytest.fixture
def stored(backend: str, request: pytest.FixtureRequest) -> Stored:
    if backend == "fake":
        name = "projects/p/secrets/admin-key"
        return Stored(FakeSecrets({f"{name}/versions/{number}": text for number, text in enumerate(VERSIONS, 1)}), name)
    cloud: Cloud = request.getfixturevalue("cloud")
    made = client(cloud.secret_manager)
    replication = secretmanager_v1.Replication(automatic=secretmanager_v1.Replication.Automatic())
    secret = made.create_secret(
        parent=f"projects/{cloud.project}",
        secret_id=cloud.name(),
        secret=secretmanager_v1.Secret(replication=replication),
    )
    for text in VERSIONS:
        made.add_secret_version(parent=secret.name, payload=secretmanager_v1.SecretPayload(data=text.encode()))
    return Stored(SecretManagerSecrets(made), secret.name)


def test_each_version_is_read_by_its_number(stored: Stored) -> None:
    assert stored.read(1) == "first"


def test_white_space_around_is_no_part_of_it(stored: Stored) -> None:
    assert stored.read(2) == "second with é"


def test_read_again_it_is_the_same(stored: Stored) -> None:
    assert stored.read(1) == stored.read(1)


@pytest.mark.parametrize("missing", ["/versions/3", "-no-such/versions/1"])
def test_what_is_not_there_is_an_error_for_good(stored: Stored, missing: str) -> None:
    with pytest.raises(NotFound):
        stored.secrets.read(f"{stored.name}{missing}")
