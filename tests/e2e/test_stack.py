"""The processes of the local stack: they come up, stay up, and go, whatever is done to them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, kms_v1, secretmanager_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from emulators.pubsub import Broker, handlers
from emulators.tests.loop_thread import LoopThread
from local.data_dir import DataDir
from local.functions import FUNCTIONS, ROOT, Function
from local.stack import Options, Ready, Stack, StackError
from tests.e2e.conftest import Up, are_gone, eventually

pytestmark = pytest.mark.timeout(120)

CALL: dict[str, Any] = {"timeout": 20.0, "retry": None}
PROJECT = "projects/convergence-local"
KEY = f"{PROJECT}/locations/us/keyRings/convergence/cryptoKeys/api-keys"

# 3 s where nothing else runs.
STOPS_WITHIN_S = 10.0
# What a stack starts where it is not the functions that are tested: each takes a second.
API_ALONE = "--functions=api"
ALL = f"--functions={','.join(one.name for one in FUNCTIONS)}"

Start = Callable[..., Up]

ECHO = """
import flask

pushed = []

def echo(request):
    if request.method == "POST":
        pushed.append(request.get_json())
    return flask.jsonify(pushed)
"""


@contextmanager
def services(ready: Any) -> Iterator[Any]:
    """Google's clients of a stack, by name."""
    with grpc.insecure_channel(ready["pubsub"]) as pubsub, grpc.insecure_channel(ready["kms"]) as others:
        yield {
            "publisher": PublisherClient(transport=PublisherGrpcTransport(channel=pubsub)),
            "subscriber": SubscriberClient(transport=SubscriberGrpcTransport(channel=pubsub)),
            "kms": kms_v1.KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=others)),
            "secrets": secretmanager_v1.SecretManagerServiceClient(
                transport=SecretManagerServiceGrpcTransport(channel=others)
            ),
        }


@contextmanager
def warehouse(ready: Any) -> Iterator[bigquery.Client]:
    options = {"api_endpoint": ready["bigquery"]}
    with closing(bigquery.Client(ready["project"], AnonymousCredentials(), client_options=options)) as client:
        yield client


def publish(ready: Any, topic: str, data: bytes) -> None:
    with services(ready) as client:
        client["publisher"].publish(
            request={"topic": f"{PROJECT}/topics/{topic}", "messages": [{"data": data}]}, **CALL
        )


def echoes(tmp_path: Path, *names: str) -> tuple[Function, ...]:
    """The API and the functions of these names, each replaced by one that remembers what was pushed to it."""
    folder = tmp_path / "echo"
    folder.mkdir()
    (folder / "main.py").write_text(ECHO)
    return tuple(
        Function(one.name, str(folder), "echo", threads=2, topics=one.topics, settings=one.settings)
        for one in FUNCTIONS
        if one.name in ("api", *names)
    )


