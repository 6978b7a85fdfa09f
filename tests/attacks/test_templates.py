"""Attacks by the text of a template, and by what fills the fields of its steps."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.contracts.files.pipeline_template import read_template
from shared.contracts.template_address import TemplateAddress
from shared.errors import ConvergenceError, PermanentError, TemplateInvalid
from shared.runs.resolve import Resolver
from tests.builders import run, services, template, tenant
from tests.fakes import FakeServices, FakeTemplates

CORPUS = Path(__file__).parent / "corpus"
STEP = "\nsteps: [{step_id: a, ps_type: a.b}]\n"
QUERY = {
    "ps_type": "gcp.bigquery_to_bigquery",
    "source": {"query": "SELECT 1 AS one"},
    "destination": {"dataset_type": "silver", "table": "loot", "schema_template": "billing_cost", "write": "append"},
}
MAIL = {
    "ps_type": "shared.email_notification",
    "to_emails": ["admin@acmeinc.example"],
    "subject": "said",
    "message": "said",
}


def _shown(text: str) -> str:
    return text[:80].encode("unicode_escape").decode()


def _corpus(name: str) -> Any:
    return yaml.safe_load((CORPUS / name).read_text(encoding="utf-8"))


def _named(cases: list[Any]) -> list[Any]:
    """The cases as parameters, each named by its own text."""
    return [pytest.param(case, id=_shown(str(case))) for case in cases]


@pytest.mark.parametrize("case", _named(_corpus("templates.yml")))
def test_a_file_that_is_no_honest_template_is_refused_when_it_is_read(case: dict[str, str]) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        template(case["whole"] if "whole" in case else f"pipeline_id: attack\n{case['text']}{STEP}")

    assert any(case["says"] in fault.message for fault in caught.value.faults), caught.value.faults
    assert all(fault.where.startswith("configs/gcp/cost/example.yml:") for fault in caught.value.faults)


_LAUGHS = "\n".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10) if n else 'lol'}]" for n in range(9))
_HUGE = {
    "a billion laughs": f"pipeline_id: x\nvariables:\n{_LAUGHS}{STEP}",
    "brackets without end": f"pipeline_id: x\nvariables: {'[' * 30_000}{STEP}",
    "braces without end": f"pipeline_id: x\nvariables: {'{a: ' * 15_000}{STEP}",
    "indentation without end": "pipeline_id: x\nvariables:\n" + "\n".join(" " * n + "a:" for n in range(1, 340)) + STEP,
    "more bytes than a template has": f"pipeline_id: x\ndescription: {'a' * 65_536}{STEP}",
    "a number without end": f"pipeline_id: x\nvariables: {{a: {{type: int, default: {'9' * 50_000}}}}}{STEP}",
    "more steps than a template has": "pipeline_id: x\nsteps:\n"
    + "".join(f"- {{step_id: s{n}, ps_type: a.b}}\n" for n in range(101)),
    "references in a long chain": "pipeline_id: x\nvariables:\n"
    + "".join(f"  v{n}: '{{v{n + 1}}}'\n" for n in range(2_000))
    + f"  v2000: x{STEP}",
    "values that double and double": "pipeline_id: x\nvariables:\n"
    + "".join(f"  v{n}: '{{v{n + 1}}}{{v{n + 1}}}'\n" for n in range(40))
    + f"  v40: x{STEP}",
    "references in a long circle": "pipeline_id: x\nvariables:\n"
    + "".join(f"  v{n}: '{{v{(n + 1) % 300}}}'\n" for n in range(300))
    + STEP,
}


@pytest.mark.parametrize("text", _HUGE.values(), ids=_HUGE.keys())
def test_a_file_that_would_exhaust_the_machine_is_refused_in_a_moment(text: str) -> None:
    began = time.monotonic()

    with pytest.raises(PermanentError):
        Resolver(FakeTemplates(template(text)), services()).resolve(run(), tenant())

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"pipeline_id: \xc3\x28", "pipeline_id: \xe9".encode("latin-1")])
def test_a_file_that_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(TemplateInvalid, match="not UTF-8"):
        read_template(data, address=TemplateAddress("gcp", "cost", "example"), file="configs/gcp/cost/example.yml")


def _step(case: dict[str, Any]) -> dict[str, Any]:
    if "write" in case:
        return {**QUERY, "destination": {**QUERY["destination"], **case["write"]}}  # type: ignore[dict-item]
    return {**MAIL, **case["mail"]}


_STEPS = [case for group in _corpus("steps.yml") for case in group["cases"]]


def _resolved(case: dict[str, Any], world: FakeServices) -> dict[str, Any]:
    """The fields of the case's step, ready to be done."""
    document = {
        "pipeline_id": "attack",
        "variables": case.get("variables", {"note": ""}),
        "steps": [{"step_id": "act", **_step(case)}],
    }
    asked = run(variables=case.get("request", {}))
    plan = Resolver(FakeTemplates(template(json.dumps(document))), world).resolve(asked, tenant())
    (step,) = plan.template.steps
    return plan.fields(step, failure={}).model_dump(mode="json")


@pytest.mark.parametrize("case", _named([one for one in _STEPS if "refused" in one]))
def test_a_step_that_would_write_or_send_elsewhere_is_refused(case: dict[str, Any]) -> None:
    world = services()

    with pytest.raises(ConvergenceError) as caught:
        _resolved(case, world)

    assert caught.value.code == case["refused"]
    assert caught.value.faults
    assert not world.calls()


@pytest.mark.parametrize("case", _named([one for one in _STEPS if "becomes" in one]))
def test_what_a_request_words_stays_what_it_is(case: dict[str, Any]) -> None:
    fields = _resolved(case, services())

    assert {name: fields[name] for name in case["becomes"]} == case["becomes"]
