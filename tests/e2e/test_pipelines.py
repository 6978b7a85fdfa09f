"""The main job, end to end: HTTP, Pub/Sub, functions, BigQuery, mail; every process is the real one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.sample_billing import EMPTY_DAY
from local.stack import Ready
from tests.e2e.client import COST_BILLING, Platform, Tenant, by_day, client_of, source, table
from tests.e2e.conftest import eventually

pytestmark = [pytest.mark.timeout(180)]

HEAD = 'pipeline_id: "{tenant_id}-test"\nvariables:\n  admin_email: {type: email}\nsteps:\n'
ALERT = """
  - step_id: tell
    ps_type: shared.email_notification
    trigger: on_failure
    to_emails: ["{admin_email}"]
    subject: "Failed {tenant_id} {pipeline_logging_id}"
    message: "step={failed_step} code={error_code} message={error_message}"
"""


def query_step(
    sql: str, step_id: str = "extract", table: str = "billing_cost_daily", schema: str = "billing_cost"
) -> str:
    indented = sql.replace("\n", "\n        ")
    return f"""
  - step_id: {step_id}
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: |
        {indented}
    destination: {{dataset_type: test_out, table: {table}, schema_template: {schema}}}
"""


TEMPLATES = {
    "failing_query": HEAD + query_step("SELECT no_such_column FROM `{billing_export_table}`") + ALERT,
    "good": HEAD + query_step("SELECT * FROM `{billing_export_table}` WHERE DATE(usage_start_time) = '{date}'") + ALERT,
    "wrong_day": HEAD
    + query_step("SELECT * FROM `{billing_export_table}` WHERE DATE(usage_start_time) >= '{date}'")
    + ALERT,
    "broken": HEAD + query_step("SELECT '{{date}}' FROM `{billing_export_table}`"),
    "foreign": HEAD + query_step("SELECT * FROM `convergence-local.techcorp_99zx4.x_meta_api_keys`"),
    "said_always": HEAD
    + """
  - step_id: mail
    ps_type: shared.email_notification
    trigger: always
    to_emails: ["{admin_email}"]
    subject: "Always {tenant_id}"
    message: "failed=[{failed_step}] date={date}"
