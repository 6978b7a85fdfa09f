"""Secrets planted wherever somebody can put one, then looked for wherever somebody can read: nothing is where it must
not be. And every line of the functions is one event, in the fields that Cloud Logging reads.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from functions.api.main import create_app
from local.functions import FUNCTIONS, ROOT
from local.stack import Options, Ready, Stack
from tests.e2e.client import COST_BILLING, Platform, Tenant, client_of
from tests.e2e.conftest import eventually

pytestmark = pytest.mark.timeout(240)

ACME, TECHCORP = "acmeinc_23xv2", "techcorp_99zx4"
TRACE = "105445aa7843bc8bf206b12000100000"
# Each run fails in another place: BigQuery quotes the value, a mail quotes BigQuery, the guard quotes the query.
TEMPLATES = {
    "quoted": """
variables: {note: {type: string, default: "-", overridable: true}, admin_email: {type: email}}
steps:
  - step_id: cast
    ps_type: gcp.bigquery_to_bigquery
    source: {query: "SELECT CAST('{note}' AS TIMESTAMP) AS usage_start_time"}
    destination: {dataset_type: test_out, table: quoted, schema_template: billing_cost}
  - step_id: tell
    ps_type: shared.email_notification
    trigger: on_failure
    to_emails: ["{admin_email}"]
    subject: "Failed {tenant_id}"
    message: "{error_message} {note}"
""",
    "refused": """
variables: {note: {type: string, default: "-", overridable: true}}
steps:
  - step_id: steal
    ps_type: gcp.bigquery_to_bigquery
    source: {query: "SELECT '{note}' AS name FROM `convergence-local.techcorp_99zx4.x_meta_api_keys`"}
    destination: {dataset_type: test_out, table: refused, schema_template: billing_cost}
""",
}


@dataclass
class Scene:
    """A stack in which everything below was done; what was planted, what was answered."""

    ready: Ready
    platform: Platform
    data_dir: Path
    keys: dict[str, str] = field(default_factory=dict)
    answers: list[httpx.Response] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    shown: dict[str, httpx.Response] = field(default_factory=dict)
    """The one answer that may hold a key: the one that made it."""

    def ask(self, method: str, path: str, key: str = "", *, admin: str = "", **given: Any) -> httpx.Response:
        headers = {"X-Cloud-Trace-Context": f"{TRACE}/1", **given.pop("headers", {})}
        headers |= {"X-API-Key": key} if key else {}
        headers |= {"X-Admin-Key": admin} if admin else {}
        answer = self.platform.client.request(method, f"/api/v1{path}", headers=headers, **given)
        self.answers.append(answer)
        return answer

    def key(self, name: str, answer: httpx.Response) -> str:
        """A key that was made is a secret from here on."""
        made: str = answer.json()["api_key"]
        self.keys[name], self.shown[made] = made, answer
        return made


# What a caller or the operator sends that is refused, misplaced or secret by its nature: nobody ever reads it again.
SENT = {
    name: f"s3cr3t{number:02d}{name}Zq7"
    for number, name in enumerate(
        ("override", "protected", "cut", "nested", "header", "cookie", "user", "query", "trace", "idempotency", "type")
    )
}
WRONG_KEY, WRONG_ADMIN = f"{ACME}_api_s3cr3tWrongKeyOfNobody01", "s3cr3t-wrong-admin-key-0123456789abcdef"
AWS_ID, AWS_SECRET = "AKIAS3CR3TPLANTED0001", "s3cr3tAwsSecretAccessKey/0123456789abcde"
BAD_AWS = "s3cr3t-not-an-aws-secret"
# What a run is given on purpose: the tenant's own to read, nobody's to log.
NOTE, MESSAGE = "s3cr3tNoteOfTheTenant", "s3cr3tMessageOfNobody"
ADDRESS = "s3cr3taddress"  # the refusal names it, to whom sent it
VARIABLE = "s3cr3tVariableOfTheOperator"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Every call of the API, well and badly; runs that fail; messages that are none."""
    folder = tmp_path_factory.mktemp("secrets")
    configs = Path(shutil.copytree(ROOT / "configs", folder / "configs"))
    (configs / "test" / "secret").mkdir(parents=True)
    for name, text in TEMPLATES.items():
        (configs / "test" / "secret" / f"{name}.yml").write_text('pipeline_id: "{tenant_id}-secret"' + text)
    (folder / "ready").mkdir()
    options = Options(port=0, configs=configs, data_dir=folder / "data", ready_file=folder / "ready" / "ready.json")
    with Stack(options) as ready, client_of(ready.api, ready.bigquery, ready.sendgrid) as platform:
        made = Scene(ready, platform, folder / "data")
        acme, techcorp = tenants(made)
        refusals(made, acme)
        failing_runs(made, acme)
        every_other_call(made, acme, techcorp)
        messages_that_are_none(made)
        yield made


