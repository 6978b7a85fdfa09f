"""`customer.onboarding`: in a tenant's dataset its metadata tables, its first API key, its record."""

import json
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import Field, SecretStr

from shared.contracts.tables import DatasetRef, TableRef
from shared.contracts.tenant import TENANT_LABEL
from shared.engines.base import Engine, Fields, StepContext, StepResult, about
from shared.errors import IsolationRefused, TemplateInvalid
from shared.once import job_id
from shared.tenants.api_keys import make_key
from shared.tenants.claim import Claim
from shared.tenants.metadata import metadata_schema

# Each insert is a call of its own; BigQuery takes 10 a second (facts 1).
PARALLEL_TABLES = 3
# The platform itself needs these: they are made also where a template does not list them.
NEEDED_TABLES = (
    "x_meta_api_keys", "x_meta_cloud_credentials", "x_meta_pipeline_runs", "x_meta_step_logs", "x_meta_tenant",
)  # fmt: skip


class MetadataTable(Fields):
    """A table to make, and the file below `templates/customer/onboarding/schemas/` that describes it."""

    table_name: str = Field(pattern=r"^x_meta_[a-z0-9_]+$", description="The table, x_meta_…")
    schema_file: str = Field(description="A file of templates/customer/onboarding/schemas.")


class OnboardingConfig(Fields):
    """Where the tenant's metadata goes: always the tenant's own dataset in the data project.

    `metadata_tables` are made in this order, then what else the platform needs.
    """

    gcp_project_id: str = Field(description="The data project; {gcp_project_id} is it.")
    dataset_id: str = Field(description="The tenant's own dataset: {tenant_id}.")
    metadata_tables: tuple[MetadataTable, ...] = Field(min_length=1, description="Tables to make, in this order.")


class OnboardingFields(Fields):
    """The step's fields."""

    config: OnboardingConfig = Field(description="What is made.")


class Onboarding(Engine[OnboardingFields]):
    """Make everything that a tenant needs. Every part may be there already from an attempt that was cut short.

    The tenant's dataset is there, and claimed for the run: `runs.onboard` has seen to that.
    """

    fields_model = OnboardingFields

    def check(self, fields: OnboardingFields, context: StepContext) -> None:
        """The dataset must be the tenant's own, and each table must have its schema."""
        expected = DatasetRef(context.services.settings.data_project, context.run.tenant_id)
        if (fields.config.gcp_project_id, fields.config.dataset_id) != (expected.project, expected.dataset):
            raise about("config", IsolationRefused(f"a tenant is onboarded into {expected}, nowhere else"))
        listed = [table.schema_file for table in fields.config.metadata_tables]
        for index, schema_file in enumerate([*listed, *_tables(fields).values()]):
            try:
                metadata_schema(context.services.settings.templates_dir, schema_file)
            except TemplateInvalid as error:
                where = f"config.metadata_tables.{index}.schema_file" if index < len(listed) else "config"
                raise about(where, error) from None

    def preview(self, fields: OnboardingFields, context: StepContext) -> Mapping[str, str]:  # noqa: ARG002 - see base
        """The dataset and the tables in it."""
        dataset = DatasetRef(fields.config.gcp_project_id, fields.config.dataset_id)
        return {"dataset": str(dataset), "tables": ", ".join(_tables(fields))}

    def run(self, fields: OnboardingFields, context: StepContext) -> StepResult:
        """Outputs `tables_created`; the secret is the API key, which nothing else ever shows."""
        dataset = DatasetRef(fields.config.gcp_project_id, fields.config.dataset_id)
        tables = _make_tables(fields, dataset, context)
        Claim(dataset, context.services.catalog, context.run.pipeline_logging_id).confirm()
        key = _make_key(dataset.table("x_meta_api_keys"), context)
        _write_tenant(dataset.table("x_meta_tenant"), context)
        return StepResult(outputs={"tables_created": tables}, secret=key)


def _tables(fields: OnboardingFields) -> dict[str, str]:
    """The tables to make, name → schema file."""
    listed = {table.table_name: table.schema_file for table in fields.config.metadata_tables}
    return {**listed, **{name: f"{name}.json" for name in NEEDED_TABLES if name not in listed}}


def _make_tables(fields: OnboardingFields, dataset: DatasetRef, context: StepContext) -> list[str]:
    """The names of the tables that were made now, in the order of the template."""

    def make(name: str, schema_file: str) -> bool:
        schema = metadata_schema(context.services.settings.templates_dir, schema_file)
        labels = {TENANT_LABEL: context.run.tenant_id}
        return context.services.catalog.create_table(dataset.table(name), schema, labels=labels)

    tables = _tables(fields)
    with ThreadPoolExecutor(PARALLEL_TABLES) as pool:
        made = pool.map(make, tables.keys(), tables.values())
        return [name for name, was_made in zip(tables, made, strict=True) if was_made]


def _make_key(table: TableRef, context: StepContext) -> SecretStr:
    """A new key; it replaces one of an attempt that was cut short, which was never shown (rules 3)."""
    made = make_key(context.run.tenant_id, context.run.pipeline_logging_id[:16], context.services.api_keys_cipher)
    row = {
        "key_id": made.key_id,
        "tenant_id": context.run.tenant_id,
        "key_hash": made.key_hash,
        "key_ciphertext": b64encode(made.ciphertext).decode(),
        "created_at": context.services.clock.now().isoformat(),
        "created_by": "onboarding",
        "expires_at": None,
        "revoked_at": None,
    }
    _replace(table, row, context)
    return made.key


def _write_tenant(table: TableRef, context: StepContext) -> None:
    now = context.services.clock.now().isoformat()
    row = {
        "tenant_id": context.run.tenant_id,
        "status": context.tenant.status,
        "admin_email": context.tenant.admin_email,
        "variables": json.dumps(dict(context.tenant.variables)),
        "enabled_templates": list(context.tenant.enabled_templates),
        "onboarding_epoch": context.tenant.epoch,
        "created_at": now,
        "updated_at": now,
    }
    _replace(table, row, context)


def _replace(table: TableRef, row: Mapping[str, Any], context: StepContext) -> None:
    """Make this the table's only row, by a load job: `tabledata.list` sees what it wrote (facts 6)."""
    schema = metadata_schema(context.services.settings.templates_dir, f"{table.table}.json")
    context.services.rows.replace(table, schema, [row], job_id=job_id(*context.job_ids(table.table.replace("_", "-"))))