""",
}


@pytest.fixture(scope="module")
def platform(stack: Ready, configs: Path) -> Iterator[Platform]:
    (configs / "test" / "e2e").mkdir(parents=True, exist_ok=True)
    for name, text in TEMPLATES.items():
        (configs / "test" / "e2e" / f"{name}.yml").write_text(text)
    with client_of(stack.api, stack.bigquery, stack.sendgrid) as client:
        client.logs = Path(stack.logs)
        yield client


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return platform.onboard("acmeinc_23xv2")


@pytest.fixture(scope="module")
def techcorp(platform: Platform) -> Tenant:
    return platform.onboard("techcorp_99zx4")


def test_each_tenant_gets_its_own_costs_and_nobody_elses(platform, acme, techcorp):
    for tenant in (acme, techcorp):
        run = platform.run(tenant, COST_BILLING, date="2025-11-15", trigger_by="finance_team")

        (expected,) = platform.rows(source("2025-11-15", tenant.tenant_id))
        (day,) = platform.rows(by_day(tenant))
        assert run["status"] == "SUCCEEDED"
        assert run["rows_written"] == expected["n"] > 0
        assert (day["n"], day["cost"]) == (expected["n"], expected["cost"])
        others = f"""
            SELECT COUNT(*) AS n FROM {table(tenant)} AS t
            WHERE NOT EXISTS (
                SELECT 1 FROM UNNEST(t.labels) AS l WHERE l.key = 'tenant_id' AND l.value = '{tenant.tenant_id}')"""
        assert platform.rows(others) == [{"n": 0}]


def test_the_same_date_twice_leaves_the_same_rows(platform, acme):
    platform.run(acme, COST_BILLING, date="2025-11-14")
    once = platform.rows(by_day(acme))

    platform.run(acme, COST_BILLING, date="2025-11-14")

    assert platform.rows(by_day(acme)) == once


def test_a_day_without_rows_empties_its_partition_and_leaves_the_others(platform, techcorp):
    platform.run(techcorp, COST_BILLING, date="2025-11-12")
    before = platform.rows(by_day(techcorp))
    left_over = f"""
        INSERT INTO {table(techcorp)} (usage_start_time, cost)
        VALUES (TIMESTAMP '{EMPTY_DAY} 12:00:00+00', 1.0)"""
    platform.rows(left_over)
    assert len(platform.rows(by_day(techcorp))) == len(before) + 1

    run = platform.run(techcorp, COST_BILLING, date=str(EMPTY_DAY))

    assert (run["status"], run["rows_written"]) == ("SUCCEEDED", 0)
    assert platform.rows(by_day(techcorp)) == before


def test_a_query_that_fails_is_recorded_mailed_and_acknowledged(platform, acme):
    run = platform.run(acme, "test/e2e/failing_query", date="2025-11-15")

    assert (run["status"], run["failed_step"], run["error_code"]) == ("FAILED", "extract", "query_failed")
    assert "invalidQuery" in run["error_message"]
    assert "no_such_column" in run["error_message"]
    (mail,) = platform.mails(f"Failed acmeinc_23xv2 {run['pipeline_logging_id']}")
    assert mail["to"] == ["admin@acmeinc.com"]
    assert "step=extract code=query_failed message=invalidQuery: Unrecognized name" in mail["text"]
    assert platform.unacknowledged() == 0


def test_rows_of_another_day_fail_the_run_and_leave_the_table(platform, acme):
    platform.run(acme, "test/e2e/good", date="2025-11-15")
    before = platform.rows(by_day(acme, "test_out"))

    run = platform.run(acme, "test/e2e/wrong_day", date="2025-11-15")

    assert (run["status"], run["error_code"]) == ("FAILED", "row_outside_partition")
    assert platform.rows(by_day(acme, "test_out")) == before


def test_a_run_of_good_steps_only_sends_no_failure_mail(platform, acme):
    run = platform.run(acme, "test/e2e/good", date="2025-11-15")

    assert run["status"] == "SUCCEEDED"
    assert [step["status"] for step in run["steps"]] == ["SUCCEEDED", "SKIPPED"]
    assert platform.mails(f"Failed acmeinc_23xv2 {run['pipeline_logging_id']}") == []


def test_an_always_step_runs_without_a_failure(platform, acme):
    run = platform.run(acme, "test/e2e/said_always", date="2025-11-15")

    assert run["status"] == "SUCCEEDED"
    assert platform.mails("Always acmeinc_23xv2")[-1]["text"] == "failed=[] date=2025-11-15"


def test_the_tenant_has_a_copy_of_its_runs_and_steps(platform, acme):
    run = platform.run(acme, COST_BILLING, date="2025-11-13")

    where = f"WHERE pipeline_logging_id = '{run['pipeline_logging_id']}'"
    runs = f"SELECT status FROM `convergence-local.acmeinc_23xv2.x_meta_pipeline_runs` {where}"
    steps = f"SELECT step_id, status FROM `convergence-local.acmeinc_23xv2.x_meta_step_logs` {where}"
    # Written once the run has ended for all to see.
    assert eventually(lambda: platform.rows(runs)) == [{"status": "SUCCEEDED"}]
    assert eventually(lambda: platform.rows(steps)) == [{"step_id": "extract_billing_costs", "status": "SUCCEEDED"}]


def test_the_history_lists_the_tenants_runs_page_by_page(platform, acme):
    first = platform.run(acme, COST_BILLING, date="2025-11-15")
    failed = platform.run(acme, "test/e2e/failing_query", date="2025-11-15")

    def history(**query: str) -> Any:
        answer = platform.client.get(
            f"/api/v1/pipelines/runs/{acme.tenant_id}", params=query, headers={"X-API-Key": acme.key}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    newest = history(limit="1")
    assert [run["pipeline_logging_id"] for run in newest["runs"]] == [failed["pipeline_logging_id"]]
    assert (newest["runs"][0]["status"], newest["runs"][0]["error_code"]) == ("FAILED", "query_failed")
    older = history(limit="1", page_token=newest["next_page_token"])
    assert older["runs"] == [{name: value for name, value in first.items() if name != "steps"}]
    only = history(status="FAILED", template="test/e2e/failing_query", since=failed["accepted_at"][:10])
    assert {run["template_name"] for run in only["runs"]} == {"failing_query"}


def test_an_idempotency_key_makes_two_calls_one_run(platform, acme):
    headers = {"X-API-Key": acme.key, "Idempotency-Key": "nightly-2025-11-10"}
    path = f"/api/v1/pipelines/run/acmeinc_23xv2/{COST_BILLING}"

    first = platform.client.post(path, json={"date": "2025-11-10"}, headers=headers).json()
    platform.ended(acme, first)
    second = platform.client.post(path, json={"date": "2025-11-10"}, headers=headers).json()

    assert second["pipeline_logging_id"] == first["pipeline_logging_id"]
    assert platform.ended(acme, second)["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("template", "body", "status", "code", "says"),
    [
        ("gcp/cost/cost_biling", {"date": "2025-11-15"}, 404, "template_not_found", "gcp/cost/cost_billing"),
        ("test/e2e/broken", {"date": "2025-11-15"}, 500, "template_invalid", "test/e2e/broken.yml:10"),
        ("test/e2e/foreign", {"date": "2025-11-15"}, 500, "isolation_refused", "techcorp_99zx4"),
        (COST_BILLING, {"date": "15.11.2025"}, 400, "request_invalid", "YYYY-MM-DD"),
        (COST_BILLING, {"date": "2025-02-30"}, 400, "request_invalid", "date"),
        (COST_BILLING, {}, 400, "variables_invalid", "date"),
        (COST_BILLING, {"date": "2025-11-15", "adminemail": "x"}, 400, "variables_invalid", "admin_email"),
        (COST_BILLING, {"date": "2025-11-15", "admin_email": "spy@evil.example"}, 400, "mail_refused", "evil.example"),
        (COST_BILLING, {"date": "2025-11-15", "tenant_id": "techcorp_99zx4"}, 400, "variables_invalid", "built in"),
        (
            COST_BILLING,
            {"date": "2025-11-15", "source_billing_table": "convergence-local.techcorp_99zx4.x_meta_tenant"},
            400,
            "variables_invalid",
            "cannot be overridden",
        ),
    ],
)
def test_what_cannot_run_is_refused_at_once_and_nothing_is_published(
    platform, acme, techcorp, template, body, status, code, says
):
    before = platform.published()

    answer = platform.start(acme, template, **body)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert says in answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert platform.published() == before


def test_strangers_and_neighbours_are_refused(platform, acme, techcorp):
    path = f"/api/v1/pipelines/run/acmeinc_23xv2/{COST_BILLING}"
    before = platform.published()

    def ask(key: str | None) -> tuple[int, str]:
        headers = {"X-API-Key": key} if key else {}
        answer = platform.client.post(path, json={"date": "2025-11-15"}, headers=headers)
        return answer.status_code, answer.json()["code"]

    assert ask(None) == (401, "key_rejected")
    assert ask("nonsense") == (401, "key_rejected")
    assert ask("acmeinc_23xv2_api_" + "x" * 26) == (401, "key_rejected")
    assert ask("nobody_23xv2_api_" + "x" * 26) == (401, "key_rejected")
    assert ask(techcorp.key) == (403, "wrong_tenant")
    assert platform.published() == before


def test_onboarding_again_is_refused_and_the_key_still_works(platform, acme):
    body = {"tenant_id": "acmeinc_23xv2", "admin_email": "admin@acmeinc.com"}

    again = platform.client.post("/api/v1/customers/onboard", json=body)

    assert (again.status_code, again.json()["code"]) == (409, "already_onboarded")
    assert platform.run(acme, COST_BILLING, date="2025-11-15")["status"] == "SUCCEEDED"


def test_a_wrong_admin_key_is_refused_even_where_onboarding_is_open(platform):
    body = {"tenant_id": "initech_41qrt", "admin_email": "admin@initech.com"}

    answer = platform.client.post("/api/v1/customers/onboard", json=body, headers={"X-Admin-Key": "wrong"})

    assert (answer.status_code, answer.json()["code"]) == (401, "key_rejected")


def test_a_dataset_that_is_no_tenants_keeps_its_name(platform):
    body = {"tenant_id": "billing_export", "admin_email": "admin@billing.com"}

    answer = platform.client.post("/api/v1/customers/onboard", json=body)

    assert (answer.status_code, answer.json()["code"]) == (409, "tenant_id_refused")


def test_the_api_key_is_in_no_mail_and_no_log(platform, acme):
    logs = "".join(path.read_text(errors="replace") for path in platform.logs.rglob("*") if path.is_file())

    assert acme.key not in httpx.get(f"{platform.sendgrid}/mails").text
    assert "run_ended" in logs
    assert acme.key not in logs