def tenants(scene: Scene) -> tuple[Tenant, Tenant]:
    scene.keys["admin"] = scene.ready.admin_key
    scene.keys["sendgrid"] = json.loads((scene.data_dir / "keys.json").read_text())["sendgrid_key"]
    made = []
    for name in (ACME, TECHCORP):
        body = {"tenant_id": name, "admin_email": f"admin@{name.partition('_')[0]}.com"}
        made.append(Tenant(name, scene.key(name, scene.ask("POST", "/customers/onboard", json=body))))
    return made[0], made[1]


def refusals(scene: Scene, acme: Tenant) -> None:
    run = f"/pipelines/run/{ACME}/{COST_BILLING}"
    for body in (
        {"date": "2025-11-15", "password": SENT["override"]},
        {"date": "2025-11-15", "source_billing_table": SENT["protected"]},
        {"date": SENT["type"]},
        {"date": "2025-11-15", "admin_email": [{"password": SENT["nested"]}]},
        {"date": "2025-11-15", "admin_email": f"{ADDRESS}@elsewhere.example"},
    ):
        assert scene.ask("POST", run, acme.key, json=body).status_code == 400
    for text in (f'{{"password": "{SENT["cut"]}', f'{{"a": "{SENT["cut"]}"}} {{', f'["{SENT["cut"]}"]'):
        assert scene.ask("POST", run, acme.key, content=text).status_code == 400
    given: dict[str, Any] = {
        "headers": {
            "Authorization": f"Bearer {SENT['header']}",
            "Cookie": f"session={SENT['cookie']}",
            "User-Agent": SENT["user"],
            "X-Cloud-Trace-Context": SENT["trace"],
        }
    }
    scene.ask("POST", run, acme.key, json={}, **given)
    scene.ask("POST", run, acme.key, json={}, headers={"Idempotency-Key": f"{SENT['idempotency']} with a space"})
    scene.ask("GET", f"/pipelines/runs/{ACME}", acme.key, params={"since": SENT["query"]})
    scene.ask("GET", f"/pipelines/runs/{ACME}", acme.key, params={"page_token": SENT["query"]})
    for key, admin in ((WRONG_KEY, ""), ("", WRONG_ADMIN), (WRONG_KEY, WRONG_ADMIN), (scene.keys[TECHCORP], "")):
        for method, path in (("POST", run), ("GET", f"/customers/{ACME}"), ("GET", f"/customers/{ACME}/api-keys")):
            assert scene.ask(method, path, key, admin=admin).status_code in (401, 403)


def failing_runs(scene: Scene, acme: Tenant) -> None:
    for name, note, status in (("quoted", NOTE, 202), ("refused", SENT["override"], 500)):
        body = {"date": "2025-11-15", "note": note}
        answer = scene.ask("POST", f"/pipelines/run/{ACME}/test/secret/{name}", acme.key, json=body)
        assert answer.status_code == status, answer.text
        if status == 202:
            scene.runs.append(scene.platform.ended(acme, answer.json()))


