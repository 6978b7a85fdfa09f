"""What a preview shows, and that it runs and writes nothing."""

from collections.abc import Sequence
from datetime import date

import pytest

from shared.contracts.files.shared_sources import SharedSource
from shared.contracts.files.variable_spec import Value
from shared.contracts.tables import Column, DatasetRef, TableRef
from shared.desk import stand_ins
from shared.desk.preview import Preview, preview
from shared.errors import QueryFailed, Unavailable
from shared.ports import JobError
from shared.templating.isolation import Policy
from tests import builders
from tests.builders import DATA, TENANT
from tests.fakes import Answer, FakeServices

EXPORT = TableRef("billing-project", "billing_export", "gcp_billing_export")
TEXT = """\
pipeline_id: "{tenant_id}-x"
variables:
  limit: 10
steps:
  - step_id: extract
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: SELECT * FROM `{billing_export_table}` WHERE day = '{date}' AND n < {limit}
    destination: {dataset_type: silver, table: daily, schema_template: billing_cost}
  - step_id: tell
    ps_type: shared.email_notification
    trigger: on_failure
    to_emails: ["{admin_email}", "somebody@else.example"]
    subject: "{tenant_id} failed"
    message: "{failed_step} of {pipeline_id} on {date}"
"""
SOURCE = SharedSource(name="export", table="{billing_export_table}", tenant_filter="owner = '{tenant_id}'")


@pytest.fixture
def services() -> FakeServices:
    made = FakeServices(builders.settings())
    made.jobs.answer_all(Answer(bytes_billed=3 * 1024**3, reads=frozenset([EXPORT])))
    return made


def shown(
    services: FakeServices,
    text: str = TEXT,
    *,
    day: date | None = stand_ins.DAY,
    request: dict[str, Value] | None = None,
    ask: bool = True,
    sources: Sequence[SharedSource] = (SOURCE,),
) -> Preview:
    template, who = builders.template(text), builders.tenant()
    run = stand_ins.run(template.address, version=template.version, tenant_id=TENANT, date=day, request=request)
    policy = Policy.of(
        TENANT,
        data_project=DATA,
        default_project=services.settings.gcp_project_id,
        sources=sources,
        operator=services.settings.operator_variables,
        tenant=who.variables,
    )
    return preview(template, run, who, policy, services, ask=ask)


def test_each_variable_is_shown_with_who_set_it(services: FakeServices) -> None:
    found = {one.name: (one.value, one.origin) for one in shown(services, request={"limit": 5}).variables}

    assert found["limit"] == ("5", "request")
    assert found["billing_export_table"] == (str(EXPORT), "operator")
    assert found["admin_email"] == ("admin@acmeinc.example", "tenant")
    assert found["date"] == ("2025-11-15", "built-in")


def test_a_query_is_shown_as_it_would_run_with_what_it_reads_and_costs(services: FakeServices) -> None:
    (query,) = shown(services).steps[0].queries

    assert query.text.startswith("SELECT * FROM (SELECT * FROM `billing-project.billing_export.gcp_billing_export`")
    assert [(one.name, one.type, one.value) for one in query.parameters] == [
        ("p1_date", "STRING", "2025-11-15"),
        ("p2_limit", "INT64", 10),
        ("s0_1_tenant_id", "STRING", TENANT),
    ]
    assert [(one.table, one.source, one.tenant_filter) for one in query.reads] == [
        (str(EXPORT), "export", "owner = '{tenant_id}'")
    ]
    assert query.bytes_processed == query.bytes_billed == 3 * 1024**3
    assert query.dollars == pytest.approx(3 / 1024 * 6.25)


def test_where_it_would_write_is_shown(services: FakeServices) -> None:
    does = shown(services).steps[0].does

    assert does["destination"] == f"{DATA}.{TENANT}_silver.daily"
    assert (does["partition"], does["write"]) == ("20251115", "replace_partition")


