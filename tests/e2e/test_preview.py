"""`convergence` beside a running stack, which it finds by its ready file."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.functions import ROOT
from tests.e2e.conftest import START_TIMEOUT_S, eventually

TEMPLATE = "gcp/cost/cost_billing"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


class Desk:
    """A working folder, and the stack that was started in it; the command is that of `checkout`."""

    def __init__(self, folder: Path, checkout: Path = ROOT) -> None:
        self.folder, self.stack_file = folder, folder / ".local" / "stack.json"
        self._environment = {**os.environ, "PYTHONPATH": str(checkout)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )

    def preview(self, *arguments: str) -> tuple[int, str]:
        done = self.run("preview", TEMPLATE, *arguments)
        assert done.stderr == ""
        assert "\x1b" not in done.stdout, "no colours without a terminal"
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"))
    command = [sys.executable, "-m", "local", "up", "--port=0", "--functions=api"]
    with subprocess.Popen(command, cwd=made.folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL) as up:
        try:
            eventually(lambda: made.stack_file.exists() or up.poll() is not None, START_TIMEOUT_S)
            api = json.loads(made.stack_file.read_text())["api"]
            body = {"tenant_id": "acmeinc_23xv2", "admin_email": "admin@acmeinc.com"}
            assert httpx.post(f"{api}/api/v1/customers/onboard", json=body, timeout=60).status_code == 201
            yield made
        finally:
            up.send_signal(signal.SIGTERM)
            assert up.wait(20) == 0
    assert not made.stack_file.exists(), "the stack takes its ready file away when it ends"


def test_the_ready_file_is_its_owners_and_holds_what_functions_get(desk: Desk) -> None:
    ready = json.loads(desk.stack_file.read_text())

    assert desk.stack_file.stat().st_mode & 0o777 == 0o600
    assert ready["environment"]["BIGQUERY_ENDPOINT"] == ready["bigquery"]
    assert ready["environment"]["GCP_PROJECT_ID"] == ready["project"]
    assert "PATH" not in ready["environment"]


def test_a_preview_asks_the_stack_of_the_working_folder(desk: Desk) -> None:
    status, shown = desk.preview("--tenant", "acmeinc_23xv2", "--date", "2025-11-15")

    assert status == 0, shown
    for line in (
        "settings     from .local/stack.json",
        "admin_email               tenant    admin@acmeinc.com",
        "destination      convergence-local.acmeinc_23xv2_gcp_silver_cost.billing_cost_daily",
        "partition        20251115",
        "@p1_date         STRING  '2025-11-15'",
        "shared source gcp_billing_export, only rows where EXISTS",
        "MiB billed × $6.25/TiB = $",
        "to operator@example.com  allowed",
        "It would run. Nothing was run or written.",
    ):
        assert line in shown


def test_a_preview_leaves_nothing_behind(desk: Desk) -> None:
    ready = json.loads(desk.stack_file.read_text())
    before = httpx.get(f"{ready['sendgrid']}/pubsub").json(), len(httpx.get(f"{ready['sendgrid']}/mails").json())
    datasets = f"{ready['bigquery']}/bigquery/v2/projects/{ready['project']}/datasets"
    listed = httpx.get(datasets).json()["datasets"]

    desk.preview("--tenant", "acmeinc_23xv2", "--date", "2025-11-16")

    after = httpx.get(f"{ready['sendgrid']}/pubsub").json(), len(httpx.get(f"{ready['sendgrid']}/mails").json())
    assert after == before
    assert [one["id"] for one in httpx.get(datasets).json()["datasets"]] == [one["id"] for one in listed]


def test_json_is_the_same_for_programs(desk: Desk) -> None:
    arguments = ("--tenant", "acmeinc_23xv2", "--date", "2025-11-15", "--set", "admin_email=cfo@acmeinc.com", "--json")
    status, shown = desk.preview(*arguments)

    read = json.loads(shown)
    assert status == 0
    assert {one["name"]: one["origin"] for one in read["variables"]}["admin_email"] == "request"
    assert read["steps"][0]["queries"][0]["bytes_processed"] > 10 * 1024**2
    assert read["errors"] == []


def test_refusals_are_those_of_the_api(desk: Desk) -> None:
    status, shown = desk.preview("--tenant", "acmeinc_23xv2", "--set", "source_billing_table=a.b.c")
    assert status == 1
    assert "  body.source_billing_table\n    variable_protected  'source_billing_table' cannot be overridden" in shown

    status, shown = desk.preview("--tenant", "nobody_23xv2")
    assert (status, "tenant_unknown  no tenant nobody_23xv2" in shown) == (1, True)

    arguments = ("--tenant", "acmeinc_23xv2", "--date", "2025-11-15", "--set", "admin_email=x@rival.example")
    status, shown = desk.preview(*arguments)
    assert status == 1
    assert "to x@rival.example       refused: it is not on the tenant's mail domain" in shown
    assert "mail_refused  x@rival.example is not on the tenant's mail domain or the operator's list" in shown


def test_a_given_variable_is_read_as_its_type_and_judged_in_its_own_words(desk: Desk) -> None:
    template = desk.folder / "configs" / "gcp" / "x" / "bounded.yml"
    template.parent.mkdir(parents=True)
    template.write_text("""pipeline_id: "{tenant_id}-bounded"
description: ""
variables:
  limit: {type: int, default: 10, max: 100}
steps:
  - step_id: top
    ps_type: gcp.bigquery_to_bigquery
    source: {query: "SELECT 1 AS one LIMIT {limit}"}
    destination: {dataset_type: silver, table: ones}