def every_other_call(scene: Scene, acme: Tenant, techcorp: Tenant) -> None:
    admin = scene.ready.admin_key
    credentials = {"access_key_id": AWS_ID, "secret_access_key": AWS_SECRET, "region": "eu-west-1"}
    at = f"/customers/{ACME}/credentials/aws"
    assert scene.ask("PUT", at, acme.key, json=credentials).status_code == 200
    assert scene.ask("PUT", at, acme.key, json={**credentials, "secret_access_key": BAD_AWS}).status_code == 400
    assert scene.ask("PUT", at, acme.key, json={**credentials, "endpoint": BAD_AWS}).status_code == 400
    at = f"/customers/{ACME}/api-keys"
    rotated = scene.key("rotated", scene.ask("POST", at, acme.key, json={}))
    scene.key("again", scene.ask("POST", at, admin=admin, json={"grace_s": 60}))
    listed = scene.ask("GET", at, admin=admin).json()["api_keys"]
    assert scene.ask("DELETE", f"{at}/{listed[-1]['key_id']}", admin=admin).status_code == 204
    assert scene.ask("PATCH", f"/customers/{ACME}", admin=admin, json={"variables": {"note": VARIABLE}}).is_success
    for body in ({"variables": {"note": [SENT["nested"]]}}, {"status": SENT["type"]}, {"password": SENT["override"]}):
        assert scene.ask("PATCH", f"/customers/{ACME}", admin=admin, json=body).status_code == 400
    batch = {"provider": "test", "domain": "secret", "template_name": "quoted", "date": "2025-11-15"}
    accepted = scene.ask("POST", "/pipelines/batch", admin=admin, json={**batch, "tenants": [TECHCORP]})
    assert accepted.status_code == 202, accepted.text
    scene.ask("POST", "/pipelines/batch", admin=admin, json={**batch, "password": SENT["override"]})
    gets = [route for route in routes() if route.startswith("/api/v1") and "{" in route]
    for route in gets:
        path = route.removeprefix("/api/v1").format(
            tenant_id=ACME,
            pipeline_logging_id=scene.runs[0]["pipeline_logging_id"],
            batch_id=accepted.json()["batch_id"],
            provider="test",
            domain="secret",
            template_name="quoted",
        )
        for key, operator in ((rotated, ""), (techcorp.key, ""), ("", admin)):
            scene.ask("GET", path, key, admin=operator)
    path = f"/pipelines/batch/{accepted.json()['batch_id']}"
    eventually(lambda: scene.ask("GET", path, admin=admin).json()["failed"] == 1, timeout_s=60)
    scene.ask("POST", f"{path}/retry", admin=admin)
    assert scene.ask("DELETE", at.replace("api-keys", "credentials/aws"), rotated).status_code == 204


