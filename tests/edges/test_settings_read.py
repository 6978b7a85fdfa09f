"""What each function reads of its settings is what they say that it reads: no setting more, no setting less.

A setting too few is found wherever a function runs, for it holds no other one. A setting too many is found here: each
function does once whatever it can do, through the real wiring, and what it has read of its settings is noted. (Which
names stand in the code of a function's modules would say less: they share most of them.)
"""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import Client

from shared import wiring
from shared.contracts.sql import Sql
from shared.contracts.tables import Column
from shared.engines import registry
from shared.engines.base import Engine, Fields, StepContext, StepResult
from shared.ports import Secrets
from shared.readers import FUNCTIONS, Function
from shared.runs.run_log import RunLog, RunRecord
from shared.settings import Settings, read_by
from shared.wiring import Instance
from tests.builders import (
    ADMIN_SECRET,
    CONTROL,
    DATA,
    DAY,
    KEY,
    OPERATOR,
    ROOT,
    RUN,
    TENANT,
    make_control,
    make_tenant,
    push,
    run,
    settings,
    tenant,
)
from tests.edges.conftest import ADMIN_KEY, client
from tests.edges.test_dead_letter import ATTRIBUTES
from tests.fakes import START, Answer, FakeJobs, FakeSecrets, FakeServices

RING = "projects/control-project/locations/us/keyRings/convergence/cryptoKeys"
PUBLISHERS = {"example": {"tenants": "*", "templates": ["gcp/cost/cost_billing"]}}
AS_TENANT, AS_ADMIN = {"X-API-Key": KEY}, {"X-Admin-Key": ADMIN_KEY}
LANES = ("interactive", "bulk")
COST = {"provider": "gcp", "domain": "cost", "template_name": "cost_billing"}
# An onboarding is a run like any other: an operator may give its template steps of any engine.
A_QUERY = """
  - step_id: "query"
    ps_type: "gcp.bigquery_to_bigquery"
    source: {query: "SELECT 1 AS one"}
    destination: {dataset_type: "meta", table: "one"}
"""
OF_ANOTHER_CLOUD = """
pipeline_id: "{tenant_id}-decrypting"
steps:
  - step_id: "decrypt"
    ps_type: "test.decrypting"
  - step_id: "tell"
    ps_type: "shared.email_notification"
    to_emails: ["{operator_email}"]
    subject: "{tenant_id}"
    message: "done"
"""


class Noting(Settings):
    """Settings that note which of them are read."""

    def __getattribute__(self, name: str) -> Any:
        if name in Settings.model_fields:
            noted.add(name.upper())
        return super().__getattribute__(name)


noted: set[str] = set()


class Decrypting(Engine[Fields]):
    """Needs what an engine of another cloud needs: the tenant's credentials."""

    fields_model = Fields

    def run(self, fields: Fields, context: StepContext) -> StepResult:
        context.services.credentials_cipher.encrypt(b"", bound_to="nothing")
        return StepResult()


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """The shipped templates, and more."""
    made = shutil.copytree(ROOT / "configs", tmp_path / "configs")
    with (made / "customer" / "onboarding.yml").open("a") as onboarding:
        onboarding.write(A_QUERY)
    (made / "gcp" / "cost" / "decrypting.yml").write_text(OF_ANOTHER_CLOUD)
    return made


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, configs: Path) -> Iterator[FakeServices]:
    """One onboarded tenant. The wiring is the real one, up to the adapters: fakes are what it makes of their names."""
    made = FakeServices(settings())
    make_control(made.warehouse)
    make_tenant(made.warehouse, tenant(), KEY)
    made.jobs.answer_all(Answer(columns=(Column(name="one", type="INT64"),)))

    def mailer(secrets: Secrets, key_secret: str, **_: str) -> Any:
        assert secrets.read(key_secret)
        return made.mailer

    adapters: dict[str, Any] = {
        "bigquery.client": lambda *_: None,
        "bigquery.BigQueryCatalog": lambda _: made.catalog,
        "bigquery.BigQueryRows": lambda _: made.rows,
        "bigquery.BigQueryJobs": lambda _: made.jobs,
        "pubsub.client": lambda _: None,
        "pubsub.PubSubMessageBus": lambda *_: made.bus,
        "kms.client": lambda _: None,
        "kms.KmsCipher": lambda *_: made.api_keys_cipher,
        "secret_manager.client": lambda _: None,
        "secret_manager.SecretManagerSecrets": lambda _: FakeSecrets({ADMIN_SECRET: ADMIN_KEY}),
        "sendgrid.SendGridMailer": mailer,
    }
    for name, fake in adapters.items():
        monkeypatch.setattr(f"shared.adapters.{name}", fake)
    monkeypatch.setattr("shared.wiring.adapters.SystemClock", lambda: made.clock)
    monkeypatch.setitem(registry.ENGINES, "test.decrypting", f"{__name__}:Decrypting")
    yield made
    wiring.serve_with(None)


