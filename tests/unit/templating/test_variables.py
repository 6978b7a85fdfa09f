"""Who sets a variable, who may, and what is said when something is wrong with it."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import TemplateInvalid, VariablesInvalid
from shared.templating.fields import fill
from shared.templating.variables import Variables
from tests.unit.templating.given import BUILT_IN, OPERATOR, STEPS, VARIABLES, resolved, template


def faults(
    request: Mapping[str, object], variables: str, **given_otherwise: Mapping[str, str]
) -> list[tuple[str, str]]:
    with pytest.raises(VariablesInvalid) as caught:
        resolved(template(variables), request, **given_otherwise)
    return [(fault.where, fault.code) for fault in caught.value.faults]


def test_the_stronger_layer_wins() -> None:
    of = template('\n  note: from template\n  source_table: "{billing_export_table}"\n  destination_table: t')
    operator, tenant = {**OPERATOR, "note": "from operator"}, {"note": "from tenant"}

    def note(variables: Variables) -> tuple[object, str]:
        return variables["note"], variables.origin("note")

    assert note(resolved(of, tenant={})) == ("from template", "template")
    assert note(resolved(of, operator=operator, tenant={})) == ("from operator", "operator")
    assert note(resolved(of, operator=operator, tenant=tenant)) == ("from tenant", "tenant")
    assert note(resolved(of, {"note": "asked"}, operator=operator, tenant=tenant)) == ("asked", "request")


def test_no_layer_overrides_a_built_in() -> None:
    stolen = {"tenant_id": "techcorp_99zx4", "date": "1999-01-01"}

    variables = resolved(template(), operator={**OPERATOR, **stolen}, tenant=stolen)

    assert (variables["tenant_id"], variables["date"]) == ("acmeinc_23xv2", "2025-11-15")
    assert faults(stolen, "") == [("body.tenant_id", "variable_protected"), ("body.date", "variable_protected")]


def test_operator_and_tenant_settings_are_there_without_being_declared() -> None:
    variables = resolved(template())

    assert variables.text("location") == "US"
    assert variables.text("admin_email") == "admin@acmeinc.com"


def test_references_are_followed_in_any_order() -> None:
    variables = resolved(
        template(
            '\n  a: "{b}-{tenant_id}"\n  b: "{c}"\n  c: x\n  n: {default: "{m}", type: int}\n  m: 5',
            "\nsteps: [{step_id: a, ps_type: a.b}]",
        )
    )

    assert (variables["a"], variables["n"]) == ("x-acmeinc_23xv2", 5)
    assert variables["pipeline_id"] == "acmeinc_23xv2-x"


def test_references_in_a_circle_are_the_templates_fault() -> None:
    with pytest.raises(TemplateInvalid, match=r"configs/gcp/cost/x\.yml:4: 'b' refers to itself: a → b → a$"):
        resolved(template('\n  a: "{b}"\n  b: "{a}"'))


@pytest.mark.parametrize(("pipeline_id", "a"), [("x", "{a}"), ("{a}", "{pipeline_id}"), ("{pipeline_id}", "x")])
def test_a_circle_may_be_of_one_or_go_through_the_pipelines_id(pipeline_id: str, a: str) -> None:
    with pytest.raises(TemplateInvalid, match="refers to itself"):
        resolved(template(f'\n  a: "{a}"', "\nsteps: [{step_id: a, ps_type: a.b}]", pipeline_id))


def test_a_reference_to_nothing_names_what_was_probably_meant() -> None:
    with pytest.raises(TemplateInvalid, match=r"x\.yml:3: no variable \{tenantid\}; did you mean 'tenant_id'\?$"):
        resolved(template('\n  a: "{tenantid}"\n  b: "{a}"'))


def test_every_wrong_override_is_named_at_once() -> None:
    variables = """
  source_table: "{billing_export_table}"
  destination_table: daily
  limit: {default: 5, type: int, max: 10}
  note: hello
  frozen: {default: a, overridable: false}"""
    request = {"source_table": "x.y.z", "limit": "7", "nots": "a", "frozen": "b", "location": "EU", "pipeline_id": "p"}

    assert faults(request, variables) == [
        ("body.source_table", "variable_protected"),
        ("body.limit", "variable_invalid"),
        ("body.nots", "variable_unknown"),
        ("body.frozen", "variable_protected"),
        ("body.location", "variable_protected"),
        ("body.pipeline_id", "variable_protected"),
    ]


@pytest.mark.parametrize(
    "step",
    [
        "{source: {query: 'SELECT 1 FROM `{x}`'}}",
        "{source: {query: 'SELECT 1 FROM `{project}.d.t`'}}",
        "{source: {query: 'SELECT \"`\", 1 FROM `{x}`'}}",
        '{source: {query: "SELECT 1 -- ` \\n FROM `{x}`"}}',
        "{destination: {table: '{x}'}}",
        "{destination: {dataset_type: 'a_{x}_b'}}",
        "{config: {gcp_project_id: '{x}'}}",
        "{config: {metadata_tables: [{table_name: t, schema_file: '{x}'}]}}",
        "{destination: {table: '{y}'}}",
    ],
)
def test_what_names_a_table_cannot_be_overridden_even_through_another_variable(step: str) -> None:
    of = template(
        '\n  x: a\n  project: p\n  y: "pre_{x}"',
        f"\nsteps: [{{step_id: a, ps_type: a.b, {step[1:-1]}}}]",
    )
    name = "project" if "{project}" in step else "x"

    with pytest.raises(VariablesInvalid) as caught:
        resolved(of, {name: "techcorp_99zx4"})

    assert [fault.code for fault in caught.value.faults] == ["variable_protected"]


def test_a_variable_is_protected_that_a_table_reaches_through_pipeline_id() -> None:
    steps = STEPS.replace('"{destination_table}"', '"{pipeline_id}"')
    of = template(VARIABLES + "\n  part: {default: a, type: string, enum: [a, b]}\n", steps, pipeline_id="x_{part}")

    with pytest.raises(VariablesInvalid) as caught:
        resolved(of, {"part": "b"})

    assert [(fault.where, fault.code) for fault in caught.value.faults] == [("body.part", "variable_protected")]


def test_a_name_can_be_opened_with_a_pattern_or_an_enum() -> None:
    of = template(
        "\n  source_table: t\n  destination_table: {default: daily, overridable: true, enum: [daily, weekly]}"
    )

    assert resolved(of, {"destination_table": "weekly"})["destination_table"] == "weekly"
    with pytest.raises(VariablesInvalid, match="must be one of daily, weekly"):
        resolved(of, {"destination_table": "x_meta_api_keys"})


def test_settings_of_the_operator_are_read_as_their_type_and_checked() -> None:
    variables = "\n  limit: 5\n  days: {type: 'list[date]'}\n  flag: false"
    of = template(variables, "\nsteps: [{step_id: a, ps_type: a.b}]")

    read = resolved(of, tenant={"limit": "7", "days": "2025-11-15, 2025-11-16", "flag": "true"})
    assert (read["limit"], read["days"], read["flag"]) == (7, ("2025-11-15", "2025-11-16"), True)

    assert faults({}, variables, tenant={"limit": "many"}) == [("tenant.limit", "variable_invalid")]


def test_a_missing_date_matters_only_where_it_is_used() -> None:
    variables = resolved(template('\n  day: "on {date}"'), built_in={**BUILT_IN, "date": None})

    assert fill("{tenant_id}", variables) == "acmeinc_23xv2"
    assert "date" not in variables
    for text in ("{date}", "{day}"):
        with pytest.raises(VariablesInvalid, match='give one: "date": "2025-11-15"'):
            fill(text, variables)


def test_a_setting_that_is_empty_counts_as_not_set() -> None:
    variables = resolved(template(), operator={**OPERATOR, "operator_email": ""})

    with pytest.raises(VariablesInvalid, match=r"\{operator_email\} is not set; the operator sets it"):
        fill("{operator_email}", variables)


def test_what_went_wrong_is_there_only_after_something_did() -> None:
    with pytest.raises(VariablesInvalid, match="trigger is on_failure or always"):
        fill("{error_message}", resolved(template()))

    after = resolved(template(), built_in={**BUILT_IN, "error_message": "no such table"})
    assert fill("{error_message}", after) == "no such table"


@pytest.mark.parametrize("variables", ["\n  note: hello", '\n  note: "{error_message}"', '\n  note: "{date}"'])
def test_what_went_wrong_can_be_added_later(variables: str) -> None:
    of = template(variables, "\nsteps: [{step_id: a, ps_type: a.b}]")
    failure = {"failed_step": "a", "error_code": "b", "error_message": "c", "logs_url": "d"}

    later, at_once = resolved(of, {}).after_failure(failure), resolved(of, {}, built_in={**BUILT_IN, **failure})

    assert (later is None) == ("error_message" in variables)
    if later is not None:
        assert vars(later) == vars(at_once)


@given(st.text(max_size=200))
def test_a_callers_value_is_never_looked_into(value: str) -> None:
    value = value.replace("\0", "") + "{tenant_id}{{date}}"
    of = template('\n  note: hello\n  twice: "{note}|{note}"', "\nsteps: [{step_id: a, ps_type: a.b}]")

    variables = resolved(of, {"note": value})

    assert fill("<{twice}>", variables) == f"<{value}|{value}>"


@pytest.mark.parametrize(
    "value", [None, {"a": 1}, ["a"], 5, True, "x" * 5_000, "\ud800", "\0", 1.5],
)  # fmt: skip
def test_a_value_that_is_no_text_is_refused_for_a_text(value: object) -> None:
    assert faults({"note": value}, "\n  note: hello") == [("body.note", "variable_invalid")]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("{type: int, min: 5, max: 4}", "min 5 is above max 4"),
        ("{type: date, min: 2025-11-16, max: 2025-11-15}", "is above max"),
        ("{type: date, min: 2025-1-1}", "min must be a date"),
        ("{type: int, min: a}", "min must be a number"),
        ("{type: int, enum: [1, two]}", "enum value 'two' must be a whole number"),
        ("{type: email, enum: [me]}", "enum value 'me' must be an email"),
        ("{type: float, min: 1e999}", "min must be a number"),
    ],
)
def test_bounds_that_no_value_can_meet_are_the_templates_fault(spec: str, says: str) -> None:
    with pytest.raises(TemplateInvalid, match=says):
        template(f"\n  x: {spec}", "\nsteps: [{step_id: a, ps_type: a.b}]")


def test_a_whole_number_is_a_float_too() -> None:
    of = template("\n  x: {type: float, enum: [1, 2.5]}", "\nsteps: [{step_id: a, ps_type: a.b}]")

    assert resolved(of, {"x": 1})["x"] == 1.0


@pytest.mark.parametrize("value", [10**400, -(10**400), float("nan"), float("inf"), True, "1"])
def test_what_is_no_finite_number_is_refused_for_a_float(value: object) -> None:
    assert faults({"x": value}, "\n  x: 1.5") == [("body.x", "variable_invalid")]


def test_a_value_adds_no_item_to_a_list_that_it_is_part_of() -> None:
    steps = "\nsteps: [{step_id: a, ps_type: a.b}]"
    of = template(
        "\n  who: one\n  some: [a]\n  all: {type: 'list[string]', default: '{who}, b'}"
        "\n  same: {type: 'list[string]', default: 'x, {some}'}",
        steps,
    )

    variables = resolved(of, {"who": "me, you", "some": ["c, d", "e"]})

    assert variables["all"] == ("me, you", "b")
    assert variables["same"] == ("x", "c, d", "e")
