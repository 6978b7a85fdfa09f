"""What the product relies on in Secret Manager, through Google's client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from google.api_core import exceptions
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport

from emulators.secret_manager import SecretManager

SECRET = "projects/p/secrets/admin-key"
CALL: dict[str, Any] = {"timeout": 5.0, "retry": None}


class Secrets:
    def __init__(self, channel: Any) -> None:
        transport = SecretManagerServiceGrpcTransport(channel=channel)
        self.client = secretmanager_v1.SecretManagerServiceClient(transport=transport)

    def create(self, secret_id: str = "admin-key") -> None:
        secret: dict[str, Any] = {"replication": {"automatic": {}}}
        request = {"parent": "projects/p", "secret_id": secret_id, "secret": secret}
        self.client.create_secret(request=request, **CALL)

    def add(self, data: bytes, **more: Any) -> Any:
        request = {"parent": SECRET, "payload": {"data": data, **more}}
        return self.client.add_secret_version(request=request, **CALL)

    def access(self, version: str, secret: str = SECRET) -> Any:
        return self.client.access_secret_version(name=f"{secret}/versions/{version}", **CALL)


@pytest.fixture
def secrets(loop_thread: Any, tmp_path: Path) -> Iterator[Secrets]:
    service = loop_thread.call(lambda: SecretManager(tmp_path / "secrets.sqlite"))
    with loop_thread.channel_to([service.handler()]) as channel:
        secrets = Secrets(channel)
        secrets.create()
        yield secrets
    loop_thread.call(service.close)


def test_versions_count_from_one_and_stay(secrets: Secrets) -> None:
    assert secrets.add(b"first").name == f"{SECRET}/versions/1"
    assert secrets.add(b"second").name == f"{SECRET}/versions/2"
    assert secrets.access("1").payload.data == b"first"
    assert secrets.access("2").payload.data == b"second"


def test_latest_is_the_last_version_and_says_which(secrets: Secrets) -> None:
    secrets.add(b"first")
    secrets.add(b"second")
    latest = secrets.access("latest")
    assert (latest.payload.data, latest.name) == (b"second", f"{SECRET}/versions/2")


def test_the_payload_comes_with_its_checksum(secrets: Secrets) -> None:
    secrets.add(b"first", data_crc32c=google_crc32c.value(b"first"))
    assert secrets.access("1").payload.data_crc32c == google_crc32c.value(b"first")


def test_a_wrong_checksum_is_refused(secrets: Secrets) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="data_crc32c"):
        secrets.add(b"first", data_crc32c=1)


@pytest.mark.parametrize("size", [0, 64 * 1024 + 1])
def test_a_payload_has_1_byte_to_64_kib(secrets: Secrets, size: int) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="65536 bytes"):
        secrets.add(bytes(size))


@pytest.mark.parametrize("version", ["1", "latest"])
def test_a_missing_version_is_not_found(secrets: Secrets, version: str) -> None:
    with pytest.raises(exceptions.NotFound, match="Version"):
        secrets.access(version)


def test_a_missing_secret_is_not_found(secrets: Secrets) -> None:
    missing = "projects/p/secrets/missing"
    with pytest.raises(exceptions.NotFound, match="missing"):
        secrets.access("1", secret=missing)
    with pytest.raises(exceptions.NotFound, match="missing"):
        secrets.client.get_secret(name=missing, **CALL)
    with pytest.raises(exceptions.NotFound, match="missing"):
        secrets.client.add_secret_version(request={"parent": missing, "payload": {"data": b"x"}}, **CALL)


@pytest.mark.parametrize("version", ["", "one", "-1", "1/2", "9" * 30])
def test_what_is_no_version_name_is_refused(secrets: Secrets, version: str) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        secrets.access(version)


def test_creating_twice_says_that_it_is_there(secrets: Secrets) -> None:
    with pytest.raises(exceptions.AlreadyExists):
        secrets.create()
    assert secrets.client.get_secret(name=SECRET, **CALL).name == SECRET


def test_a_project_lists_its_own(secrets: Secrets) -> None:
    secrets.create("second-key")
    other = {"parent": "projects/p2", "secret_id": "x", "secret": {"replication": {"automatic": {}}}}
    secrets.client.create_secret(request=other, **CALL)
    listed = secrets.client.list_secrets(parent="projects/p", **CALL)
    assert [one.name for one in listed] == [SECRET, "projects/p/secrets/second-key"]


def test_a_deleted_secret_is_gone_with_its_versions(secrets: Secrets) -> None:
    secrets.add(b"first")
    secrets.client.delete_secret(name=SECRET, **CALL)
    with pytest.raises(exceptions.NotFound):
        secrets.client.delete_secret(name=SECRET, **CALL)
    secrets.create()
    with pytest.raises(exceptions.NotFound):
        secrets.access("1")


def test_what_is_not_embedded_is_unimplemented(secrets: Secrets) -> None:
    with pytest.raises(exceptions.MethodNotImplemented):
        secrets.client.destroy_secret_version(name=f"{SECRET}/versions/1", **CALL)
    with pytest.raises(exceptions.MethodNotImplemented, match="does not honour filter"):
        secrets.client.list_secrets(request={"parent": "projects/p", "filter": "name:x"}, **CALL)


def test_secrets_are_kept_on_disk(loop_thread: Any, tmp_path: Path, secrets: Secrets) -> None:
    secrets.add(b"first")
    reopened = loop_thread.call(lambda: SecretManager(tmp_path / "secrets.sqlite"))
    with loop_thread.channel_to([reopened.handler()]) as channel:
        assert Secrets(channel).access("1").payload.data == b"first"
    loop_thread.call(reopened.close)