def environment(configs: Path, **own: str) -> dict[str, str]:
    return {
        "DEPLOYMENT": "local",
        "GCP_PROJECT_ID": CONTROL.project,
        "DATA_PROJECT_ID": DATA,
        "OPERATOR_EMAIL": OPERATOR,
        "MAIL_FROM": "noreply@convergence.example",
        "TEMPLATE_VARIABLES": '{"billing_export_table": "billing-project.billing_export.gcp_billing_export"}',
        "PUBLISHERS": json.dumps(PUBLISHERS),
        "ADMIN_KEY_SECRET": ADMIN_SECRET,
        "SENDGRID_KEY_SECRET": ADMIN_SECRET,
        "KMS_API_KEYS_KEY": f"{RING}/api-keys",
        "KMS_CREDENTIALS_KEY": f"{RING}/credentials",
        "CONFIGS_DIR": str(configs),
        **own,
    }


# ── all that each function can do ───────────────────────────────────────────────────────────────────────────────────


def ask(api: Client, method: str, path: str, who: dict[str, str], body: Any = None, status: int = 200) -> Any:
    answer = api.open(f"/api/v1{path}", method=method, headers=who, json={} if body is None else body)
    assert answer.status_code == status, answer.text
    return answer.get_json(silent=True)


def everything_of_api(api: Client, _: FakeServices) -> None:
    path = f"/pipelines/run/{TENANT}/gcp/cost/cost_billing"
    accepted = ask(api, "POST", path, AS_TENANT, {"date": str(DAY)}, status=202)
    ask(api, "GET", f"/pipelines/status/{TENANT}/{accepted['pipeline_logging_id']}", AS_TENANT)
    ask(api, "GET", "/templates/gcp/cost/cost_billing", AS_TENANT)
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    ask(api, "PUT", f"/customers/{TENANT}/credentials/aws", AS_TENANT, keys)
    ask(api, "DELETE", f"/customers/{TENANT}/credentials/aws", AS_TENANT, status=204)
    ask(api, "POST", f"/customers/{TENANT}/api-keys", AS_TENANT, status=201)


def everything_of_admin(api: Client, _: FakeServices) -> None:
    newcomer = {"tenant_id": "newcomer_1234", "admin_email": "admin@newcomer.example"}
    ask(api, "POST", "/customers/onboard", AS_ADMIN, newcomer, status=201)
    ask(api, "GET", f"/customers/{TENANT}", AS_ADMIN)
    ask(api, "PATCH", f"/customers/{TENANT}", AS_ADMIN, {"variables": {"region": "europe"}})
    ask(api, "GET", "/templates/gcp/cost/cost_billing", AS_TENANT)
    ask(api, "POST", f"/customers/{TENANT}/api-keys", AS_TENANT, status=201)
    batch = ask(api, "POST", "/pipelines/batch", AS_ADMIN, {**COST, "date": str(DAY)}, status=202)["batch_id"]
    ask(api, "GET", f"/pipelines/batch/{batch}", AS_ADMIN)
    ask(api, "POST", "/pipelines/replay", AS_ADMIN, {"batch_id": batch}, status=202)
    ask(api, "DELETE", f"/customers/{TENANT}", AS_ADMIN)


