"""Runs, tenants, templates and pushes with sensible defaults: a test names only what it is about."""

import base64
import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from shared.contracts.files.pipeline_template import PipelineTemplate, read_template
from shared.contracts.messages.run_message import RunMessage, run_id
from shared.contracts.tables import Column, DatasetRef, TableRef, TableSchema, read_table_schema
from shared.contracts.template_address import TemplateAddress
from shared.contracts.tenant import TENANT_LABEL, Tenant
from shared.engines.base import StepContext
from shared.settings import Settings
from shared.tenants.api_keys import key_hash
from tests.fakes import START, FakeBigQuery, FakeServices, FakeTable

ROOT = Path(__file__).resolve().parent.parent
TENANT, OTHER = "acmeinc_23xv2", "bytefactory_xv23"
KEY, OTHER_KEY = f"{TENANT}_api_Kx9mPqR7sT2nV8wZ4bL6", f"{OTHER}_api_Qw3eRt5yUi7oP9aSd1fG"
DAY = date(2025, 11, 15)
RUN = run_id(TENANT, "epoch-1", "a key", str(DAY))
CONTROL = DatasetRef("control-project", "convergence__control")
DATA = "data-project"
ADMIN_SECRET = "projects/control-project/secrets/admin-key/versions/1"
RUNS = CONTROL.table("x_meta_runs")
RUN_COPIES = CONTROL.table("x_meta_run_copies")
BATCHES = CONTROL.table("x_meta_batches")
TENANTS = CONTROL.table("x_meta_tenants")
REJECTED = CONTROL.table("x_meta_rejected_messages")
AUDIT = CONTROL.table("x_meta_audit")
DEAD_LETTERS = CONTROL.table("x_meta_dead_letters")
OPERATOR = "ops@convergence.example"


def settings(**given: Any) -> Settings:
    """Settings of a local deployment that serves all routes."""
    defaults: dict[str, Any] = {
        "gcp_project_id": CONTROL.project,
        "data_project_id": DATA,
        "deployment": "local",
        "routes": "all",
        "operator_email": OPERATOR,
        "mail_from": "noreply@convergence.example",
        "admin_key_secret": ADMIN_SECRET,
        "template_variables": {"billing_export_table": "billing-project.billing_export.gcp_billing_export"},
    }
    return Settings.model_validate(defaults | given)


def tenant(**given: Any) -> Tenant:
    """An active tenant."""
    return replace(Tenant(TENANT, "admin@acmeinc.example", epoch="epoch-1"), **given)


def template(text: str, path: str = "gcp/cost/example.yml") -> PipelineTemplate:
    """A template from its YAML."""
    return read_template(text.encode(), address=TemplateAddress.parse(path), file=f"configs/{path}")


def mails(*steps: str) -> PipelineTemplate:
    """A template of mails, whose subjects are their step_ids: `"first", "second; trigger: always"`.

    Enough for whatever is about steps and not about their engines: the mails sent say which steps ran.
    """
    lines = ['pipeline_id: "{tenant_id}-example"', "steps:"]
    for each in steps:
        step_id, *others = each.split("; ")
        lines += [f"  - step_id: {step_id}", "    ps_type: shared.email_notification", f"    to_emails: [{OPERATOR}]"]
        lines += [f"    {line}" for line in (f"subject: {step_id}", *others)]
        if not any(line.startswith("message:") for line in others):
            lines.append('    message: "-"')
    return template("\n".join(lines))


def run(**given: Any) -> RunMessage:
    """A run of `gcp/cost/example` for 2025-11-15, as the api accepts it."""
    defaults: dict[str, Any] = {
        "pipeline_logging_id": RUN,
        "tenant_id": TENANT,
        "epoch": "epoch-1",
        "provider": "gcp",
        "domain": "cost",
        "template_name": "example",
        "template_version": "0" * 16,
        "date": DAY,
        "run_date": START.date(),
        "trigger_by": "api",
        "lane": "interactive",
        "accepted_at": START,
    }
    return RunMessage.model_validate(defaults | given)


