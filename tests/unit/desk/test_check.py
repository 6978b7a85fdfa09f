"""`make templates`: what each fault of a folder of templates says, and where."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.tables import Column, TableRef
from shared.desk.check import Report, check
from shared.desk.known import Known
from shared.ports import JobError
from shared.settings import ROOT, Settings
from tests import builders
from tests.fakes import Answer, FakeServices

Check = Callable[..., list[str]]

SOURCES = """\
- name: export
  table: "{billing_export_table}"
  tenant_filter: owner = '{tenant_id}'
"""
# Whatever `steps` replaces: a template without fault and without warning.
GOOD = """\
# curl -X POST …
pipeline_id: "{tenant_id}-{template_name}"
variables:
  day_column: "usage_day"
steps:
  - step_id: extract
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: |
        SELECT *
        FROM `{tenant_id}_raw.costs`
        WHERE day = '{date}' AND `{day_column}` = 1
    destination: {dataset_type: silver, table: daily, schema_template: daily}
  - step_id: tell
    ps_type: shared.email_notification
    trigger: on_failure
    to_emails: ["{admin_email}"]
    subject: "{tenant_id}: failed"
    message: "{pipeline_id} {date} {failed_step}"
"""
SCHEMAS = """\
{"daily": {"partition_field": "day", "fields": [{"name": "day", "type": "DATE"}]},
 "plain": {"fields": [{"name": "a", "type": "STRING"}]}}
"""


class Folder:
    """A folder of templates with one good template in it."""

    def __init__(self, path: Path) -> None:
        self.configs, self.templates = path / "configs", path / "templates"
        self.write("configs/sources.yml", SOURCES)
        self.write("configs/gcp/cost/x.yml", GOOD)
        self.write("templates/gcp/bigquery_to_bigquery/schema_template.json", SCHEMAS)

    def write(self, name: str, text: str | bytes) -> None:
        path = self.configs.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def template(self, right: str, wrong: str) -> None:
        assert right in GOOD
        self.write("configs/gcp/cost/x.yml", GOOD.replace(right, wrong))

    def report(self, **known: Any) -> Report:
        return check(self.configs, self.templates, known=Known(**known), services_of=services)

    def found(self, **known: Any) -> list[str]:
        """Every finding as it is printed, from the folder on."""
        root = f"{self.configs.parent}/"
        return [str(one).replace(root, "") for one in self.report(**known).findings]

    def in_template(self, **known: Any) -> list[str]:
        prefix = "configs/gcp/cost/x.yml:"
        return [one.removeprefix(prefix) for one in self.found(**known) if one.startswith(prefix)]


def services(settings: Settings) -> FakeServices:
    """Fakes with these settings; what tenants' tables look like is as shipped, not in the folder that is checked."""
    made = FakeServices(builders.settings())
    made.settings = settings
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_good_files_are_counted_and_nothing_else_is_said(folder: Folder) -> None:
    report = folder.report()

    assert report.findings == ()
    assert str(report) == "1 template, 2 schemas: no fault"


def test_what_ships_has_no_fault() -> None:
    report = check(ROOT / "configs", ROOT / "templates", known=Known(), services_of=services)

    assert report.errors == 0, report.findings
    assert report.templates >= 2