def deliver(function: Client, body: bytes, status: int = 204) -> None:
    assert function.post("/", data=body, content_type="application/json").status_code == status


def everything_of_run_pipeline(function: Client, world: FakeServices) -> None:
    world.jobs.answer_all(Answer())
    deliver(function, push(run(template_name="cost_billing")))
    deliver(function, push(run(template_name="cost_billing", lane="bulk", pipeline_logging_id="b" * 32)))
    deliver(function, push(run(template_name="decrypting", pipeline_logging_id="d" * 32)))
    world.jobs.stuck = True
    deliver(function, push(run(template_name="cost_billing", pipeline_logging_id="e" * 32)))
    foreign = json.dumps({**COST, "tenant_id": TENANT, "date": str(DAY)}).encode()
    deliver(function, push(foreign, subscription="pipeline-from-example-push"))


class Asked(FakeJobs):
    """Answers what fan_out asks of its tables, by a part of the query."""

    def select(self, sql: Sql, *, max_rows: int = 1_000) -> list[dict[str, Any]]:
        heard = START - timedelta(minutes=15)
        told: dict[str, list[dict[str, Any]]] = {
            "COUNT(*) AS tenants": [{"tenants": 1}],
            "SELECT tenant_id, onboarding_epoch": [{"tenant_id": TENANT, "onboarding_epoch": "epoch-1"}],
            "AS seen_at": [{"message": run(lane=lane).model_dump_json(), "seen_at": heard} for lane in LANES],
            "event != 'DOUBTED'": [{"tenant_id": TENANT, "pipeline_logging_id": RUN}],
            "HAVING MAX(attempt)": [],
        }
        return next((rows for part, rows in told.items() if part in sql.text), None) or super().select(
            sql, max_rows=max_rows
        )


def everything_of_fan_out(function: Client, world: FakeServices) -> None:
    world.jobs = Asked(world.warehouse)
    nightly = {**COST, "schedule": "nightly", "date": "yesterday", "timezone": "UTC"}
    for message in (nightly, {"reconcile": True}):
        deliver(function, push(json.dumps(message).encode(), subscription="pipeline-batches-push"))


def everything_of_dead_letter(function: Client, world: FakeServices) -> None:
    dead = run(template_name="cost_billing")
    log = RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)
    log.add(dead, [RunRecord("DEAD")])
    letter = json.loads(push(dead, attempt=None, subscription="pipeline-dead-letters-push"))
    letter["message"]["attributes"] = ATTRIBUTES
    deliver(function, json.dumps(letter).encode())


EVERYTHING: dict[Function, Callable[[Client, FakeServices], None]] = {
    "api": everything_of_api,
    "admin": everything_of_admin,
    "run_pipeline": everything_of_run_pipeline,
    "fan_out": everything_of_fan_out,
    "dead_letter": everything_of_dead_letter,
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_reads_what_is_declared_and_all_of_it(
    world: FakeServices, configs: Path, function: Function
) -> None:
    target = "api" if function == "admin" else function
    own = {"ROUTES": "admin"} if function == "admin" else {}
    made = Noting.from_environment(environment(configs, FUNCTION_TARGET=target, **own))
    served = client(target, FlaskClient)
    noted.clear()
    wiring.serve_with(Instance(made))
    EVERYTHING[function](served, world)
    # Every function's settings look at DEPLOYMENT themselves, as they are made.
    assert noted | {"DEPLOYMENT"} == read_by(function, local=True)
