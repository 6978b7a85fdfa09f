"""A full disk is a refusal that passes, in every embedded service, and nothing is half written.

docs/error-messages (https://cloud.google.com/bigquery): backendError, HTTP 503, "retry"; UNAVAILABLE of gRPC is what
Google's clients try again (https://google.aip.dev/194).
"""

import contextlib
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.api_core import exceptions
from google.cloud import bigquery, kms_v1, secretmanager_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1 import types as pubsub
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from emulators.bigquery.jobs.job import Job
from emulators.bigquery.storage.catalog import Catalog
from emulators.bigquery.storage.database import Database
from emulators.bigquery.storage.history import History
from emulators.tests.bigquery.database import connect, refusal

CALL: dict[str, Any] = {"timeout": 10.0, "retry": None}
BIG = "x" * 200_000


class Served:
    """A service whose disk the test fills and empties."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.directory = directory
        self._process = subprocess.Popen(
            [sys.executable, "-m", "emulators.tests.full_disk", kind, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.address = f"127.0.0.1:{int(self._out.readline())}"
        self.url = f"http://{self.address}"

    def say(self, word: str) -> None:
        self._in.write(f"{word}\n")
        self._in.flush()
        assert self._out.readline() == "ok\n"

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        self.say("full")
        try:
            yield
        finally:
            self.say("space")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)
        self._in.close()
        self._out.close()


@contextlib.contextmanager
def served(kind: str, directory: Path) -> Iterator[Served]:
    found = Served(kind, directory)
    try:
        yield found
    finally:
        found.kill()


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("bigquery", tmp_path_factory.mktemp("bigquery")) as found:
        client = connect(found.url, "p")
        client.create_dataset("p.d", **CALL)
        client.create_table(bigquery.Table("p.d.t", [bigquery.SchemaField("s", "STRING")]), **CALL)
        client.close()  # type: ignore[no-untyped-call]
        yield found


@pytest.fixture
def client(disk: Served) -> Iterator[bigquery.Client]:
    with contextlib.closing(connect(disk.url, "p")) as found:
        yield found


def rows(client: bigquery.Client) -> int:
    ((count,),) = [tuple(r.values()) for r in client.query("SELECT COUNT(*) FROM d.t").result()]
    return int(count)


def files(disk: Served) -> set[str]:
    return {path.name for path in disk.directory.rglob("*.arrow")}


def query(client: bigquery.Client, sql: str, job_id: str | None = None) -> None:
    client.query(sql, job_id=job_id, job_retry=None, **CALL).result(retry=None, job_retry=None, timeout=10)


def load(client: bigquery.Client, job_id: str | None = None) -> None:
    config = bigquery.LoadJobConfig(schema=[bigquery.SchemaField("s", "STRING")])
    content = [{"s": BIG}, {"s": BIG}]
    client.load_table_from_json(content, "p.d.t", job_config=config, job_id=job_id, num_retries=0).result(retry=None)


def test_a_stream_into_a_full_disk_can_be_tried_again(disk: Served, client: bigquery.Client) -> None:
    before = rows(client)
    with disk.full():
        refused = refusal(lambda: client.insert_rows_json("p.d.t", [{"s": BIG}], row_ids=["one"], **CALL))

    assert (refused.status, refused.reason) == (503, "backendError")
    assert client.insert_rows_json("p.d.t", [{"s": BIG}], row_ids=["one"], **CALL) == []
    assert rows(client) == before + 1


@pytest.mark.parametrize("sql", ["SELECT REPEAT('x', 900000) AS s", "INSERT d.t (s) VALUES (REPEAT('x', 900000))"])
def test_a_query_whose_end_cannot_be_recorded_is_no_job(disk: Served, client: bigquery.Client, sql: str) -> None:
    before, kept, used = rows(client), files(disk), f"job-{uuid.uuid4().hex}"
    with disk.full():
        refused = refusal(lambda: query(client, sql, used))

    assert (refused.status, refused.reason) == (503, "backendError")
    assert refusal(lambda: client.get_job(used, **CALL)).status == 404
    assert (rows(client), files(disk)) == (before, kept)
    query(client, sql, used)


def test_a_load_into_a_full_disk_leaves_nothing(disk: Served, client: bigquery.Client) -> None:
    before, kept, used = rows(client), files(disk), f"job-{uuid.uuid4().hex}"
    with disk.full():
        refused = refusal(lambda: load(client, used))

    assert (refused.status, refused.reason) == (503, "backendError")
    assert (rows(client), files(disk)) == (before, kept)
    load(client, used)
    assert rows(client) == before + 2


def test_tables_and_datasets_on_a_full_disk_are_not_made(disk: Served, client: bigquery.Client) -> None:
    name = f"t_{uuid.uuid4().hex}"
    table = bigquery.Table(f"p.d.{name}", [bigquery.SchemaField("s", "STRING", description=BIG[:1000])] * 1)
    table.description = BIG
    with disk.full():
        refused = refusal(lambda: client.create_table(table, **CALL))
        assert refusal(lambda: client.get_table(f"p.d.{name}", **CALL)).status == 404

    assert (refused.status, refused.reason) == (503, "backendError")
    client.create_table(table, **CALL)


def test_what_was_there_can_be_read_from_a_full_disk(disk: Served, client: bigquery.Client) -> None:
    with disk.full():
        assert client.get_table("p.d.t", **CALL).table_id == "t"


# -- gRPC ------------------------------------------------------------------------------------------------


def test_a_topic_and_a_message_that_cannot_be_kept_are_unavailable(tmp_path: Path) -> None:
    with served("pubsub", tmp_path) as disk, grpc.insecure_channel(disk.address) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        topic, second, reader = "projects/p/topics/t-one", "projects/p/topics/t-two", "projects/p/subscriptions/reader"
        publisher.create_topic(name=topic, **CALL)
        subscriber.create_subscription(name=reader, topic=topic, **CALL)
        with disk.full():
            for act in (
                lambda: publisher.publish(topic=topic, messages=[pubsub.PubsubMessage(data=BIG.encode())], **CALL),
                lambda: publisher.create_topic(request={"name": second, "labels": {"k": "v" * 63}}, **CALL),
                lambda: subscriber.create_subscription(name=f"{reader}-two", topic=topic, **CALL),
            ):
                with pytest.raises(exceptions.ServiceUnavailable):
                    act()
        assert publisher.publish(topic=topic, messages=[pubsub.PubsubMessage(data=b"after")], **CALL).message_ids
        publisher.create_topic(name=second, **CALL)
        subscriber.create_subscription(name=f"{reader}-two", topic=topic, **CALL)
        received = subscriber.pull(subscription=reader, max_messages=10, **CALL).received_messages
        assert [r.message.data for r in received] == [b"after"]


def test_a_key_that_cannot_be_kept_is_unavailable(tmp_path: Path) -> None:
    with served("kms", tmp_path) as disk, grpc.insecure_channel(disk.address) as channel:
        client = kms_v1.KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=channel))
        ring = "projects/p/locations/us/keyRings/r"
        client.create_key_ring(parent="projects/p/locations/us", key_ring_id="r", key_ring=kms_v1.KeyRing(), **CALL)
        request = {"parent": ring, "crypto_key_id": "k", "crypto_key": {"purpose": 1}}
        with disk.full(), pytest.raises(exceptions.ServiceUnavailable):
            client.create_crypto_key(request=request, **CALL)

        client.create_crypto_key(request=request, **CALL)
        assert client.encrypt(name=f"{ring}/cryptoKeys/k", plaintext=b"x", **CALL).ciphertext


def test_a_secret_that_cannot_be_kept_is_unavailable(tmp_path: Path) -> None:
    with served("secret_manager", tmp_path) as disk, grpc.insecure_channel(disk.address) as channel:
        transport = SecretManagerServiceGrpcTransport(channel=channel)
        client = secretmanager_v1.SecretManagerServiceClient(transport=transport)
        secret = {"parent": "projects/p", "secret_id": "s", "secret": {"replication": {"automatic": {}}}}
        name = client.create_secret(request=secret, **CALL).name
        version = {"parent": name, "payload": {"data": b"x" * 60_000}}
        with disk.full(), pytest.raises(exceptions.ServiceUnavailable):
            client.add_secret_version(request=version, **CALL)

        assert client.add_secret_version(request=version, **CALL).name.endswith("/1")


def test_a_mail_that_cannot_be_kept_is_503(tmp_path: Path) -> None:
    mail = {
        "from": {"email": "a@example.com"},
        "personalizations": [{"to": [{"email": "b@example.com"}]}],
        "subject": "s",
        "content": [{"type": "text/plain", "value": BIG}],
    }
    headers = {"authorization": "Bearer SG.right"}
    with served("sendgrid", tmp_path) as disk:
        with disk.full():
            assert httpx.post(f"{disk.url}/v3/mail/send", json=mail, headers=headers).status_code == 503
        assert httpx.get(f"{disk.url}/mails").json() == []
        assert httpx.post(f"{disk.url}/v3/mail/send", json=mail, headers=headers).status_code == 202


class FullAtPurge(History):
    """Has no space for the purge that every job may bring."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self._writes = -1

    def purge(self) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error


def test_a_job_that_is_recorded_does_not_fail_for_what_is_tidied_up_afterwards(tmp_path: Path) -> None:
    database = Database(tmp_path)
    history = FullAtPurge(Catalog(database, lambda: 0))
    job = Job("p", "US", "j", {"jobType": "QUERY"}, 1)

    history.save(job.resource(), None)

    assert history.exists("p", "j", "US")
    database.close()
