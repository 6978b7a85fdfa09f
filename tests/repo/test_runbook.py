"""docs/operate.md has a section for each alert, and asks for events, columns, variables and places that there are."""

import ast
import json
import re
from collections import defaultdict

import pytest
from sqlglot import exp, parse_one
from sqlglot.optimizer.qualify import qualify

from shared.settings import ROOT

RUNBOOK = (ROOT / "docs" / "operate.md").read_text()
TERRAFORM = {file.name: file.read_text() for file in (ROOT / "terraform").glob("*.tf") if file.is_file()}
SOURCES = [file for folder in ("shared", "functions") for file in (ROOT / folder).rglob("*.py")]
CODE = "\n".join(file.read_text() for file in SOURCES)
TABLES = {
    file.stem: {field["name"]: field["type"] for field in json.loads(file.read_text())["fields"]}
    for file in (ROOT / "templates" / "control").glob("*.json")
}
QUERIES = re.findall(r"```sql\n(.*?)```", RUNBOOK, re.DOTALL)


def section(title: str, level: str = "##") -> str:
    return re.split(rf"^{level} ", RUNBOOK.split(f"\n{level} {title}\n")[1], flags=re.MULTILINE)[0]


def fields_of(variable: str) -> set[str]:
    """The fields that the validation of a variable, a map, lets through."""
    block = TERRAFORM["variables.tf"].split(f'variable "{variable}" {{')[1].split("\n}\n")[0]
    lists = re.findall(r"keys\((?:var\.\w+|one)\), \[([^\]]+)\]", block)
    assert lists, variable
    return set(re.findall(r'"(\w+)"', lists[-1]))


def test_every_alert_has_a_section_and_every_section_an_alert():
    alerts = TERRAFORM["alerts.tf"].split("  alerts = {")[1].split("\n  }\n")[0]

    names = re.findall(r"^    (\w+) = \{$", alerts, re.MULTILINE)
    assert names
    assert re.findall(r"^### (.+)$", section("Alerts"), re.MULTILINE) == sorted(names)


def logged_errors() -> dict[str, set[str]]:
    """Every event that the code logs at ERROR or CRITICAL, with its fields besides those of every line."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or file.name == "logs.py":
                continue
            event, *severity = [one.value if isinstance(one, ast.Constant) else one for one in node.args] or [""]
            fields = {str(one.arg) for one in node.keywords}
            assert "severity" not in fields, f"{file}:{node.lineno}: say it in second place, where this looks"
            if node.func.id == "log_bug":
                found[str(event)] |= {"error_type", "where"}
            elif node.func.id == "log" and severity not in ([], ["DEBUG"], ["INFO"], ["WARNING"]):
                assert severity in (["ERROR"], ["CRITICAL"]), (
                    f"{file}:{node.lineno}: its severity is known only when it runs"
                )
                found[str(event)] |= fields
    return found


def events_of_the_table() -> list[str]:
    """Those that section errors_logged explains."""
    first_cells = re.findall(r"^\| (`[^|]+) \|", section("errors_logged", "###"), re.MULTILINE)
    return re.findall(r"`(\w+)`", "".join(first_cells))


def test_events_that_are_looked_for_are_logged():
    asked = [
        one for group in re.findall(r"jsonPayload\.event=([^'\n]+)", RUNBOOK) for one in re.findall(r'"(\w+)"', group)
    ]

    assert len(asked) >= 5
    assert not [event for event in asked if f'"{event}"' not in CODE]


def test_an_error_is_explained_or_another_alert_tells_it_and_nothing_else_is():
    elsewhere = re.findall(r'"(\w+)"', TERRAFORM["alerts.tf"].split("errors_told_elsewhere = [")[1].split("]")[0])

    assert sorted([*events_of_the_table(), *elsewhere]) == sorted(logged_errors())


def test_what_the_table_of_errors_tells_to_read_is_shown():
    shown = set(re.findall(r"jsonPayload\.(\w+)", RUNBOOK.split("events() {")[1].split("\n}\n")[0]))
    logged = set().union(*(logged_errors()[event] for event in events_of_the_table()))
    named = set(re.findall(r"`(\w+)`", section("errors_logged", "###"))) & logged

    assert {"missing", "where", "error_type", "error_code"} <= named
    assert named <= shown


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_tables_and_columns_that_there_are(query):
    parsed = parse_one(query, dialect="bigquery")
    select = parsed.expression if isinstance(parsed, exp.Insert) else parsed
    if isinstance(parsed, exp.Insert):
        assert {one.name for one in parsed.this.expressions} == TABLES[parsed.this.this.name].keys()
    if "INFORMATION_SCHEMA" not in query:
        schema: dict[str, object] = {"convergence__control": TABLES}
        qualify(select, schema=schema, dialect="bigquery", validate_qualify_columns=True)
    for label in re.findall(r"key = '(\w+)'", query):
        assert f'"{label}": ' in CODE


def test_variables_that_are_to_be_changed_are_there():
    for name in re.findall(r"`limits\.(\w+)`", RUNBOOK):
        assert name in fields_of("limits")
    for field in re.findall(r"`sizes\.\w+\.(\w+)`", RUNBOOK):
        assert field in fields_of("sizes")
    for name in re.findall(r"secret_versions = \{ (\w+) =", RUNBOOK):
        assert name in fields_of("secret_versions")
    for name in ("delivery_attempts", "admin_invokers", "alert_emails"):
        assert f'variable "{name}"' in TERRAFORM["variables.tf"]


def test_the_instances_of_a_region_are_what_is_said_to_be_needed():
    sizes = {
        name: (int(instances), {"1Gi": 1.0, "512Mi": 0.5}[memory])
        for name, instances, memory in re.findall(
            r'^ +(\w+) += \{ max_instances = (\d+), .* memory = "(\w+)"', TERRAFORM["sizes.tf"], re.MULTILINE
        )
    }
    production = (ROOT / "terraform" / "tests" / "samples" / "prod.tfvars").read_text()
    for name, most in re.findall(r"^ +(\w+) += \{.*max_instances = (\d+)", production, re.MULTILINE):
        sizes[name] = int(most), sizes[name][1]

    assert len(sizes) == 6
    cpus = sum(instances for instances, _ in sizes.values())
    memory_gib = sum(instances * gib for instances, gib in sizes.values())
    assert f"{cpus} vCPU and {memory_gib:.0f} GiB with `prod.tfvars`" in RUNBOOK
