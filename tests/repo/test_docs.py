"""The tables of docs/ say what the code says. To renew one: paste what the failing test prints."""

import inspect
import re
from pathlib import Path

import pytest

from functions.api.problems import STATUS
from shared import errors
from shared.contracts.files.variable_spec import BASE_TYPES
from shared.engines.registry import ENGINES, engine
from shared.errors import ConvergenceError, PermanentError, TransientError
from shared.readers import FUNCTIONS, LocalOnly, RequiredBy
from shared.settings import ROOT, Settings, readers

REFERENCE = (ROOT / "docs" / "reference.md").read_text()
GUIDE = (ROOT / "docs" / "templates.md").read_text()


def settings_rows() -> list[str]:
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = {"True": "true", "False": "false"}.get(str(default), str(default))
        if isinstance(default, Path):
            shown = default.name
        by = readers(name)
        required = isinstance(by, RequiredBy)
        value = "required" if required else f"`{shown}`" if default not in (None, "", (), {}) else ""
        named = ", ".join(f"`{one}`" for one in FUNCTIONS if one in by.functions)
        who = "all" if by.functions == set(FUNCTIONS) else named
        local = "; local only" if isinstance(by, LocalOnly) else ""
        rows.append(f"| `{name.upper()}` | {value} | {who}{local} | {field.description} |")
    return rows


def error_rows() -> list[str]:
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, ConvergenceError) and kind not in (ConvergenceError, PermanentError, TransientError)
    ]
    rows = []
    for kind in sorted(kinds, key=lambda kind: kind.code):
        transient = issubclass(kind, TransientError)
        status = STATUS.get(kind, 503 if transient else 500)
        meaning = " ".join((kind.__doc__ or "").split())
        rows.append(f"| `{kind.code}` | {status} | {'transient' if transient else 'permanent'} | {meaning} |")
    return rows


@pytest.mark.parametrize("rows", [settings_rows, error_rows], ids=["settings", "errors"])
def test_a_table_of_the_reference_lists_what_the_code_knows(rows):
    table = "\n".join(rows())

    assert table in REFERENCE, f"docs/reference.md lacks:\n{table}"


def test_every_error_has_a_code_of_its_own():
    codes = [row.split("`")[1] for row in error_rows()]

    assert len(codes) == len(set(codes))


def test_the_table_of_engines_names_each_engine_and_its_fields():
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| .* \| (.*) \|$", GUIDE, re.MULTILINE))

    for ps_type in ENGINES:
        fields = re.findall(r"`(\w+)`", rows[ps_type])
        assert set(fields) == set(engine(ps_type).fields_model.model_fields)


def test_the_table_of_types_names_each_type():
    table = GUIDE.split("| type | a value |")[1].split("\n\n")[0]

    assert set(re.findall(r"^\| `(\w+)", table, re.MULTILINE)) == {*BASE_TYPES, "list"}


def test_what_is_said_to_be_refused_has_a_code_that_there_is():
    table = GUIDE.split("| what | code | why |")[1].split("\n\n")[0]
    codes = {code for row in table.splitlines()[2:] for code in re.findall(r"`(\w+)`", row.split(" | ")[-2])}

    assert codes
    assert codes <= {row.split("`")[1] for row in error_rows()}