def test_the_originals_templates_have_none_either() -> None:
    exported = {"billing_export_table": "convergence-local.billing_export.gcp_billing_export_v1_01C3A5_7E9F12_B4D6E8"}
    known = Known(operator=exported)

    report = check(ROOT / "tests/e2e/original", ROOT / "templates", known=known, services_of=services)

    assert [str(one) for one in report.findings if not one.is_warning] == []
    assert report.templates == 3


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("pipeline_id: \"{tenant_id}", "pipline_id: x\npipeline_id: \"{tenant_id}", "2: pipline_id: unknown key; did you mean 'pipeline_id'?"),
        ("trigger: on_failure", "trigger: failure", "16: tell.trigger: must be one of 'on_success', 'on_failure', 'always'; did you mean 'on_failure'?"),
        ("trigger: on_failure", "triger: on_failure", "16: tell.triger: unknown key; did you mean 'trigger'?"),
        ("step_id: tell", "step_id: extract", "14: steps.1.step_id: 'extract' is the id of the step on line 6 too; ids are unique"),
        ("trigger: on_failure", "depends_on: [extrct]", "16: tell.depends_on: no step 'extrct'; did you mean 'extract'?"),
        ("trigger: on_failure", "depends_on: [tell]", "16: tell.depends_on: step 'tell' waits for itself; break the circle"),
        ("step_id: tell", "step_id: extract\n    depends_on: [extract]", "14: steps.1.step_id: 'extract' is the id of the step on line 6 too; ids are unique"),
        ("trigger: on_failure", "depends_on: extract", "16: tell.depends_on: must be a list, such as [a, b]"),
        ("trigger: on_failure", "retry: {attempt: 2}", "16: tell.retry.attempt: unknown key; did you mean 'attempts'?"),
        ("trigger: on_failure", "retry: {attempts: 99}", "16: tell.retry.attempts: must be at most 10"),
        ("trigger: on_failure", "timeout: soon", "16: tell.timeout: must be a number"),
        ("ps_type: gcp.bigquery_to_bigquery", "ps_type: gcp.bigquery_to_bigqury", "7: extract.ps_type: no engine 'gcp.bigquery_to_bigqury'; did you mean 'gcp.bigquery_to_bigquery'?"),
        ("source:\n", "sorce: x\n    source:\n", "8: extract.sorce: unknown key; did you mean 'source'?"),
        ("ps_type: gcp.bigquery_to_bigquery", "ps_typ: gcp.bigquery_to_bigquery", "7: extract.ps_typ: unknown key; did you mean 'ps_type'?"),
        ("query: |", "queri: |", "9: extract.source.queri: unknown key; did you mean 'query'?"),
        ("query: |", "queri: x\n      query: |", "9: extract.source.queri: unknown key; did you mean 'query'?"),
        ("table: daily", "tabel: daily", "13: extract.destination.tabel: unknown key; did you mean 'table'?"),
        ("table: daily", "table: x_meta_runs", "13: extract.destination.table: table 'x_meta_runs' is no name for a destination: letters, digits, _; not x_meta…"),
        ("dataset_type: silver", "dataset_type: Silver", "13: extract.destination.dataset_type: 'Silver' is no dataset_type: lower case letters, digits and single _, such as gcp_silver_cost"),
        ("schema_template: daily", "schema_template: dayly", "13: extract.destination.schema_template: no schema template 'dayly' in schema_template.json; did you mean 'daily'?"),
        ("schema_template: daily", "schema_template: plain, write: replace_partition", "13: extract.destination.write: schema template 'plain' has no partition_field to replace by"),
        ("to_emails: [", "to_emails: x #[", "17: tell.to_emails: must be a list, such as [a, b]"),
        ("subject: \"{tenant_id}: failed\"", "subject: 5", '18: tell.subject: must be text; put it between quotes: "5"'),
        ("message: \"{pipeline_id} {date} {failed_step}\"", "message: ''", "19: tell.message: must not be empty"),
        ("usage_day", "{usage_dy}", "4: no variable {usage_dy}; known: admin_email, billing_export_table, date, "),
        ("usage_day", "{day_column}", "4: 'day_column' refers to itself: day_column → day_column"),
        ("\"{tenant_id}-{template_name}\"\nvariables:", "\"{spare}\"\nvariables:\n  spare: ''", "2: 'pipeline_id' is empty, once its references are filled in"),
        ("day_column: \"usage_day\"", "date: x", "4: variables.date: built in; the platform sets it, choose another name"),
        ("day_column: \"usage_day\"", "day_column: {type: strng}", "4: variables.day_column.type: no type 'strng'; known types: string, int, float, bool, date, email, identifier, table, dataset_type, and list[…] of these"),
        ("day_column: \"usage_day\"", "day_column: {typ: string}", "4: variables.day_column.typ: unknown key; did you mean 'type'?"),
        ("'{date}' AND", "'{dat}' AND", "12: extract.source.query: no variable {dat}; did you mean 'date'?"),
        ("'{date}' AND", "'{{date}}' AND", "12: extract.source.query: {{date}} has double braces; write {date}"),
        ("WHERE day", "WHERE WHERE day", "12: extract.source.query: this is no SELECT that can be read; look at 'WHERE' and what is before it"),
        ("SELECT *\n", "DELETE\n", "9: extract.source.query: a query begins with SELECT or WITH, not with DELETE"),
        ("{tenant_id}_raw.costs", "other.costs", "11: extract.source.query: table 'your-project.other.costs' is neither this tenant's nor a shared source"),
        ("AND `{day", "AND a IN (SELECT 1 FROM techcorp_99zx4_raw.t) AND `{day", "12: extract.source.query: table 'your-project.techcorp_99zx4_raw.t' is neither"),
        ("\"{pipeline_id} {date} {failed_step}\"", "\"{pipeline_id} {date} {faild_step}\"", "19: tell.message: no variable {faild_step}; did you mean 'failed_step'?"),
        ("{tenant_id}: failed", "{tenant_id}: {error_cod}", "18: tell.subject: no variable {error_cod}; did you mean 'error_code'?"),
        ("to_emails: [\"{admin_email}\"]", "to_emails: [nobody]", "17: tell.to_emails.0: nobody is no address; write name@domain, or {admin_email}"),
        ("trigger: on_failure", "name: \"tell {who}\"", "16: tell.name: no variable {who}; known: "),
    ],
)  # fmt: skip
def test_a_fault_is_said_with_its_line_and_what_would_be_right(
    folder: Folder, right: str, wrong: str, says: str
) -> None:
    folder.template(right, wrong)

    assert any(one.startswith(says) for one in folder.in_template()), folder.in_template()


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("# curl -X POST …\n", "", "1: warning: no comment at the top shows how it is called; add # curl -X POST …/api/v1/pipelines/run/{tenant_id}/gcp/cost/x"),
        ("variables:\n", "variables:\n  spare: 5\n", "4: warning: variables.spare: is not used; delete it, or write {spare} where it belongs"),
        ("day = '{date}'", "day = '2025-01-01'", "9: warning: extract.source.query: does not use {date}, and its rows replace the partition"),
        ("trigger: on_failure", "trigger: on_success", "19: tell.message: {failed_step} is there only in steps whose trigger is on_failure or always"),
        ("{failed_step}", "", "14: warning: tell: runs after a failure and does not say which; use {failed_step}, {error_code}"),
        ("{tenant_id}: failed", "failed", "18: warning: tell.subject: does not say whose mail this is; put {tenant_id} into it"),
        ("{pipeline_id} {date}", "{date}", "19: warning: tell.message: does not say which pipeline; put {pipeline_id} into it"),
        ("{pipeline_id} {date}", "{pipeline_id}", "19: warning: tell.message: does not say which day; put {date} or {run_date} into it"),
        ("\"{admin_email}\"", "finance@acme.example", "17: warning: tell.to_emails.0: finance@acme.example is somebody's address"),
        ("subject:", "html: '<a href={pipeline_id}>run</a>'\n    subject:", "18: warning: tell.html: {pipeline_id} is an attribute's value without quotes; write \"{pipeline_id}\""),
        ("day_column: \"usage_day\"", "day_column: \"usage_day\"\n  where_to: {default: daily, overridable: true}", "5: warning: variables.where_to: "),
    ],
)  # fmt: skip
def test_what_is_probably_not_meant_is_a_warning(folder: Folder, right: str, wrong: str, says: str) -> None:
    folder.template(right, wrong)

    assert any(one.startswith(says) for one in folder.in_template()), folder.in_template()


