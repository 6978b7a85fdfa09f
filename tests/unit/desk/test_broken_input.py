"""`make templates` with files and options that nobody should give it: each is one line, none is a traceback."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from shared.settings import ROOT

SHIPPED = ["templates", "--configs", str(ROOT / "configs")]


def said(*arguments: str) -> tuple[int, list[str]]:
    """The exit status and the lines."""
    result = CliRunner().invoke(app, [*arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output.splitlines()


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yml")

    status, lines = said("templates", "--configs", str(tmp_path))

    assert status == 1
    assert f"{tmp_path}/pipe.yml:1: no plain file; put one here, or take it away" in lines


@pytest.mark.parametrize(("name", "shown"), [(b"a\nb.yml", r"a\nb.yml"), (b"a\xffb.yml", r"a\udcffb.yml")])
def test_a_files_name_takes_no_second_line(tmp_path: Path, name: bytes, shown: str) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()

    _, lines = said("templates", "--configs", str(tmp_path))

    assert any(line.startswith(f"{tmp_path}/{shown}:1: ") for line in lines), lines


def test_tables_that_are_nested_without_end_are_a_fault(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[" * 100_000)

    status, lines = said(*SHIPPED, "--templates", str(tmp_path))

    assert status == 1
    assert f"{tmp_path}/x.json:1: nested too deeply; a table is an object with fields" in lines


def test_an_operator_setting_that_could_be_none_is_refused_by_its_name() -> None:
    status, lines = said(*SHIPPED, "--operator", "gcp_project_id=")

    assert status == 2
    assert [line.partition(":")[0] for line in lines] == ["an operator setting could be none"]
    assert "operator.gcp_project_id: " in lines[0]