def push(message: RunMessage | bytes, *, attempt: int | None = 1, subscription: str = "pipeline-runs-push") -> bytes:
    """The body of a push request, as Pub/Sub writes it."""
    data = message if isinstance(message, bytes) else message.model_dump_json().encode()
    body: dict[str, Any] = {
        "message": {
            "data": base64.b64encode(data).decode(),
            "messageId": "4711",
            "message_id": "4711",
            "publishTime": "2025-11-20T08:00:00.123Z",
            "publish_time": "2025-11-20T08:00:00.123Z",
        },
        "subscription": f"projects/{CONTROL.project}/subscriptions/{subscription}",
    }
    if attempt is not None:
        body["deliveryAttempt"] = attempt
    return json.dumps(body).encode()


@cache
def schema(name: str) -> TableSchema:
    """The schema of a control or tenant table, as `templates/` has it."""
    found = next((ROOT / "templates").rglob(f"{name}.json"))
    return read_table_schema(found)


def table_schema(*columns: str, partition_field: str | None = None) -> TableSchema:
    """A schema from `name TYPE` texts."""
    fields = [Column.model_validate(dict(zip(("name", "type"), each.split(), strict=True))) for each in columns]
    return TableSchema(fields=tuple(fields), partition_field=partition_field)


def make_table(warehouse: FakeBigQuery, table: TableRef, shape: TableSchema, tenant_id: str | None = None) -> None:
    """A dataset, if there is none yet, and a table in it."""
    if table.dataset_ref not in warehouse.datasets:
        warehouse.put(table.dataset_ref, {TENANT_LABEL: tenant_id} if tenant_id else {})
    warehouse.tables[table] = FakeTable(shape, {})


def make_control(warehouse: FakeBigQuery) -> None:
    """The control dataset and its tables."""
    for table in (RUNS, RUN_COPIES, BATCHES, TENANTS, REJECTED, AUDIT, DEAD_LETTERS):
        make_table(warehouse, table, schema(table.table))


def make_tenant(warehouse: FakeBigQuery, who: Tenant, *keys: str, **key: datetime | None) -> None:
    """An onboarded tenant with its metadata tables and keys; `key` may say `expires_at` and `revoked_at`."""
    dataset = DatasetRef(DATA, who.tenant_id)
    for name in (
        "x_meta_api_keys",
        "x_meta_cloud_credentials",
        "x_meta_pipeline_runs",
        "x_meta_step_logs",
        "x_meta_tenant",
    ):
        make_table(warehouse, dataset.table(name), schema(name), who.tenant_id)
    rows = [
        {
            "key_id": f"key-{number}",
            "tenant_id": who.tenant_id,
            "key_hash": key_hash(each),
            "created_at": (START + timedelta(minutes=number)).isoformat(),
            "created_by": "onboarding",
            **key,
        }
        for number, each in enumerate(keys)
    ]
    warehouse.tables[dataset.table("x_meta_api_keys")].stored.extend(rows)
    if TENANTS in warehouse.tables:
        row = {
            "tenant_id": who.tenant_id,
            "status": who.status,
            "admin_email": who.admin_email,
            "onboarding_epoch": who.epoch,
            "enabled_templates": list(who.enabled_templates),
            "onboarded_at": START.isoformat(),
        }
        warehouse.tables[TENANTS].stored.append(row)
    put_record(warehouse, who)


def put_record(warehouse: FakeBigQuery, who: Tenant) -> None:
    """Write the tenant's own row, in place of the one that is there."""
    warehouse.table(DatasetRef(DATA, who.tenant_id).table("x_meta_tenant")).stored[:] = [
        {
            "tenant_id": who.tenant_id,
            "status": who.status,
            "admin_email": who.admin_email,
            "variables": json.dumps(dict(who.variables)),
            "enabled_templates": list(who.enabled_templates),
            "onboarding_epoch": who.epoch,
            "created_at": START.isoformat(),
            "updated_at": START.isoformat(),
        }
    ]


def services(**given: Any) -> FakeServices:
    """Fakes with the control tables and one tenant, whose key is `KEY`."""
    made = FakeServices(settings(**given))
    make_control(made.warehouse)
    make_tenant(made.warehouse, tenant(), KEY)
    return made


def context(made: FakeServices, **given: Any) -> StepContext:
    """A step `extract` of `run()` for `tenant()`."""
    defaults: dict[str, Any] = {"run": run(), "tenant": tenant(), "step_id": "extract", "seconds_left": 570.0}
    return StepContext(services=made, **(defaults | given))
