"""The files of templates/: each describes its table fully, and in a form that BigQuery takes."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.sample_billing import SCHEMA
from shared.contracts.tables import Column, TableSchema

Table = dict[str, Any]
TEMPLATES = Path(__file__).parents[2] / "templates"
ONBOARDING = TEMPLATES / "customer" / "onboarding" / "schemas"
CONTROL = TEMPLATES / "control"
BILLING = TEMPLATES / "gcp" / "bigquery_to_bigquery" / "schema_template.json"

TYPES = {"STRING", "BYTES", "INT64", "FLOAT64", "NUMERIC", "BOOL", "TIMESTAMP", "DATE", "RECORD"}
# Types that a table can be clustered by; BigQuery, "Introduction to clustered tables".
CLUSTERABLE = {"STRING", "INT64", "NUMERIC", "BOOL", "TIMESTAMP", "DATE"}


def tables() -> dict[str, Table]:
    found: dict[str, Table] = json.loads(BILLING.read_bytes())
    return found | {path.stem: json.loads(path.read_bytes()) for path in sorted(TEMPLATES.rglob("x_meta_*.json"))}


def columns(fields: list[Table], path: str = "") -> dict[str, Table]:
    """Every column and nested column, by its path."""
    found = {}
    for field in fields:
        found[path + field["name"]] = field
        found |= columns(field.get("fields", []), f"{path}{field['name']}.")
    return found


def plain(fields: list[Table]) -> list[Table]:
    """The fields without their descriptions."""
    return [
        {key: value for key, value in field.items() if key not in {"description", "fields"}}
        | ({"fields": plain(field["fields"])} if "fields" in field else {})
        for field in fields
    ]


each_table = pytest.mark.parametrize("table", tables().values(), ids=tables().keys())


def test_every_json_file_of_templates_is_checked_here() -> None:
    assert set(TEMPLATES.rglob("*.json")) == {BILLING, *TEMPLATES.rglob("x_meta_*.json")}


def test_onboarding_and_control_have_the_tables_that_the_product_names() -> None:
    tenant = ("api_keys", "cloud_credentials", "pipeline_runs", "step_logs", "dq_results", "tenant")
    assert {path.stem for path in ONBOARDING.iterdir()} == {f"x_meta_{name}" for name in tenant}
    control = ("tenants", "batches", "runs", "dead_letters", "rejected_messages", "audit")
    assert {f"x_meta_{name}" for name in control} <= {path.stem for path in CONTROL.iterdir()}


@each_table
def test_it_is_what_the_library_reads(table: Table) -> None:
    read = TableSchema.model_validate(table)
    assert read.model_dump(exclude_unset=True, mode="json") == table


@each_table
def test_it_and_every_column_are_described(table: Table) -> None:
    assert table["description"].endswith(".")
    undescribed = [path for path, column in columns(table["fields"]).items() if not column["description"].endswith(".")]
    assert undescribed == []


@each_table
def test_types_and_modes_are_those_that_a_query_can_write_to(table: Table) -> None:
    for path, column in columns(table["fields"]).items():
        assert column["type"] in TYPES, path
        assert column["mode"] in {"NULLABLE", "REPEATED"}, path
        assert ("fields" in column) == (column["type"] == "RECORD"), path


@each_table
def test_names_are_unique_and_times_are_timestamps(table: Table) -> None:
    names = [field["name"].lower() for field in table["fields"]]
    assert len(names) == len(set(names))
    for path, column in columns(table["fields"]).items():
        if path.endswith(("_at", "_time")):
            assert column["type"] == "TIMESTAMP", path


@each_table
def test_the_partition_field_is_a_top_level_day_or_time(table: Table) -> None:
    if table["partition_field"] is None:
        assert "partition_type" not in table
        return
    field = next(field for field in table["fields"] if field["name"] == table["partition_field"])
    assert (field["type"], field["mode"]) in {("DATE", "NULLABLE"), ("TIMESTAMP", "NULLABLE")}
    assert table["partition_type"] == "DAY"


@each_table
def test_cluster_columns_are_at_most_four_top_level_scalars(table: Table) -> None:
    assert len(table["cluster_by"]) <= 4
    for name in table["cluster_by"]:
        field = next(field for field in table["fields"] if field["name"] == name)
        assert field["type"] in CLUSTERABLE
        assert field["mode"] == "NULLABLE"


def test_billing_cost_has_exactly_the_columns_of_the_export() -> None:
    assert plain(tables()["billing_cost"]["fields"]) == SCHEMA


def test_billing_cost_is_partitioned_by_the_day_that_the_pipeline_replaces() -> None:
    assert tables()["billing_cost"]["partition_field"] == "usage_start_time"


@pytest.mark.parametrize(
    ("table", "partition_field"),
    [
        ("x_meta_pipeline_runs", "accepted_at"),
        ("x_meta_step_logs", "ended_at"),
        ("x_meta_dq_results", "checked_at"),
        ("x_meta_runs", "event_time"),
        ("x_meta_rejected_messages", "received_at"),
        ("x_meta_audit", "called_at"),
        ("x_meta_dead_letters", "received_at"),
        ("x_meta_tenant", None),
        ("x_meta_api_keys", None),
    ],
)
def test_what_grows_by_the_day_is_partitioned(table: str, partition_field: str | None) -> None:
    assert tables()[table]["partition_field"] == partition_field


def test_a_required_column_is_no_column_of_ours() -> None:
    with pytest.raises(ValueError, match="mode"):
        Column.model_validate({"name": "x", "type": "STRING", "mode": "REQUIRED"})