@pytest.mark.parametrize(
    ("spec", "text", "says"),
    [
        ("a.example", "https://{site}/x", ["{site} chooses where a link leads, and a request that sets it is refused"]),
        ("{default: a.example, overridable: false}", "https://{site}/x", []),
        ("a.example", "https://b.example/{site}", []),
    ],
)
def test_a_link_whose_host_a_request_chooses_is_pointed_at(
    folder: Folder, spec: str, text: str, says: list[str]
) -> None:
    given = GOOD.replace("variables:\n", f"variables:\n  site: {spec}\n").replace(
        "{failed_step}", f"{{failed_step}} {text}"
    )
    folder.write("configs/gcp/cost/x.yml", given)

    found = folder.in_template()
    assert len(found) == len(says)
    assert all(f"20: warning: tell.message: {one}" in line for one, line in zip(says, found, strict=True))


def test_a_quoted_attribute_is_no_matter(folder: Folder) -> None:
    folder.template("    subject:", "    html: '<a href=\"{pipeline_id}\">{date}</a> a={date}'\n    subject:")

    assert folder.in_template() == []


def test_without_a_step_for_failures_a_run_fails_unseen(folder: Folder) -> None:
    folder.write("configs/gcp/cost/x.yml", GOOD[: GOOD.index("  - step_id: tell")])

    assert folder.in_template() == [
        "5: warning: steps: no step says that a run failed; add one with trigger: on_failure"
    ]


