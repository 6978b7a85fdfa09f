"""Each attack of corpus/queries.yml, run as a step of a template for one tenant."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.errors import ConvergenceError
from shared.runs.resolve import Resolver
from shared.runs.second_opinion import DryRunOpinion
from tests.attacks.two_tenants import CONTROL_TABLE, EXPORT, FOREIGN, OWN, PEEK, PRICES, SOURCES, Database, canaries
from tests.builders import TENANT, run, services, template, tenant
from tests.fakes import FakeClock, FakeTemplates

_PLACES = {
    "<OWN>": OWN,
    "<FOREIGN>": FOREIGN,
    "<EXPORT>": EXPORT,
    "<PRICES>": PRICES,
    "<CONTROL>": CONTROL_TABLE,
    "<PEEK>": PEEK,
}
_DECLARED = {"note": "", "n": 5, "flag": True, "names": ["a", "b"]}
_TEMPLATE = """
pipeline_id: attack
variables: {variables}
steps:
  - step_id: extract
    ps_type: gcp.bigquery_to_bigquery
    source: {{query: {query}}}
    destination: {{dataset_type: silver, table: loot, schema_template: billing_cost, write: append}}
"""


def _cases() -> list[Any]:
    text = (Path(__file__).parent / "corpus" / "queries.yml").read_text(encoding="utf-8")
    for name, path in _PLACES.items():
        text = text.replace(name, path)
    return [
        pytest.param(case, id=f"{group['theme']}: {case['query']}"[:120].encode("unicode_escape").decode())
        for group in yaml.safe_load(text)
        for case in group["cases"]
    ]


def _template(case: dict[str, Any]) -> PipelineTemplate:
    variables = {**_DECLARED, **case.get("variables", {})}
    return template(_TEMPLATE.format(variables=json.dumps(variables), query=json.dumps(case["query"])))


def attempt(case: dict[str, Any], database: Database) -> tuple[str, Any]:
    """What becomes of the case: "refused" before anything ran, or "fails" in BigQuery, with the error; or "rows"."""
    world = services(template_variables={"billing_export_table": EXPORT})
    acme = tenant(variables=case.get("tenant", {}))
    try:
        plan = Resolver(FakeTemplates(_template(case), sources=SOURCES), world).resolve(
            run(variables=case.get("request", {})), acme
        )
        (step,) = plan.template.steps
        sql = plan.fields(step, failure={}).source.query  # type: ignore[attr-defined]  # the engine's own fields
    except ConvergenceError as error:
        return "refused", error
    try:
        DryRunOpinion(database.jobs, database.catalog, FakeClock()).confirm(sql, TENANT)
    except ConvergenceError as error:
        return ("refused" if error.code in ("isolation_refused", "not_ours") else "fails"), error
    try:
        return "rows", database.jobs.select(sql)
    except ConvergenceError as error:
        return "fails", error


@pytest.mark.parametrize("case", _cases())
def test_an_attack_is_refused_or_harmless(
    case: dict[str, Any], shared_by_all: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome, found = attempt(case, shared_by_all)
    said = f"{found} {getattr(found, 'faults', ())}"
    assert not canaries(found)
    assert not canaries(said)
    assert not canaries(capfd.readouterr())
    if "rows" in case:
        assert outcome == "rows", said
        assert case["rows"] in ("any", len(found))
        if "says" in case:
            assert found[0]["said"] == case["says"]
    elif "fails" in case:
        assert (outcome, found.code) == ("fails", case["fails"]), said
    else:
        assert outcome == "refused", said
        assert case["refused"] in ("any", found.code)
