"""Which variables a text of a template reaches."""

import pytest

from shared.templating.used import used_by
from tests.unit.templating.given import template

VARIABLES = """
  a: "{b}-{date}"
  b: ["{c}"]
  c: 5
  d: "{a}" """


@pytest.mark.parametrize(
    ("value", "used"),
    [
        ("no placeholder", set()),
        ("{c}", {"c"}),
        ({"mail": ["{a}", "{unheard_of}"]}, {"a", "b", "c", "date", "unheard_of"}),
        ("{pipeline_id}", {"pipeline_id", "tenant_id", "d", "a", "b", "c", "date"}),
    ],
)
def test_a_text_reaches_what_its_variables_refer_to(value: object, used: set[str]) -> None:
    assert used_by(template(VARIABLES, pipeline_id="{tenant_id}-{d}"), value) == used


def test_variables_that_refer_to_each_other_are_found_once() -> None:
    assert used_by(template('\n  a: "{b}"\n  b: "{a}"'), "{a}") == {"a", "b"}