def test_a_step_for_failures_before_everything_can_never_run(folder: Folder) -> None:
    tell = GOOD.index("  - step_id: tell")
    extract = GOOD.index("  - step_id: extract")
    folder.write("configs/gcp/cost/x.yml", GOOD[:extract] + GOOD[tell:] + GOOD[extract:tell])

    says = "8: tell.trigger: can never run: no step before it can fail; put it after the steps that it speaks of"
    assert folder.in_template() == [says]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("{default: daily, overridable: true}", ["overridable has no effect: the variable names something"]),
        ("{default: daily, overridable: true, enum: [daily, weekly]}", ["requests may choose what step 'extract' writes to"]),
        ("{default: daily}", []),
    ],
)  # fmt: skip
def test_a_destination_that_requests_may_choose_is_pointed_at(folder: Folder, spec: str, says: list[str]) -> None:
    text = GOOD.replace("table: daily", 'table: "{to}"').replace("variables:\n", f"variables:\n  to: {spec}\n")
    folder.write("configs/gcp/cost/x.yml", text)

    found = folder.in_template()
    assert len(found) == len(says)
    assert all(one in line for one, line in zip(says, found, strict=True))


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("query: |\n\n        SELECT *\n\n        FROM other.costs", 13),
        ("query: |2-\n          SELECT *\n        FROM other.costs", 11),
        ("query: >\n        SELECT a\n          ,b\n        FROM `{tenant_id}_raw.t`,\n\n        other.costs", 14),
        ("query: SELECT *\n        FROM\n        other.costs", 11),
        ('query: "SELECT *\n        \\\n        FROM `other.costs`"', 11),
        ("query: \"SELECT '\\x41\\u0042' ,\\\n        b\n\n        FROM other.costs\"", 12),
        ("query: 'SELECT ''a''\n        FROM other.costs'", 10),
        (
            "query: |\n        SELECT '''a\n        {date}\n        ''',\n        1 -- {nothing}\n        FROM other.costs",
            14,
        ),
    ],
)
def test_a_querys_line_is_the_files_line_however_yaml_writes_it(folder: Folder, query: str, line: int) -> None:
    start, end = GOOD.index("query: |"), GOOD.index("    destination:")
    folder.write("configs/gcp/cost/x.yml", f"{GOOD[:start]}{query}\n{GOOD[end:]}")

    refused = [one for one in folder.in_template() if "is neither this tenant's" in one]
    assert [one.partition(":")[0] for one in refused if "other.costs" in one] == [str(line)], folder.in_template()