def routes() -> set[str]:
    """Paths that GET takes, with names of parameters in braces."""
    rules = create_app("all").url_map.iter_rules()
    return {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", one.rule) for one in rules if "GET" in (one.methods or ())}


def messages_that_are_none(scene: Scene) -> None:
    with grpc.insecure_channel(scene.ready.pubsub) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        for topic in ("pipeline-runs", "pipeline-runs-bulk", "pipeline-batches", "pipeline-from-example"):
            for data in (f'{{"password": "{MESSAGE}', f'{{"tenant_id": "{ACME}", "password": "{MESSAGE}"}}'):
                message = {"data": data.encode(), "attributes": {"password": MESSAGE}}
                request = {"topic": f"projects/{scene.ready.project}/topics/{topic}", "messages": [message]}
                publisher.publish(request=request, timeout=20, retry=None)
    assert scene.platform.unacknowledged() == 0


def found(texts: dict[str, str], secrets: dict[str, str]) -> list[str]:
    """Which secrets are where."""
    return [f"{secret} in {place}" for place, text in texts.items() for secret in secrets if secrets[secret] in text]


def everything(scene: Scene, *but: str) -> dict[str, str]:
    """Every secret by name."""
    planted = {**SENT, **scene.keys, "wrong key": WRONG_KEY, "wrong admin key": WRONG_ADMIN, "aws id": AWS_ID}
    planted |= {"aws secret": AWS_SECRET, "bad aws": BAD_AWS, "note": NOTE, "message": MESSAGE, "variable": VARIABLE}
    planted["address"] = ADDRESS
    return {name: secret for name, secret in planted.items() if name not in but}


def tables(scene: Scene) -> dict[str, str]:
    """All rows of the control tables and of the tenants' own, as text."""
    client = scene.platform.warehouse
    return {
        f"{dataset.dataset_id}.{table.table_id}": json.dumps(
            scene.platform.rows(f"SELECT * FROM `{dataset.dataset_id}.{table.table_id}`"), default=str
        )
        for dataset in client.list_datasets(timeout=20)
        if dataset.dataset_id != "billing_export"
        for table in client.list_tables(dataset.dataset_id, timeout=20)
    }


def logs(scene: Scene) -> dict[str, str]:
    return {path.name: path.read_text() for path in Path(scene.ready.logs).glob("*.log")}


def test_no_log_has_any_of_them(scene: Scene) -> None:
    assert found(logs(scene), everything(scene)) == []


def test_no_answer_has_any_but_the_key_that_it_made_and_what_is_the_tenants_own(scene: Scene) -> None:
    for answer in scene.answers:
        said = {f"{answer.request.method} {answer.request.url.path} {answer.status_code}": answer.text}
        said |= {f"headers of {place}": str(answer.headers) for place in list(said)}
        mine = [name for name, key in scene.keys.items() if scene.shown.get(key) is answer]
        to_tenant = answer.request.headers.get("X-API-Key", "").startswith(ACME)
        by_admin = "X-Admin-Key" in answer.request.headers
        own = ["note"] if answer.is_success and to_tenant else []
        own += ["address"] if answer.status_code == 400 and to_tenant else []
        own += ["variable"] if answer.is_success and by_admin else []
        assert found(said, everything(scene, *mine, *own)) == []


def test_a_tenant_reads_in_its_own_status_what_bigquery_quoted(scene: Scene) -> None:
    (run,) = scene.runs
    assert (run["status"], run["error_code"]) == ("FAILED", "query_failed")
    assert NOTE in run["error_message"]


def test_no_table_has_any_but_what_a_run_was_given_what_the_operator_set_and_what_was_rejected(scene: Scene) -> None:
    kept = {
        "convergence__control.x_meta_runs": ("note", "variable"),
        "convergence__control.x_meta_tenants": (),
        "convergence__control.x_meta_rejected_messages": ("message",),
        f"{ACME}.x_meta_pipeline_runs": ("note",),
        f"{ACME}.x_meta_step_logs": ("note",),
        f"{ACME}.x_meta_tenant": ("variable",),
    }
    rows = tables(scene)
    assert {"convergence__control.x_meta_audit", f"{ACME}.x_meta_api_keys"} <= rows.keys()
    for name, text in rows.items():
        assert found({name: text}, everything(scene, *kept.get(name, ()))) == []


def test_no_mail_has_any_but_the_tenants_own(scene: Scene) -> None:
    mails = httpx.get(f"{scene.ready.sendgrid}/mails").json()
    assert len(mails) >= 3
    for mail in mails:
        own = ["note"] if mail["subject"] == f"Failed {ACME}" else []
        assert found({mail["subject"]: json.dumps(mail)}, everything(scene, *own)) == []


def test_nobody_else_may_read_the_files_that_hold_keys(scene: Scene) -> None:
    ready_folder = scene.data_dir.parent / "ready"
    assert [path.name for path in ready_folder.iterdir()] == ["ready.json"]
    for path in (ready_folder / "ready.json", scene.data_dir):
        assert path.stat().st_mode & 0o077 == 0
    texts = {path.name: path.read_bytes().decode("latin-1") for path in scene.data_dir.rglob("*") if path.is_file()}
    clear = everything(scene, "note", "message", "variable")
    holders = {place.rpartition(" in ")[2].partition(".")[0] for place in found(texts, clear)}
    assert holders == {"keys", "secret_manager"}


FUNCTION_LOGS = [f"{one.name}.log" for one in FUNCTIONS]


@pytest.mark.parametrize("name", FUNCTION_LOGS)
def test_every_line_is_an_event_in_the_fields_of_cloud_logging(scene: Scene, name: str) -> None:
    for line in logs(scene)[name].splitlines():
        event = json.loads(line)
        assert event["severity"] in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        assert re.fullmatch(r"[a-z_]+", event["message"])
        assert not event.keys() & {"tenant_id", "pipeline_logging_id", "trace"}, "these are labels"
        labels = event.get("logging.googleapis.com/labels", {})
        assert labels.keys() <= {"tenant_id", "pipeline_logging_id", "batch_id"}


def test_lines_of_a_request_bear_its_trace_and_those_of_a_run_its_tenant_and_id(scene: Scene) -> None:
    name = f"projects/{scene.ready.project}/traces/{TRACE}"
    (run,) = scene.runs
    whose = {"tenant_id": ACME, "pipeline_logging_id": run["pipeline_logging_id"]}

    def lines(log: str, is_it: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        return [event for event in map(json.loads, logs(scene)[log].splitlines()) if is_it(event)]

    (accepted,) = lines("api.log", lambda event: event.get("logging.googleapis.com/labels") == whose)
    assert (accepted["message"], accepted["logging.googleapis.com/trace"]) == ("run_accepted", name)
    ran = lines("run_pipeline.log", lambda event: event.get("logging.googleapis.com/labels") == whose)
    assert {"step_started", "step_failed", "run_ended"} <= {event["message"] for event in ran}
    refused = lines("api.log", lambda event: event["message"] == "request_failed")
    assert {event["logging.googleapis.com/labels"]["tenant_id"] for event in refused} == {ACME}
