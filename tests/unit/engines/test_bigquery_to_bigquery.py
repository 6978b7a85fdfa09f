"""A query's rows become a day of a table of the tenant, once, within its limits."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.files.table_files import examine_tables
from shared.contracts.tables import Column, DatasetRef
from shared.contracts.tenant import TENANT_LABEL
from shared.engines.base import StepContext, StepResult
from shared.engines.gcp.bigquery_to_bigquery import BigQueryToBigQuery, BigQueryToBigQueryFields
from shared.errors import (
    BytesLimitExceeded,
    EmptyResult,
    IsolationRefused,
    NotFound,
    RowOutsidePartition,
    SchemaMismatch,
    StillRunning,
    TemplateInvalid,
    VariablesInvalid,
)
from shared.once import job_id
from shared.ports import JobError, QueryJob
from shared.settings import ROOT
from tests.builders import DATA, RUN, TENANT, context, make_table, run, services
from tests.fakes import Answer, FakeServices

SLOTS = "projects/acme-admin/locations/US/reservations/nightly"
TEXT = "SELECT * FROM costs"
PROBE = f"SELECT 1 FROM ({TEXT}\n) LIMIT 1"
DATASET = DatasetRef(DATA, f"{TENANT}_silver")
TABLE = DATASET.table("costs")
SCHEMAS = ROOT / "templates/gcp/bigquery_to_bigquery/schema_template.json"
WANTED = examine_tables(SCHEMAS.read_bytes(), file=SCHEMAS.name, several=True).schemas["billing_cost"]


def row(day: int, cost: float = 1.0) -> dict[str, Any]:
    return {"usage_start_time": datetime(2025, 11, day, 5, tzinfo=UTC), "cost": cost}


@pytest.fixture
def world() -> FakeServices:
    made = services()
    made.jobs.answer(TEXT, Answer(rows=[row(15), row(15)]))
    return made


def fields(*, destination: dict[str, Any] | None = None, **given: Any) -> BigQueryToBigQueryFields:
    where = {"dataset_type": "silver", "table": "costs", "schema_template": "billing_cost", **(destination or {})}
    return BigQueryToBigQueryFields.model_validate({"source": {"query": TEXT}, "destination": where, **given})


def work(world: FakeServices, given: BigQueryToBigQueryFields | None = None, **other: Any) -> StepResult:
    engine, step = BigQueryToBigQuery(), context(world, **other)
    engine.check(given or fields(), step)
    return engine.run(given or fields(), step)


def written(world: FakeServices) -> QueryJob:
    return next(job for id_, job in world.jobs.inserted if "-write-" in id_)


def rows(world: FakeServices) -> list[int]:
    return sorted(each["usage_start_time"].day for each in world.warehouse.events(TABLE))


# ── a day ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_rows_are_in_the_tenants_own_table(world: FakeServices) -> None:
    result = work(world)
    assert (result.rows_written, result.job_id) == (2, job_id(TENANT, RUN, "extract", "write"))
    assert rows(world) == [15, 15]
    assert world.warehouse.datasets[DATASET].labels == {TENANT_LABEL: TENANT}


def test_the_same_date_again_leaves_the_same_rows_not_double(world: FakeServices) -> None:
    work(world)
    work(world, run=run(pipeline_logging_id="a" * 32))
    assert rows(world) == [15, 15]


def test_the_same_run_again_runs_no_second_job(world: FakeServices) -> None:
    assert work(world) == work(world)
    assert len(world.jobs.inserted) == 1


def test_a_day_without_rows_empties_its_partition_and_leaves_the_others(world: FakeServices) -> None:
    work(world)
    world.jobs.answer(TEXT, Answer(rows=[row(16)]))
    work(world, run=run(pipeline_logging_id="a" * 32, date="2025-11-16"))
    world.jobs.answer(TEXT, Answer(rows=[]))
    result = work(world, run=run(pipeline_logging_id="b" * 32))
    assert (result.rows_written, rows(world)) == (0, [16])


def test_a_row_of_another_day_fails_the_step_and_writes_nothing(world: FakeServices) -> None:
    world.jobs.answer(TEXT, Answer(rows=[row(15), row(16)]))
    with pytest.raises(RowOutsidePartition):
        work(world)
    assert rows(world) == []


def test_without_a_date_no_day_can_be_written(world: FakeServices) -> None:
    with pytest.raises(VariablesInvalid, match="needs a date"):
        work(world, run=run(date=None))


# ── what is asked of BigQuery ───────────────────────────────────────────────────────────────────────────────────────


def test_the_job_bears_labels_that_reach_the_bill(world: FakeServices) -> None:
    work(world)
    assert written(world).labels == {
        "convergence_tenant": TENANT,
        "convergence_template": "gcp-cost-example",
        "convergence_step": "extract",
        "convergence_run": RUN,
    }


def test_labels_are_within_bigquerys_grammar_whatever_the_names(world: FakeServices) -> None:
    named = run(provider="p" * 64, domain="d" * 64, template_name="t" * 64)
    work(world, run=named, step_id="s" * 64)
    assert all(re.fullmatch(r"[a-z0-9_-]{0,63}", value) for value in written(world).labels.values())


@pytest.mark.parametrize(("lane", "priority"), [("interactive", "INTERACTIVE"), ("bulk", "BATCH")])
def test_the_bulk_lane_never_delays_a_person(world: FakeServices, lane: str, priority: str) -> None:
    work(world, run=run(lane=lane))
    assert written(world).priority == priority


@pytest.mark.parametrize(("lane", "expected"), [("interactive", ""), ("bulk", SLOTS)])
def test_the_bulk_lane_runs_in_the_slots_that_the_operator_reserved(lane: str, expected: str) -> None:
    world = services(bulk_reservation=SLOTS)
    world.jobs.answer(TEXT, Answer())
    work(world, run=run(lane=lane))
    assert written(world).reservation == expected


@pytest.mark.parametrize(
    ("own", "expected"), [(None, 50 * 1024**2), (20 * 1024**2, 20 * 1024**2), (10**12, 50 * 1024**2)]
)
def test_a_step_may_bill_less_than_the_operator_allows_never_more(own: int | None, expected: int) -> None:
    world = services(maximum_bytes_billed=50 * 1024**2)
    world.jobs.answer(TEXT, Answer())
    work(world, fields(maximum_bytes_billed=own))
    assert written(world).maximum_bytes_billed == expected


def test_a_query_that_would_bill_more_fails(world: FakeServices) -> None:
    world.jobs.answer(TEXT, Answer(bytes_billed=10**15))
    with pytest.raises(BytesLimitExceeded):
        work(world)


def test_the_service_is_asked_what_it_sees_before_anything_is_made(world: FakeServices) -> None:
    world.second_opinion.fail("confirm", IsolationRefused("another table"))
    with pytest.raises(IsolationRefused):
        work(world)
    assert (world.catalog.calls, world.jobs.inserted) == ([], [])


def test_the_steps_own_timeout_is_the_jobs(world: FakeServices) -> None:
    work(world, timeout_s=90.0)
    assert written(world).timeout_s == 90.0


def test_a_job_that_takes_longer_than_the_delivery_is_left_running(world: FakeServices) -> None:
    world.jobs.stuck = True
    with pytest.raises(StillRunning):
        work(world)


def test_a_table_that_was_removed_is_made_again_by_the_next_run(world: FakeServices) -> None:
    work(world)
    del world.warehouse.tables[TABLE]
    with pytest.raises(NotFound):
        work(world, run=run(pipeline_logging_id="a" * 32))
    work(world, run=run(pipeline_logging_id="b" * 32))
    assert rows(world) == [15, 15]


# ── other ways to write ─────────────────────────────────────────────────────────────────────────────────────────────


def test_append_adds(world: FakeServices) -> None:
    for letter in "ab":
        work(world, fields(destination={"write": "append"}), run=run(pipeline_logging_id=letter * 32))
    assert (rows(world), written(world).partition) == ([15] * 4, None)


def test_replace_takes_the_place_of_the_whole_table(world: FakeServices) -> None:
    world.jobs.answer(TEXT, Answer(rows=[row(15), row(16)]))
    for letter in "ab":
        work(world, fields(destination={"write": "replace"}), run=run(pipeline_logging_id=letter * 32, date=None))
    assert rows(world) == [15, 16]


def test_replace_refuses_a_query_that_would_change_the_tables_schema(world: FakeServices) -> None:
    columns = (Column(name="cost", type="STRING"), Column(name="surprise", type="INT64"))
    world.jobs.answer(TEXT, Answer(columns=columns))
    with pytest.raises(SchemaMismatch, match=r"cost is STRING, not FLOAT64; surprise \(INT64\) is not in it"):
        work(world, fields(destination={"write": "replace"}))
    assert world.jobs.inserted == []


DAY = Column(name="usage_start_time", type="TIMESTAMP")
MISFITS = [
    ((DAY, Column(name="cost", type="NUMERIC")), "cost is NUMERIC, not FLOAT64"),
    ((DAY, Column(name="surprise", type="INT64")), r"surprise \(INT64\) is not in it"),
    ((DAY, Column(name="cost", type="FLOAT64", mode="REPEATED")), "cost is REPEATED FLOAT64, not FLOAT64"),
    (
        (DAY, Column(name="service", type="RECORD", fields=(Column(name="id", type="INT64"),))),
        "service.id is INT64, not STRING",
    ),
    ((Column(name="cost", type="FLOAT64"),), "usage_start_time, by which it is partitioned, is missing"),
]


@pytest.mark.parametrize(("columns", "says"), MISFITS)
@pytest.mark.parametrize("kept", [True, False])
def test_columns_that_do_not_fit_the_schema_template_are_named_and_no_table_is_left(
    world: FakeServices, columns: tuple[Column, ...], says: str, kept: bool
) -> None:
    world.jobs.answer(TEXT, Answer(columns=columns))
    world.second_opinion.columns = columns if kept else None
    with pytest.raises(SchemaMismatch, match=f"do not fit schema template 'billing_cost': {says}") as caught:
        work(world)
    assert caught.value.faults[0].where == "source.query"
    assert (TABLE in world.warehouse.tables, world.jobs.inserted) == (False, [])


def test_columns_that_fit_cost_no_call_beside_the_second_opinion(world: FakeServices) -> None:
    world.second_opinion.columns = (DAY,)
    work(world)
    assert "dry_run" not in world.jobs.calls


def test_where_the_second_opinion_knows_no_columns_they_are_asked_for_before_the_first_write_only(
    world: FakeServices,
) -> None:
    for letter in "ab":
        work(world, run=run(pipeline_logging_id=letter * 32))
    assert world.jobs.calls.count("dry_run") == 1


def test_columns_of_an_hour_ago_are_no_fault_of_a_query_that_fits_now(world: FakeServices) -> None:
    world.second_opinion.columns = (Column(name="cost", type="STRING"),)
    world.jobs.answer(TEXT, Answer(rows=[row(15)], columns=(DAY, Column(name="cost", type="FLOAT64"))))
    assert work(world).rows_written == 1


def test_a_write_that_bigquery_refuses_for_its_columns_is_a_mismatch_too(world: FakeServices) -> None:
    text = "Provided Schema does not match Table p:d.costs. Field cost has changed type from FLOAT to STRING"
    world.jobs.answer(TEXT, Answer(error=JobError("invalid", text, False)))
    make_table(world.warehouse, TABLE, WANTED, TENANT)
    with pytest.raises(SchemaMismatch, match="Field cost has changed type"):
        work(world)


@pytest.mark.parametrize(
    ("destination", "used", "codes"),
    [
        ({}, {"date"}, []),
        ({}, set(), ["date_not_used"]),
        ({"write": "replace"}, {"date"}, ["only_last_date"]),
        ({"schema_template": None}, {"date"}, ["only_last_date"]),
        ({"schema_template": None}, set(), []),
        ({"write": "append"}, {"date"}, []),
    ],
)
def test_a_table_that_keeps_only_the_last_date_is_pointed_at(
    world: FakeServices, destination: dict[str, Any], used: set[str], codes: list[str]
) -> None:
    found = BigQueryToBigQuery().advise(fields(destination=destination), context(world), used)
    assert [fault.code for fault in found] == codes


def test_on_empty_fail_fails_before_anything_is_written(world: FakeServices) -> None:
    world.jobs.answer(PROBE, Answer(rows=[]))
    with pytest.raises(EmptyResult):
        work(world, fields(on_empty="fail"))
    assert [id_ for id_, _ in world.jobs.inserted] == [job_id(TENANT, RUN, "extract", "probe")]


def test_on_empty_keep_leaves_the_day_as_it_is(world: FakeServices) -> None:
    work(world)
    world.jobs.answer(PROBE, Answer(rows=[]))
    result = work(world, fields(on_empty="keep"), run=run(pipeline_logging_id="a" * 32))
    assert (result.rows_written, rows(world)) == (0, [15, 15])


def test_with_rows_on_empty_changes_nothing(world: FakeServices) -> None:
    world.jobs.answer(PROBE, Answer(rows=[{"one": 1}]))
    assert work(world, fields(on_empty="fail")).rows_written == 2


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "destination",
    [
        {"dataset_type": "gcp__silver"},
        {"dataset_type": "../other"},
        {"dataset_type": ""},
        {"dataset_type": "Silver"},
        {"table": "x_meta_api_keys"},
        {"table": "costs$20251115"},
        {"table": "a.b"},
        {"table": "a`b"},
        {"table": ""},
    ],
)
def test_what_is_no_name_for_a_destination_is_refused(world: FakeServices, destination: dict[str, Any]) -> None:
    with pytest.raises(VariablesInvalid):
        work(world, fields(destination=destination))
    assert world.catalog.calls == []


def test_an_unknown_schema_is_refused_with_the_nearest_one(world: FakeServices) -> None:
    with pytest.raises(TemplateInvalid, match=r"did you mean .billing_cost."):
        work(world, fields(destination={"schema_template": "biling_cost"}))


def test_without_a_schema_the_table_has_the_querys_columns(world: FakeServices) -> None:
    columns = (Column(name="day", type="DATE"), Column(name="cost", type="FLOAT64"))
    world.jobs.answer(TEXT, Answer(rows=[{"day": "2025-11-15", "cost": 1.0}], columns=columns))
    assert work(world, fields(destination={"schema_template": None}), run=run(date=None)).rows_written == 1
    made = world.warehouse.tables[TABLE].schema
    assert (made.fields, made.partition_field) == (columns, None)
    assert written(world).write == "WRITE_TRUNCATE"
    assert world.jobs.calls.count("dry_run") == 1


def test_without_a_schema_a_column_that_changed_its_type_is_refused_by_name(world: FakeServices) -> None:
    for kind in ("DATE", "STRING"):
        world.jobs.answer(TEXT, Answer(columns=(Column(name="day", type=kind),)))
        if kind == "DATE":
            work(world, fields(destination={"schema_template": None}))
    with pytest.raises(SchemaMismatch, match="day is DATE, not STRING"):
        work(world, fields(destination={"schema_template": None}), run=run(pipeline_logging_id="a" * 32))


def test_without_a_schema_no_partition_can_be_replaced(world: FakeServices) -> None:
    with pytest.raises(TemplateInvalid, match="needs a schema_template with a partition_field"):
        work(world, fields(destination={"schema_template": None, "write": "replace_partition"}))


def test_the_context_says_whose_job_it_is(world: FakeServices) -> None:
    step: StepContext = context(world)
    assert step.job_ids("write") == (TENANT, RUN, "extract", "write")


RIGHT = '{"fields": [{"name": "usage_start_time", "type": "TIMESTAMP"}], "partition_field": "usage_start_time"}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"billing_cost": {"fields": [{"name": "x", "type": "STRING"}],}}', "schema_template.json:1: no JSON"),
        ('{"billing_cost": {"fields": [{"name": "x"}]}}', "json:1: billing_cost.fields.0.type: is missing"),
        ('{"billing_cost": {"feilds": []}}', "did you mean 'fields'"),
        ('{"billing_cost": {"fields": [{"name": "x", "type": "DATE"}], "partition_field": "y"}}', "no column 'y'"),
        (f'{{"billing_cost": {RIGHT},\n"billing_cost": {RIGHT}}}', "billing_cost: a key is there twice; keep one"),
        (f'{{"billing_cost": {RIGHT[:-1]}, "description": "a", "description": ""}}}}', "a key is there twice"),
        ("{}", "no schema template 'billing_cost' in schema_template.json; there is none"),
    ],
)  # fmt: skip
def test_a_step_is_stopped_by_what_is_wrong_with_its_own_schema_template(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(TemplateInvalid, match=re.escape(says)) as caught:
        work(with_schemas(tmp_path, text))
    assert [fault.where for fault in caught.value.faults] == ["destination.schema_template"]


@pytest.mark.parametrize(
    "other",
    [
        '{"fields": [{"name": "x"}]}',
        '{"fields": [{"name": "x", "type": "DATE"}], "partition_field": "y"}',
        '{"fields": [{"name": "x", "type": "DATE"}], "description": "a", "description": "b"}',
        "5",
    ],
)
@pytest.mark.parametrize("name", ["other", "no name"])
def test_what_is_wrong_with_another_schema_template_stops_nobody_else(tmp_path: Path, other: str, name: str) -> None:
    world = with_schemas(tmp_path, f'{{"{name}": {other}, "billing_cost": {RIGHT}}}')
    assert work(world).rows_written == 1


def with_schemas(folder: Path, text: str) -> FakeServices:
    """A world whose schema templates are these."""
    world = services()
    world.jobs.answer(TEXT, Answer(rows=[{"usage_start_time": row(15)["usage_start_time"]}]))
    file = folder / "gcp" / "bigquery_to_bigquery" / SCHEMAS.name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    world.settings = world.settings.model_copy(update={"templates_dir": folder})
    return world