def test_all_faults_of_all_files_come_at_once(folder: Folder) -> None:
    folder.template("table: daily", "tabel: daily")
    folder.write(
        "configs/gcp/cost/y.yml", GOOD.replace("trigger: on_failure", "trigger: x").replace("query: |", "q: |")
    )
    folder.write("configs/gcp/cost/z.yml", GOOD.replace("'{date}'", "'{dat}'").replace("{failed_step}", "{nothing}"))
    folder.write("templates/a.json", "{")

    found = folder.found()

    assert [one.partition(": ")[0] for one in found] == [
        "configs/gcp/cost/x.yml:13",
        "configs/gcp/cost/y.yml:8",
        "configs/gcp/cost/y.yml:9",
        "configs/gcp/cost/y.yml:16",
        "configs/gcp/cost/z.yml:12",
        "configs/gcp/cost/z.yml:14",
        "configs/gcp/cost/z.yml:19",
        "templates/a.json:1",
    ]
    assert str(folder.report()) == "3 templates, 2 schemas: 7 faults, 1 warning"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("gcp/cost/b.yaml", b"", "gcp/cost/b.yaml:1: the extension is .yml; rename it to gcp/cost/b.yml"),
        ("gcp/cost/b.YML", b"", "gcp/cost/b.YML:1: the extension is .yml, in lower case; rename it to gcp/cost/b.yml"),
        ("gcp/cost/b.yml.txt", b"", "gcp/cost/b.yml.txt:1: the extension is .yml; rename it to gcp/cost/b.yml"),
        ("gcp/b.yml", b"", "gcp/b.yml:1: 'gcp/b.yml' is no template: the path is provider/domain/template_name.yml"),
        ("b.yml", b"", "b.yml:1: 'b.yml' is no template: the path is"),
        ("gcp/cost/deep/b.yml", b"", "gcp/cost/deep/b.yml:1: 'gcp/cost/deep/b.yml' is no template"),
        ("gcp/Cost/b.yml", b"", "gcp/Cost/b.yml:1: 'gcp/Cost/b': each part starts with a lower case letter"),
        ("gcp/cost/notes", b"", "gcp/cost/notes:1: 'gcp/cost/notes' is no template: the extension is .yml"),
        ("gcp/cost/b.yml", b"", "gcp/cost/b.yml:1: the file is empty; a template is a mapping with the keys"),
        ("gcp/cost/b.yml", b"# nothing\n", "gcp/cost/b.yml:1: the file is empty"),
        ("gcp/cost/b.yml", b"a: 1\nb: \xff\n", "gcp/cost/b.yml:2: not UTF-8 text; save the file as UTF-8"),
        ("gcp/cost/b.yml", b"#" * 70_000, "gcp/cost/b.yml:1: 70000 bytes; a template has at most 65536"),
        ("gcp/cost/b.yml", b"a: [1\n", "gcp/cost/b.yml:2: not YAML"),
        ("sources.yml", b"- {name: \xff}", "sources.yml:1: not UTF-8 text; save the file as UTF-8"),
    ],
)  # fmt: skip
def test_a_file_that_can_be_no_template_is_said_to_be_none(folder: Folder, name: str, data: bytes, says: str) -> None:
    folder.write(f"configs/{name}", data)

    assert any(one.startswith(f"configs/{says}") for one in folder.found()), folder.found()


def test_links_are_not_read(folder: Folder) -> None:
    (folder.configs / "gcp/cost/out.yml").symlink_to("/etc/hostname")
    (folder.configs / "gcp/cost/lost.yml").symlink_to("nowhere.yml")
    (folder.configs / "aws").symlink_to(folder.configs / "gcp")

    found = [one for one in folder.found() if "a link" in one]
    assert [one.partition(":1: ")[0] for one in found] == [
        "configs/aws",
        "configs/gcp/cost/lost.yml",
        "configs/gcp/cost/out.yml",
    ]


def test_editors_backups_are_not_there(folder: Folder) -> None:
    for name in (".x.yml.swp", "x.yml~", ".DS_Store"):
        folder.write(f"configs/gcp/cost/{name}", "x")

    assert folder.found() == []


def test_a_second_pipeline_of_the_same_id_is_a_fault(folder: Folder) -> None:
    text = GOOD.replace("-{template_name}", "-costs")
    folder.write("configs/gcp/cost/x.yml", text)
    folder.write("configs/gcp/cost/y.yml", text)

    (found,) = folder.found()
    assert found.startswith("configs/gcp/cost/y.yml:2: pipeline_id: the same as on ")
    assert found.endswith("configs/gcp/cost/x.yml:2; make it this template's own")


def test_a_folder_without_templates_is_a_fault(folder: Folder) -> None:
    (folder.configs / "gcp/cost/x.yml").unlink()

    assert folder.found() == ["configs:1: no template in this folder; the first is provider/domain/name.yml"]


# ── shared sources ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        ("- {name: a}", "configs/sources.yml:1: 0.table: is missing"),
        (SOURCES + SOURCES, "configs/sources.yml:4: a second source of the name 'export'; keep one"),
        (SOURCES + SOURCES, "configs/sources.yml:5: a second source of the table '{billing_export_table}'; keep one"),
        (SOURCES.replace("{billing_export_table}", "no_table"), "configs/sources.yml:2: 0.table: shared source 'export': its table is no project.dataset.table"),
        (SOURCES.replace("owner =", "owner = ="), "configs/sources.yml:3: 0.tenant_filter: "),
        (SOURCES.replace("owner = '{tenant_id}'", "owner IN (SELECT a FROM x.y)"), "configs/sources.yml:3: 0.tenant_filter: "),
        ("just text", "configs/sources.yml:1: a list of {name, table, tenant_filter}; write [] for none"),
    ],
)  # fmt: skip
def test_the_sources_are_checked_too(folder: Folder, sources: str, says: str) -> None:
    folder.write("configs/sources.yml", sources)

    assert any(one.startswith(says) for one in folder.found()), folder.found()