""")
    given = ("preview", "gcp/x/bounded", "--tenant", "acmeinc_23xv2", "--configs", "configs")

    assert "@p1_limit  INT64  50" in desk.run(*given, "--set", "limit=50").stdout
    assert "'limit' must be at most 100" in desk.run(*given, "--set", "limit=500").stdout
    assert "'limit' must be a whole number" in desk.run(*given, "--set", "limit=ten").stdout


def test_an_operators_setting_can_be_tried_out(desk: Desk) -> None:
    given = ("--operator", "billing_export_table=a.b.c", "--tenant", "acmeinc_23xv2", "--date", "2025-11-15")
    status, shown = desk.preview(*given)

    assert status == 1
    assert "FROM `a.b.c` WHERE EXISTS" in shown
    assert "access_denied" in shown or "not_found" in shown, shown


def test_a_stack_that_is_gone_is_one_clear_line(desk: Desk, tmp_path: Path) -> None:
    ready = json.loads(desk.stack_file.read_text())
    stale = tmp_path / "stale.json"
    stale.write_text(json.dumps({"environment": {**ready["environment"], "BIGQUERY_ENDPOINT": "http://127.0.0.1:1"}}))

    status, shown = desk.preview("--tenant", "acmeinc_23xv2", "--stack", str(stale))
    assert status == 1
    assert f"the stack of {stale} does not answer; start it with make up, or remove the file" in shown

    stale.write_text("{}")
    status, shown = desk.preview("--tenant", "acmeinc_23xv2", "--stack", str(stale))
    assert (status, f"{stale} is no ready file of a stack" in shown) == (1, True)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Desk:
    """A folder outside of a checkout in which no stack runs, whatever runs in the one that is tested."""
    checkout, folder = tmp_path / "checkout", tmp_path / "elsewhere"
    for name in ("cli", "shared", "configs", "templates"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    folder.mkdir()
    return Desk(folder, checkout)


def test_without_a_stack_a_preview_goes_by_what_it_is_given(elsewhere: Desk) -> None:
    here = elsewhere
    given = ("--tenant", "acmeinc_23xv2", "--date", "2025-11-15", "--tenant-variable", "admin_email=a@acmeinc.com")

    status, shown = here.preview(*given, "--operator", "billing_export_table=p.d.t")
    assert (status, "no BigQuery to ask: bytes unknown" in shown, "bytes unknown; $6.25/TiB" in shown) == (
        0,
        True,
        True,
    )

    status, shown = here.preview(*given)
    assert status == 1
    assert "variable_unresolved  no variable {billing_export_table}" in shown


def test_templates_are_checked_from_any_folder(tmp_path: Path) -> None:
    done = Desk(tmp_path).run("templates")
    assert done.returncode == 0
    assert "no fault" in done.stdout

    done = Desk(tmp_path).run("templates", "--configs", "nowhere")
    assert (done.returncode, "no folder nowhere" in done.stderr) == (2, True)


TWO_STEPS = """pipeline_id: "{tenant_id}-two-steps"
description: ""
steps:
  - step_id: stage
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: |
        SELECT DATE(usage_start_time) AS day, cost
        FROM `{billing_export_table}`
        WHERE DATE(usage_start_time) = '{date}'
    destination: {dataset_type: new_stage, table: staged}
  - step_id: report
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: |
        SELECT day, SUM(cost) AS cost
        FROM `{tenant_id}_new_stage.staged`
        GROUP BY day
    destination: {dataset_type: new_stage, table: daily}
"""


def test_before_the_first_run_a_step_may_read_what_an_earlier_one_makes(desk: Desk) -> None:
    template = desk.folder / "staged" / "gcp" / "x" / "two_steps.yml"
    template.parent.mkdir(parents=True)
    sources = (ROOT / "configs" / "sources.yml").read_text()
    (desk.folder / "staged" / "sources.yml").write_text(sources)
    given = ("preview", "gcp/x/two_steps", "--tenant", "acmeinc_23xv2", "--date", "2025-11-15", "--configs", "staged")

    template.write_text(TWO_STEPS)
    done = desk.run(*given)
    assert (done.returncode, "known once step 'stage' has run" in done.stdout) == (0, True), done.stdout

    template.write_text(TWO_STEPS.replace("_new_stage.staged", "_new_stage.stagd"))
    done = desk.run(*given)
    assert (done.returncode, "not_found" in done.stdout) == (1, True), done.stdout

    template.write_text(TWO_STEPS.replace("AS day, cost\n", "AS day,\n          cots\n"))
    done = desk.run(*given)
    assert (done.returncode, "two_steps.yml:9 stage.source.query" in done.stdout) == (1, True), done.stdout


def test_columns_that_the_schema_template_does_not_take_are_refused(desk: Desk) -> None:
    template = desk.folder / "columns" / "gcp" / "x" / "columns.yml"
    template.parent.mkdir(parents=True)
    template.write_text("""pipeline_id: "{tenant_id}-columns"
description: ""
steps:
  - step_id: extract
    ps_type: gcp.bigquery_to_bigquery
    source: {query: "SELECT TIMESTAMP '{date} 00:00:00' AS usage_start_time, '5' AS cost, 1 AS surprise"}
    destination: {dataset_type: silver, table: columns, schema_template: billing_cost}
""")
    given = ("--tenant", "acmeinc_23xv2", "--date", "2025-11-15", "--configs", "columns")
    done = desk.run("preview", "gcp/x/columns", *given)

    assert done.returncode == 1
    assert "schema_mismatch  the query's columns do not fit schema template 'billing_cost': cost is" in done.stdout
    assert "surprise (INT64) is not in it" in done.stdout
