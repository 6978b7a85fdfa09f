"""What a request may put into a mail."""

import pytest

from shared.errors import VariablesInvalid
from shared.runs.plan import Plan
from shared.runs.resolve import Resolver
from tests.builders import run, services, template, tenant
from tests.fakes import FakeTemplates

MAIL = """
pipeline_id: p
variables: {note: "", headline: "News: {note}"}
steps:
  - step_id: say
    ps_type: shared.email_notification
    to_emails: [ops@convergence.example]
    subject: "{headline}"
    message: "asked for by {trigger_by}"
"""


def plan(trigger_by: str = "somebody", **variables: str) -> Plan:
    asked = run(trigger_by=trigger_by, variables=variables)
    return Resolver(FakeTemplates(template(MAIL)), services()).resolve(asked, tenant())


def test_a_short_text_of_a_request_may_go_into_a_mail() -> None:
    assert plan(note="x" * 190).variables["headline"] == "News: " + "x" * 190


@pytest.mark.parametrize(
    "note",
    [
        "x" * 201,
        "see http://evil.example",
        "www.evil.example",
        "//evil.example",
        "javascript:x",
        "evil.example/login",
        "evil.example?page=login",
        "evil\u3002example/login",
        "\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444/login",
        "xn--e1afmkfd.xn--p1ai/login",
        "192.0.2.7/login",
        "=?utf-8?B?aHR0cDovL2V2aWw=?=",
    ],
)
def test_a_long_text_or_a_url_may_not_not_even_through_another_variable(note: str) -> None:
    with pytest.raises(VariablesInvalid, match="headline"):
        plan(note=note)


def test_not_even_one_that_a_careless_pattern_lets_pass() -> None:
    bounded = MAIL.replace('note: ""', 'note: {default: "", pattern: ".*"}')
    asked = run(variables={"note": "http://evil.example"})

    with pytest.raises(VariablesInvalid, match="headline"):
        Resolver(FakeTemplates(template(bounded)), services()).resolve(asked, tenant())


def test_neither_may_who_asked() -> None:
    with pytest.raises(VariablesInvalid, match="trigger_by"):
        plan(trigger_by="http://evil.example")


@pytest.mark.parametrize(
    ("message", "values"),
    [
        ("{first}{second}", ("evil.example", "/login")),
        ("{first}/{second}", ("https:", "/evil.example")),
        ("https://{first}", ("evil.example", "")),
        ("https://{first}.example/x", ("evil", "")),
        ("www.{first}", ("evil.example", "")),
    ],
)
def test_neither_may_values_and_the_text_around_them_make_a_link(message: str, values: tuple[str, str]) -> None:
    text = MAIL.replace('note: ""', 'note: "", first: "", second: ""').replace("asked for by {trigger_by}", message)
    asked = run(variables={"first": values[0], "second": values[1]})

    with pytest.raises(VariablesInvalid, match="would make a link"):
        Resolver(FakeTemplates(template(text)), services()).resolve(asked, tenant())


def test_a_value_may_be_in_the_path_of_the_templates_own_link_and_after_a_colon() -> None:
    text = MAIL.replace("asked for by {trigger_by}", "by:{trigger_by}, https://logs.example/{trigger_by}?by={note}")

    Resolver(FakeTemplates(template(text)), services()).resolve(run(variables={"note": "me"}), tenant())