READS = GOOD.replace("`{tenant_id}_raw.costs`", "`{billing_export_table}`")
LAID_OUT = "  partition_field: day\n"
CLUSTERED = "  cluster_by: [owner]\n"


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        ("", "reads the whole table of shared source 'export': 10,000 tenants × its bytes × $6.25/TiB = $62,500 for each TiB"),
        (LAID_OUT, "reads all tenants' rows of the day of shared source 'export'"),
        (CLUSTERED, "reads the tenant's rows of every day of shared source 'export'"),
    ],
)  # fmt: skip
def test_a_shared_source_that_is_not_pruned_has_its_price(folder: Folder, layout: str, says: str) -> None:
    folder.write("configs/sources.yml", SOURCES + layout)
    folder.write("configs/gcp/cost/x.yml", READS)

    (found,) = folder.in_template()
    assert found.startswith(f"9: warning: extract.source.query: {says}")


def test_a_shared_source_that_is_pruned_by_day_and_tenant_is_no_matter(folder: Folder) -> None:
    folder.write("configs/sources.yml", SOURCES + LAID_OUT + CLUSTERED)
    folder.write("configs/gcp/cost/x.yml", READS)

    assert folder.in_template() == []


def test_a_query_that_does_not_filter_by_the_partition_is_told_which_column_it_is(folder: Folder) -> None:
    folder.write("configs/sources.yml", SOURCES + LAID_OUT + CLUSTERED)
    folder.write("configs/gcp/cost/x.yml", READS.replace("day = '{date}'", "other = '{date}'"))

    (found,) = folder.in_template()
    assert "reads the tenant's rows of every day" in found
    assert "; filter by day, or a staging table of it" in found


def test_known_bytes_make_the_price_a_sum(folder: Folder) -> None:
    folder.write("configs/gcp/cost/x.yml", READS)

    (found,) = folder.in_template(source_bytes={"export": 2 * 1024**3})
    assert "10,000 tenants × 2.0 GiB × $6.25/TiB = $122.07 at every date" in found


def test_where_there_is_a_bigquery_it_knows_the_bytes(folder: Folder) -> None:
    folder.write("configs/gcp/cost/x.yml", READS)
    known = Known(settings=builders.settings())

    def with_answer(settings: Settings) -> FakeServices:
        made = services(settings)
        made.jobs.answer_all(Answer(bytes_billed=1024**4, reads=frozenset([TableRef("a", "b", "c")])))
        return made

    (finding,) = check(folder.configs, folder.templates, known=known, services_of=with_answer).findings
    assert "10,000 tenants × 1.0 TiB × $6.25/TiB = $62,500.00 at every date" in finding.message


# ── values that are not known ───────────────────────────────────────────────────────────────────────────────────────


def test_variables_that_somebody_else_gives_have_stand_ins_of_their_type(folder: Folder) -> None:
    variables = """\
variables:
  day_column: usage_day
  source: {type: table}
  least: {type: int, min: 5, max: 9}
  regions: {type: "list[string]"}
  code: {type: string, pattern: "[A-Z]{3}-[0-9]+"}
"""
    text = GOOD.replace('variables:\n  day_column: "usage_day"\n', variables)
    text = text.replace("{tenant_id}_raw.costs", "{source}")
    text = text.replace("AND `", "AND n > {least} AND r IN ({regions}) AND c = '{code}' AND `")
    folder.write("configs/gcp/cost/x.yml", text)

    assert folder.in_template() == []


def test_an_operator_setting_is_known_by_the_sources_or_from_the_command_line(folder: Folder) -> None:
    folder.template("{day_column}", "{their_column}")

    assert folder.report().stood_in == ("billing_export_table",)
    assert any("no variable {their_column}" in one for one in folder.in_template())
    assert not any("their_column" in one for one in folder.in_template(operator={"their_column": "a"}))


# ── table schemas ───────────────────────────────────────────────────────────────────────────────────────────────────


