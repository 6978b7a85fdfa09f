"""Which steps are before a step."""

import pytest

from shared.contracts.files.pipeline_template import read_template
from shared.runs.step_graph import StepGraph
from tests.unit.templating.given import ADDRESS, FILE

TEMPLATE = b"""
pipeline_id: x
steps:
  - {step_id: last, ps_type: a.b, depends_on: [left, right]}
  - {step_id: first, ps_type: a.b, depends_on: []}
  - {step_id: left, ps_type: a.b, depends_on: [first]}
  - {step_id: right, ps_type: a.b, depends_on: [first]}
  - {step_id: alone, ps_type: a.b, depends_on: []}
  - {step_id: names_none, ps_type: a.b}
"""


@pytest.mark.parametrize(
    ("step_id", "before"),
    [
        ("first", set()),
        ("left", {"first"}),
        ("last", {"first", "left", "right"}),
        ("names_none", {"first", "left", "right", "last", "alone"}),
    ],
)
def test_before_a_step_is_what_it_waits_for_however_far(step_id: str, before: set[str]) -> None:
    steps = read_template(TEMPLATE, address=ADDRESS, file=FILE).steps
    assert StepGraph(steps).before(step_id) == before
