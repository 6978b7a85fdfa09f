"""Filling an engine's model: each kind of text in its way, every fault with its line."""

import pytest
from pydantic import BaseModel

from shared.contracts.fields import Html
from shared.contracts.sql import Sql
from shared.errors import Fault, SqlRefused, TemplateInvalid, VariablesInvalid
from shared.templating.fields import fill, fill_html, fill_model
from shared.templating.placeholders import Name, split
from shared.templating.sql import bind
from tests.unit.templating.given import resolved, template, typed

MAIL = """
steps:
  - step_id: mail
    ps_type: shared.email_notification
    trigger: on_failure
    to_emails:
      - "{admin_email}"
      - "{admin_emial}"
    message: |
      On {date}: {error_code}
      {{date}}
"""


class Inner(BaseModel):
    query: Sql
    label: str = "default"


class Model(BaseModel):
    source: Inner
    to: list[str]
    text: str
    html: Html | None = None
    by_name: dict[str, str] = {}
    count: int = 3


@pytest.mark.parametrize(
    "text", ['{"a": 1}', "{ x }", "{}", "{1}", "}{", "{a b}", "{a-b}", "{{ }}", "{{1}}", "{", "}}"]
)
def test_braces_that_are_no_placeholder_are_text(text: str) -> None:
    assert fill(text, typed()) == text


def test_a_placeholder_within_braces_of_json_is_one() -> None:
    assert fill('{"day": {day}}', typed(day=("date", "2025-11-15"))) == '{"day": 2025-11-15}'


@pytest.mark.parametrize("text", ["{{day}}", "{{ day }}", "{{{day}}}"])
def test_double_braces_are_told_the_right_spelling(text: str) -> None:
    with pytest.raises(TemplateInvalid, match=r"has double braces; write \{day\}"):
        fill(text, typed(day=("date", "2025-11-15")))


def test_splitting_loses_nothing() -> None:
    assert split("a{b}{{c}}") == ("a", Name("b"), Name("c", doubled=True))


def test_values_in_html_are_escaped_and_the_markup_is_not() -> None:
    assert fill_html("<b>{x}</b>", typed(x=("string", "<a href='x'>&"))) == "<b>&lt;a href=&#x27;x&#x27;&gt;&amp;</b>"


def test_a_model_is_filled_field_by_field() -> None:
    model = Model.model_validate({
        "source": {"query": "SELECT '{x}'"},
        "to": ["{x}", "y"],
        "text": "{x}",
        "html": "<i>{x}</i>",
        "by_name": {"k": "{x}"},
    })  # fmt: skip
    variables = typed(x=("string", "<'>"))

    data = fill_model(model, variables, lambda sql: bind(sql, variables))
    again = Model.model_validate(data)

    assert (again.to, again.text, again.html, again.by_name) == (
        ["<'>", "y"],
        "<'>",
        "<i>&lt;&#x27;&gt;</i>",
        {"k": "<'>"},
    )
    assert again.source.query.text == "SELECT @p1_x"
    assert again.source.query.parameters[0].value == "<'>"
    assert "count" not in data


def test_all_faults_of_a_model_come_with_their_field_and_line() -> None:
    steps = """
steps:
  - step_id: a
    ps_type: a.b
    source:
      query: SELECT {{x}}
    to:
      - "{x}"
      - "{y}"
    text: "{date}"
"""
    of = template(" {x: a}", steps)
    variables = resolved(of, built_in={})
    model = Model.model_validate(dict(of.steps[0].fields))

    with pytest.raises(TemplateInvalid) as caught:
        fill_model(model, variables, lambda sql: bind(sql, variables), template=of, step=of.steps[0])

    assert sorted((fault.where, fault.code) for fault in caught.value.faults) == [
        ("configs/gcp/cost/x.yml:10 a.to.1", "variable_unresolved"),
        ("configs/gcp/cost/x.yml:11 a.text", "variable_missing"),
        ("configs/gcp/cost/x.yml:7 a.source.query", "double_braces"),
    ]


def test_a_callers_free_choice_cannot_name_a_destination() -> None:
    class Destination(BaseModel):
        table: str

    class Writes(BaseModel):
        destination: Destination

    of = template("\n  note: hello", "\nsteps: [{step_id: a, ps_type: a.b, x: '{note}'}]")
    variables = resolved(of, {"note": "x_meta_api_keys"})

    with pytest.raises(VariablesInvalid) as caught:
        fill_model(Writes(destination=Destination(table="{note}")), variables, lambda sql: sql)

    assert [fault.code for fault in caught.value.faults] == ["variable_protected"]


def test_the_error_of_a_query_keeps_its_kind() -> None:
    def refuse(_: Sql) -> Sql:
        raise SqlRefused("no", faults=[Fault("query", "sql_refused", "no")])

    with pytest.raises(SqlRefused, match=r"source\.query: no"):
        fill_model(Model(source=Inner(query=Sql("SELECT 1")), to=[], text=""), typed(), refuse)