def table(columns: str, more: str = "") -> str:
    return f'{{\n"description": "d"{more},\n"fields": [\n{columns}\n]}}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1: the file is empty; a table is an object with fields"),
        ('{"fields": [\n{"name": "a",}]}', "2: no JSON"),
        (table('{"name": "a", "type": "TEXT"}'), "4: fields.0.type: must be one of 'STRING', "),
        (table('{"name": "a"}'), "4: fields.0.type: is missing"),
        (table('{"name": "a", "typ": "STRING", "type": "DATE"}'), "4: fields.0.typ: unknown key; did you mean 'type'?"),
        (table('{"name": "a", "type": "DATE", "mode": "REQUIRED"}'), "4: fields.0.mode: must be one of 'NULLABLE', 'REPEATED'"),
        (table('{"name": "a", "type": "DATE"},\n{"name": "A", "type": "DATE"}'), "5: fields.1.name: 'A' is the name of another column too"),
        (table('{"name": "a", "type": "DATE",\n"name": "b"}'), "5: 'name' is there twice, first on line 4; keep one"),
        (table('{"name": "a", "type": "RECORD"}'), "4: fields.0: 'a' is a RECORD without fields; name what is in it"),
        (table('{"name": "a", "type": "DATE"}', ',\n"partition_field": "b"'), "3: partition_field: no column 'b'; known: a"),
        (table('{"name": "a", "type": "STRING"}', ',\n"partition_field": "a"'), "3: partition_field: 'a' is STRING; partitions are by"),
        (table('{"name": "a", "type": "JSON"}', ',\n"cluster_by": ["a"]'), "3: cluster_by.0: 'a' is JSON, by which no table can be clustered"),
        (table('{"name": "a", "type": "DATE"}', ',\n"cluster_by": ["a", "a", "a", "a", "a"]'), "3: cluster_by: 5 columns; a table is clustered by at most 4"),
        (table('{"name": "a", "typ": "STRING"}', ',\n"partition_field": "b"'), "3: partition_field: no column 'b'; known: a"),
        (table('{"name": "a", "type": "X"},\n{"name": "A", "type": "DATE"}'), "5: fields.1.name: 'A' is the name of another column too"),
        (table('{"name": "a", "type": "DATE", "x": 1}', ',\n"cluster_by": ["b"], "partition_type": 5'), "3: cluster_by.0: no column 'b'; known: a"),
        ("[]", "1: must be a mapping"),
    ],
)  # fmt: skip
def test_a_table_that_bigquery_would_refuse_is_found_at_the_desk(folder: Folder, text: str, says: str) -> None:
    folder.write("templates/control/x.json", text)

    assert any(one.startswith(f"templates/control/x.json:{says}") for one in folder.found()), folder.found()


# ── what only BigQuery finds ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            Answer(error=JobError("invalidQuery", "Unrecognized name: cost at [3:7]", False)),
            "12: extract.source.query: invalidQuery: Unrecognized name: cost at [3:7]",
        ),
        (
            Answer(columns=(Column(name="day", type="STRING"),)),
            "9: extract.source.query: the query's columns do not fit schema template 'daily': day is STRING, not DATE",
        ),
        (Answer(error=JobError("notFound", "Not found: Dataset", False)), ""),
        (Answer(columns=(Column(name="day", type="DATE"),)), ""),
    ],
)
def test_where_there_is_a_bigquery_it_judges_each_query(folder: Folder, answer: Answer, says: str) -> None:
    def with_answer(settings: Settings) -> FakeServices:
        made = services(settings)
        made.jobs.answer_all(answer)
        return made

    known = Known(settings=builders.settings(gcp_project_id=builders.DATA))
    found = check(folder.configs, folder.templates, known=known, services_of=with_answer).findings
    said = [f"{one.line}: {one.message}" for one in found]
    assert len(said) == bool(says)
    assert "".join(said).startswith(says)


def test_one_faulty_schema_template_is_no_fault_of_templates_that_use_another(folder: Folder) -> None:
    folder.write(
        "templates/gcp/bigquery_to_bigquery/schema_template.json",
        SCHEMAS.replace('"plain": {', '"a b": {').replace('"STRING"', '"TEXT"').replace('{"name": "a"', '{"name": "1"'),
    )

    found = folder.found()
    file = "templates/gcp/bigquery_to_bigquery/schema_template.json:2: "
    assert [one.removeprefix(file).partition(", 'BYTES'")[0] for one in found] == [
        "'a b' is no name of a table: letters, digits and _, at most 64",
        "a b.fields.0.name: must match ^[A-Za-z_][A-Za-z0-9_]{0,299}$",
        "a b.fields.0.type: must be one of 'STRING'",
    ]