def test_who_gets_a_mail_and_who_may_not_is_shown(services: FakeServices) -> None:
    found = shown(services)

    assert found.steps[1].does["to admin@acmeinc.example"] == "allowed"
    assert found.steps[1].does["to somebody@else.example"].startswith("refused: ")
    assert found.steps[1].does["message"] == f"- of {TENANT}-x on 2025-11-15"
    assert [(one.where, one.code) for one in found.errors] == [
        ("configs/gcp/cost/example.yml:13 tell.to_emails.1", "mail_refused")
    ]


def test_all_refusals_come_at_once_and_what_can_be_shown_is(services: FakeServices) -> None:
    wrong = TEXT.replace("'{date}'", "'{dat}'").replace("{failed_step}", "{nothing}")
    found = shown(services, wrong)

    assert [one.where for one in found.errors] == [
        "configs/gcp/cost/example.yml:8 extract.source.query",
        "configs/gcp/cost/example.yml:15 tell.message",
    ]
    assert found.pipeline_id == f"{TENANT}-x"


def test_what_a_request_may_not_set_is_refused_as_the_api_does(services: FakeServices) -> None:
    found = shown(services, request={"limit": "many", "billing_export_table": "a.b.c"})

    assert [(one.where, one.code) for one in found.errors] == [
        ("body.limit", "variable_invalid"),
        ("body.billing_export_table", "variable_protected"),
    ]


def test_a_run_without_the_date_that_it_needs_is_refused(services: FakeServices) -> None:
    assert {one.code for one in shown(services, day=None).errors} >= {"variable_missing"}


def test_a_query_that_bigquery_refuses_is_a_refusal(services: FakeServices) -> None:
    services.jobs.fail("dry_run", QueryFailed("invalidQuery: Unrecognized name: day at [1:20]", reason="invalidQuery"))

    (fault, *_) = shown(services).errors
    assert (fault.where, fault.code) == ("configs/gcp/cost/example.yml:8 extract.source.query", "query_failed")


def test_a_table_that_only_bigquery_sees_is_a_refusal(services: FakeServices) -> None:
    services.jobs.answer_all(Answer(reads=frozenset([EXPORT, TableRef("a", "b", "c")])))

    assert shown(services).errors[0].code == "isolation_refused"


def test_a_query_that_would_bill_too_much_is_a_refusal(services: FakeServices) -> None:
    services.jobs.answer_all(Answer(bytes_billed=10 * 1024**4, reads=frozenset([EXPORT])))

    assert shown(services).errors[0].code == "bytes_limit_exceeded"


def test_a_steps_own_limit_is_a_limit(services: FakeServices) -> None:
    limited = TEXT.replace("    destination:", "    maximum_bytes_billed: 10485760\n    destination:")

    (fault, *_) = shown(services, limited).errors
    assert (fault.code, fault.message) == (
        "bytes_limit_exceeded",
        "the query would bill 3,221,225,472 bytes; the limit is 10,485,760",
    )


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ([Column(name="surprise", type="STRING")], "surprise (STRING) is not in it"),
        ([Column(name="cost", type="NUMERIC")], "cost is NUMERIC, not FLOAT64"),
        ([Column(name="cost", type="STRING")], "cost is STRING, not FLOAT64"),
        ([], ""),
    ],
)
def test_columns_that_the_table_would_not_take_are_a_refusal(
    services: FakeServices, columns: list[Column], says: str
) -> None:
    day = Column(name="usage_start_time", type="TIMESTAMP")
    services.jobs.answer_all(Answer(reads=frozenset([EXPORT]), columns=(day, *columns)))

    found = [(one.where, one.code) for one in shown(services).steps[0].errors]
    assert found == ([("configs/gcp/cost/example.yml:8 extract.source.query", "schema_mismatch")] if says else [])
    assert says in "".join(one.message for one in shown(services).steps[0].errors)


AT_LINE_3 = QueryFailed("invalidQuery: Unrecognized name: day at [3:7]", reason="invalidQuery")
TWO_STEPS = """\
pipeline_id: "{tenant_id}-x"
steps:
  - step_id: stage
    ps_type: gcp.bigquery_to_bigquery
    source: {query: "SELECT 1 AS a"}
    destination: {dataset_type: silver, table: staged}
  - step_id: report
    ps_type: gcp.bigquery_to_bigquery
    source: {query: "SELECT a FROM `{tenant_id}_silver.staged` JOIN `{tenant_id}_silver.known` USING (a)"}
    destination: {dataset_type: silver, table: report}
"""
SILVER = DatasetRef(DATA, f"{TENANT}_silver")


