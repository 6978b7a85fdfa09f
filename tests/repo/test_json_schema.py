"""The JSON Schemas in `configs/` and `docs/`: current, met by what is shipped, and as strict as the reader."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.adapters.template_files import TemplateFiles
from shared.contracts.files import strict_yaml
from shared.contracts.messages.foreign_message import read_foreign
from shared.desk.json_schema import foreign_message_schema, pipeline_schema, sources_schema, text_of
from shared.errors import MessageRejected

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
MESSAGE = Draft202012Validator(foreign_message_schema())
PIPELINE, SOURCES = Draft202012Validator(pipeline_schema()), Draft202012Validator(sources_schema())
PATHS = [address.path for address in TemplateFiles(CONFIGS).addresses()]


def read(text: str) -> Any:
    document = strict_yaml.read(text, file="x.yml")
    assert not document.faults
    return document.value


@pytest.mark.parametrize("validator", [PIPELINE, SOURCES, MESSAGE])
def test_the_schemas_are_schemas(validator: Draft202012Validator) -> None:
    Draft202012Validator.check_schema(validator.schema)


def test_the_files_are_what_the_models_say() -> None:
    renew = "renew with: convergence schema --write"
    assert (CONFIGS / "pipeline.schema.json").read_text() == text_of(pipeline_schema()), renew
    assert (CONFIGS / "sources.schema.json").read_text() == text_of(sources_schema()), renew
    assert (ROOT / "docs" / "foreign_message.schema.json").read_text() == text_of(foreign_message_schema()), renew


@pytest.mark.parametrize("path", PATHS)
def test_each_template_meets_the_schema_that_its_first_line_names(path: str) -> None:
    text = (CONFIGS / path).read_text()
    named = text.partition("\n")[0].removeprefix("# yaml-language-server: $schema=")

    assert ((CONFIGS / path).parent / named).resolve() == CONFIGS / "pipeline.schema.json"
    assert [error.message for error in PIPELINE.iter_errors(read(text))] == []


def test_the_sources_meet_theirs() -> None:
    text = (CONFIGS / "sources.yml").read_text()

    assert text.startswith("# yaml-language-server: $schema=sources.schema.json\n")
    assert [error.message for error in SOURCES.iter_errors(read(text))] == []
    assert list(SOURCES.iter_errors(read("- {name: a, tabel: p.d.t, tenant_filter: x}")))


GOOD = """
pipeline_id: "{tenant_id}-x"
variables: {a: 5, b: [x, y], c: {type: "list[int]", default: [1]}, d: {type: email}}
steps:
  - step_id: one
    ps_type: gcp.bigquery_to_bigquery
    source: {query: SELECT 1}
    destination: {dataset_type: silver, table: t, write: append}
  - {step_id: two, ps_type: shared.email_notification, trigger: on_failure, to_emails: [x], subject: s, message: m}
"""


def test_a_good_template_meets_it() -> None:
    assert list(PIPELINE.iter_errors(read(GOOD))) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("pipeline_id:", "pipline_id:"),
        ("a: 5", "tenant_id: 5"),
        ("a: 5", "Bad: 5"),
        ("type: email", "type: mail"),
        ("type: email", "typ: email"),
        ("step_id: one", "step_id: One"),
        ("ps_type: gcp.bigquery_to_bigquery", "ps_type: gcp.bigquery"),
        ("trigger: on_failure", "trigger: on_fail"),
        ("trigger: on_failure", "triger: on_failure"),
        ("source: {query: SELECT 1}", "source: {queri: SELECT 1}"),
        ("source: {query: SELECT 1}", "to_emails: [x]"),
        ("write: append", "write: upsert"),
        ("table: t,", ""),
        ("to_emails: [x]", "to_emails: x"),
        ("to_emails: [x]", "to_emails: []"),
        ("subject: s", "destination: {}"),
    ],
)
def test_a_faulty_one_does_not(right: str, wrong: str) -> None:
    assert GOOD.count(right) == 1

    assert list(PIPELINE.iter_errors(read(GOOD.replace(right, wrong))))


def test_a_ps_type_decides_which_keys_an_editor_offers() -> None:
    definitions = pipeline_schema()["$defs"]

    assert {"source", "destination", "trigger"} <= definitions["gcp.bigquery_to_bigquery"]["properties"].keys()
    assert {"to_emails", "subject", "trigger"} <= definitions["shared.email_notification"]["properties"].keys()


def test_every_key_is_described() -> None:
    for name, definition in pipeline_schema()["$defs"].items():
        for key, field in definition["properties"].items():
            assert field is True or "$ref" in field or field.get("description"), f"{name}.{key}"


WISH = {"tenant_id": "acmeinc_23xv2", "provider": "gcp", "domain": "cost", "template_name": "cost_billing"}


@pytest.mark.parametrize(
    ("more", "is_right"),
    [
        ({}, True),
        ({"date": "2025-11-15", "variables": {"a": [1, "x"]}, "trigger_by": "me", "idempotency_key": "k"}, True),
        ({"date": None}, True),
        ({"tenant_id": "acme"}, False),
        ({"pipeline_logging_id": "0" * 32}, False),
        ({"template_name": "../x"}, False),
        ({"variables": {"a": {"b": 1}}}, False),
        ({"variables": {"A": 1}}, False),
        ({"idempotency_key": "a b"}, False),
        ({"trigger_by": ""}, False),
    ],
)
def test_the_schema_of_other_systems_messages_is_as_strict_as_their_reader(
    more: dict[str, Any], is_right: bool
) -> None:
    message = {**WISH, **more}
    assert MESSAGE.is_valid(message) == is_right
    try:
        read_foreign(json.dumps(message).encode())
    except MessageRejected:
        assert not is_right
    else:
        assert is_right