def refused(*arguments: str) -> tuple[int, str]:
    """Exit status and stderr of a stack that does not start."""
    ended = subprocess.run(
        [sys.executable, "-m", "local", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False
    )
    return ended.returncode, ended.stderr


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A stack for tests that leave it as they found it: what they kill is started again."""
    stack = Up(tmp_path_factory.mktemp("lasting"), "--no-sample", API_ALONE)
    try:
        stack.wait()
        yield stack
    finally:
        stack.end()


def started_again(stack: Up, name: str, killed: int) -> int:
    """The process of this name, once it is another than the one that was killed."""
    pid: int = eventually(lambda: stack.ready["pids"][name] != killed and stack.ready["pids"][name])
    return pid


@pytest.mark.parametrize(
    ("number", "started"), [(signal.SIGTERM, ALL), (signal.SIGINT, API_ALONE), (signal.SIGHUP, API_ALONE)]
)
def test_a_signal_ends_everything_and_soon(up: Start, number: signal.Signals, started: str) -> None:
    stack = up("--no-sample", started)
    ready = stack.wait()
    assert sorted(ready["pids"].values()) == sorted(stack.children())
    began = time.monotonic()
    assert stack.end(number) == 0
    assert time.monotonic() - began < STOPS_WITHIN_S
    assert are_gone(list(ready["pids"].values()))
    assert stack.errors.read_text() == ""
    assert not Path(ready["logs"]).exists(), "without --data-dir nothing is kept"


def test_a_signal_while_it_starts_ends_everything(up: Start) -> None:
    stack = up("--no-sample", API_ALONE)
    children = eventually(stack.children)
    assert stack.end(signal.SIGINT) == 0
    assert are_gone(children)
    assert not stack.ready_file.exists()


def test_what_is_up_answers_on_the_loopback_address_only(lasting: Up) -> None:
    ready = lasting.ready
    assert httpx.get(f"{ready['api']}/healthz", timeout=20).status_code == 200
    assert httpx.get(f"{ready['sendgrid']}/mails", timeout=20).json() == []
    ports = {httpx.URL(ready[name]).port for name in ("api", "bigquery", "sendgrid")}
    ports |= {int(ready[name].rpartition(":")[2]) for name in ("pubsub", "kms", "secret_manager")}
    tables = [table for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if table.exists()]
    if not tables:
        pytest.skip("listening addresses are read from /proc, which is Linux's")
    entries = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    listening = {tuple(entry[1].split(":")) for entry in entries if entry[3] == "0A"}
    addresses = {address for address, port in listening if int(port, 16) in ports}
    # 127.0.0.1, and the same as gRPC writes it: ::ffff:127.0.0.1
    assert addresses <= {"0100007F", "0000000000000000FFFF00000100007F"}
    assert addresses


def test_a_killed_function_is_started_again_at_the_same_address(lasting: Up) -> None:
    ready = lasting.ready
    killed = ready["pids"]["api"]
    os.kill(killed, signal.SIGKILL)
    assert httpx.get(f"{ready['api']}/healthz", timeout=20).status_code == 200
    assert started_again(lasting, "api", killed) in lasting.children()
    assert are_gone([killed])
    assert "api ended (signal 9) and is started again; see " in lasting.errors.read_text()


def test_killed_services_are_started_again_with_what_they_knew(lasting: Up) -> None:
    ready = lasting.ready
    publish(ready, "pipeline-dead-letters", b"kept")
    os.kill(ready["pids"]["services"], signal.SIGKILL)
    started_again(lasting, "services", ready["pids"]["services"])
    waiting = httpx.get(f"{ready['sendgrid']}/pubsub", timeout=20).json()
    assert waiting["push_held"] is False
    assert waiting["subscriptions"][f"{PROJECT}/subscriptions/pipeline-dead-letters-kept"]["unacked"] == 1
    with warehouse(ready) as client:
        assert client.get_table("convergence__control.x_meta_runs", timeout=20).schema


def test_every_confirmed_message_survives_the_kill_of_the_services(lasting: Up) -> None:
    ready = lasting.ready
    confirmed: list[str] = []

    def publish_until_it_fails(client: Any) -> None:
        request = {"topic": f"{PROJECT}/topics/pipeline-dead-letters", "messages": [{"data": bytes(100)}] * 200}
        with suppress(GoogleAPICallError):
            while True:
                confirmed.extend(client["publisher"].publish(request=request, **CALL).message_ids)

    with services(ready) as client, ThreadPoolExecutor(4) as publishers:
        publishing = [publishers.submit(publish_until_it_fails, client) for _ in range(4)]
        eventually(lambda: len(confirmed) > 2_000)
        os.kill(ready["pids"]["services"], signal.SIGKILL)
        for one in publishing:
            one.result()
    started_again(lasting, "services", ready["pids"]["services"])
    received: set[str] = set()
    request = {"subscription": f"{PROJECT}/subscriptions/pipeline-dead-letters-kept", "max_messages": 1_000}
    with services(ready) as client:
        httpx.get(f"{ready['sendgrid']}/pubsub", timeout=20).raise_for_status()
        while not received.issuperset(confirmed):
            pulled = client["subscriber"].pull(request=request, timeout=10, retry=None).received_messages
            assert pulled, f"{len(set(confirmed) - received)} of {len(confirmed)} confirmed messages are lost"
            received.update(one.message.message_id for one in pulled)


@pytest.mark.parametrize("victim", ["supervisor", "everything"])
def test_a_killed_stack_leaves_no_process_and_loses_nothing(up: Start, tmp_path: Path, victim: str) -> None:
    kept = f"--data-dir={tmp_path / 'kept'}"
    first = up("--no-sample", API_ALONE, kept)
    ready = first.wait()
    with services(ready) as client:
        ciphertext = client["kms"].encrypt(request={"name": KEY, "plaintext": b"secret"}, **CALL).ciphertext
    publish(ready, "pipeline-dead-letters", b"kept")
    with warehouse(ready) as database:
        database.create_dataset("convergence-local.acmeinc_23xv2", timeout=20)
        database.create_table(
            bigquery.Table("convergence-local.acmeinc_23xv2.costs", [bigquery.SchemaField("cost", "NUMERIC")]),
            timeout=5,
        )
    first.process.kill()
    for pid in ready["pids"].values() if victim == "everything" else ():
        os.killpg(pid, signal.SIGKILL)
    first.process.wait()
    second = up("--no-sample", API_ALONE, kept, f"--port={httpx.URL(ready['api']).port}")
    again = second.wait()
    assert are_gone(list(ready["pids"].values()))

    assert (again["api"], again["admin_key"]) == (ready["api"], ready["admin_key"])
    with services(again) as client:
        assert client["kms"].decrypt(request={"name": KEY, "ciphertext": ciphertext}, **CALL).plaintext == b"secret"
        admin_key = client["secrets"].access_secret_version(name=f"{PROJECT}/secrets/admin-key/versions/1", **CALL)
        assert admin_key.payload.data.decode() == ready["admin_key"]
        request = {"subscription": f"{PROJECT}/subscriptions/pipeline-dead-letters-kept", "max_messages": 5}
        received = client["subscriber"].pull(request=request, **CALL).received_messages
        assert [one.message.data for one in received] == [b"kept"]
    with warehouse(again) as database:
        assert [field.name for field in database.get_table("acmeinc_23xv2.costs", timeout=20).schema] == ["cost"]


def test_a_message_waits_for_the_function_of_the_next_stack(tmp_path: Path) -> None:
    api, bulk = echoes(tmp_path, "run_pipeline_bulk")
    without = Options(port=0, data_dir=tmp_path / "kept", sample=False, functions=(api,))
    subscription = f"{PROJECT}/subscriptions/pipeline-runs-bulk-push"

    def state(ready: Ready) -> Any:
        return httpx.get(f"{ready.sendgrid}/pubsub", timeout=20).json()["subscriptions"][subscription]

    stack = Stack(without)
    with stack as ready:
        publish(vars(ready), "pipeline-runs-bulk", b"{}")
        assert state(ready)["unacked"] == 1
    assert stack.pids == {}
    with Stack(replace(without, functions=(api, bulk))) as ready:
        eventually(lambda: state(ready)["unacked"] == 0)
        (pushed,) = httpx.get(state(ready)["push_endpoint"], timeout=20).json()
        assert pushed["subscription"] == subscription
        assert pushed["deliveryAttempt"] == 1


def test_a_killed_function_gets_its_message_again(tmp_path: Path) -> None:
    stack = Stack(Options(port=0, sample=False, functions=echoes(tmp_path, "run_pipeline")))
    with stack as ready:
        os.kill(ready.pids["run_pipeline"], signal.SIGKILL)
        publish(vars(ready), "pipeline-runs", b"{}")
        subscription = f"{PROJECT}/subscriptions/pipeline-runs-push"

        def unacked() -> int:
            states = httpx.get(f"{ready.sendgrid}/pubsub", timeout=20).json()["subscriptions"]
            return int(states[subscription]["unacked"])

        eventually(lambda: unacked() == 0)


def test_a_function_that_does_not_start_is_an_error_that_shows_why(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("raise RuntimeError('no such setting')")
    broken = Function("api", str(tmp_path), "api", threads=1)
    stack = Stack(Options(port=0, sample=False, functions=(broken,)))
    with pytest.raises(StackError, match=r"api ended while it started; the end of .*api\.log:(\n.*)*no such setting"):
        stack.__enter__()
    assert stack.pids == {}


def test_the_users_own_pubsub_is_used_instead_of_the_embedded_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = LoopThread()
    broker: Broker = thread.call(lambda: Broker(tmp_path / "own.sqlite"))
    with thread.serving(handlers(broker)) as address:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", address)
        with Stack(Options(port=0, sample=False, functions=echoes(tmp_path, "run_pipeline"))) as ready:
            assert ready.pubsub == address
            assert ready.kms != address
            assert httpx.get(f"{ready.sendgrid}/pubsub", timeout=20).status_code == 404
            publish(vars(ready), "pipeline-runs", b"{}")
            own = broker.subscriptions[f"{PROJECT}/subscriptions/pipeline-runs-push"]
            eventually(lambda: own.backlog.unacked == 0)
    thread.run(broker.close())
    thread.close()


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, message = refused("up", f"--port={port}")
    assert (status, message) == (
        2,
        f"cannot use port {port}: Address already in use; choose another with --port, 0 for any free one\n",
    )


def test_a_stack_that_is_refused_leaves_the_ready_file_of_the_one_that_runs(lasting: Up) -> None:
    before, port = lasting.ready_file.read_text(), httpx.URL(lasting.ready["api"]).port
    status, _ = refused("up", f"--port={port}", f"--ready-file={lasting.ready_file}")
    assert status == 2
    assert lasting.ready_file.read_text() == before


def test_the_ready_file_of_a_stack_that_was_killed_is_removed_before_another_is_ready(tmp_path: Path) -> None:
    left = tmp_path / "ready.json"
    with socket.socket() as gone, socket.socket() as taken:
        for one in (gone, taken):  # bound alone: nobody else gets the port, and connections are refused
            one.bind(("127.0.0.1", 0))
        taken.listen()
        left.write_text(f'{{"api": "http://127.0.0.1:{gone.getsockname()[1]}"}}')
        refused("up", f"--port={taken.getsockname()[1]}", f"--ready-file={left}")
    assert not left.exists()


def test_what_is_no_port_is_one_clear_line() -> None:
    assert refused("up", "--port=70000") == (2, "70000 is no port; choose one from 0 to 65535\n")


@pytest.mark.parametrize("option", ["--configs", "--templates"])
def test_a_missing_folder_is_one_clear_line(tmp_path: Path, option: str) -> None:
    missing = tmp_path / "missing"
    assert refused("up", "--port=0", f"{option}={missing}") == (2, f"no directory {missing}\n")


def test_a_bad_data_directory_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    status, message = refused("up", "--port=0", f"--data-dir={file}")
    assert (status, message) == (2, f"cannot use the data directory {file}: File exists\n")


def test_a_ready_file_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "ready"
    assert refused("up", "--port=0", f"--ready-file={file}") == (2, f"cannot write {file}: no such directory\n")


def test_a_second_stack_on_a_data_directory_is_one_clear_line(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with DataDir(kept):
        status, message = refused("up", "--port=0", f"--data-dir={kept}")
    assert status == 2
    assert message == f"another stack (process {os.getpid()}) uses the data directory {kept}\n"


def test_an_unknown_function_is_one_clear_line() -> None:
    known = "api, run_pipeline, run_pipeline_bulk, fan_out, dead_letter"
    assert refused("up", "--functions=fanout") == (2, f"no function 'fanout'; known: {known}\n")


def test_an_unknown_option_is_explained() -> None:
    status, message = refused("up", "--prot=1")
    assert status == 2
    assert "--port" in message