def of_two_steps(services: FakeServices, text: str = TWO_STEPS) -> Preview:
    """A preview before the first run: BigQuery answers for the first step only."""
    services.settings = services.settings.model_copy(update={"gcp_project_id": DATA})
    services.jobs.answer("SELECT 1 AS a", Answer(columns=(Column(name="a", type="INT64"),)))
    second = f"SELECT a FROM `{TENANT}_silver.staged` JOIN `{TENANT}_silver.known` USING (a)"
    missing = f"Not found: Dataset {DATA}:{TENANT}_silver was not found in location US"
    services.jobs.answer(second, Answer(error=JobError("notFound", missing, False)))
    return shown(services, text)


def test_what_an_earlier_step_makes_is_not_missed_before_the_first_run(services: FakeServices) -> None:
    builders.make_table(services.warehouse, SILVER.table("known"), builders.table_schema("a INT64"))

    found = of_two_steps(services)
    assert found.errors == ()
    assert [(one.bytes_processed, one.after) for step in found.steps for one in step.queries] == [
        (10 * 1024**2, ""),
        (None, "stage"),
    ]


def test_what_no_step_makes_is_missed_also_beside_what_one_makes(services: FakeServices) -> None:
    (fault,) = of_two_steps(services).errors
    assert (fault.where, fault.code) == ("configs/gcp/cost/example.yml:9 report.source.query", "not_found")


def test_what_a_step_makes_that_is_not_waited_for_is_missed(services: FakeServices) -> None:
    builders.make_table(services.warehouse, SILVER.table("known"), builders.table_schema("a INT64"))

    alone = TWO_STEPS.replace("step_id: report\n", "step_id: report\n    depends_on: []\n")
    assert [one.code for one in of_two_steps(services, alone).errors] == ["not_found"]


@pytest.mark.parametrize(
    ("query", "line"),
    [
        (
            "|\n        SELECT *\n        FROM `{billing_export_table}`\n        WHERE day = '{date}' AND {limit} > 0",
            11,
        ),
        ("\"SELECT * FROM `{billing_export_table}`\n\n        WHERE day = '{date}'\n\n        AND {limit} > 0\"", 12),
        ("|\n        SELECT '''a\n        {date}''' FROM\n        `{billing_export_table}`\n        LIMIT {limit}", 11),
    ],
)
def test_bigquerys_line_of_the_query_is_the_files(services: FakeServices, query: str, line: int) -> None:
    start, end = TEXT.index("SELECT *"), TEXT.index("    destination:")
    services.jobs.fail("dry_run", AT_LINE_3)

    (fault, *_) = shown(services, f"{TEXT[:start]}{query}\n{TEXT[end:]}").errors
    assert fault.where == f"configs/gcp/cost/example.yml:{line} extract.source.query"


def test_no_line_is_named_where_a_filter_of_several_lines_moves_them(services: FakeServices) -> None:
    services.jobs.fail("dry_run", AT_LINE_3)
    moved = SOURCE.model_copy(update={"tenant_filter": "owner =\n'{tenant_id}'"})

    (fault, *_) = shown(services, TEXT.replace("SELECT *", "|\n        SELECT *"), sources=[moved]).errors
    assert fault.where == "configs/gcp/cost/example.yml:8 extract.source.query"


@pytest.mark.parametrize("ask", [True, False])
def test_without_a_bigquery_the_bytes_are_unknown(services: FakeServices, ask: bool) -> None:
    services.jobs.fail("dry_run", Unavailable("it does not answer"), times=5)

    (query,) = shown(services, ask=ask).steps[0].queries
    assert (query.bytes_processed, query.bytes_billed, query.dollars) == (None, None, None)


def test_nothing_is_run_or_written(services: FakeServices) -> None:
    shown(services)

    assert set(services.jobs.calls) <= {"dry_run"}
    assert services.catalog.calls == services.rows.calls == []
    assert services.jobs.inserted == []
