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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--source-bytes", "gcp_biling_export=5"], "no shared source 'gcp_biling_export' in "),
        (["--tenant-variable", "tenant_id=x"], "'tenant_id' is built in; the platform sets it"),
        (["--operator", "date=2025-11-15"], "'date' is built in; the platform sets it"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(arguments: list[str], says: str) -> None:
    status, lines = said(*SHIPPED, *arguments)

    assert (status, says in " ".join(" ".join(lines).replace("│", " ").split())) == (2, True), lines


def test_a_template_of_another_extension_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "gcp" / "cost").mkdir(parents=True)
    (tmp_path / "gcp" / "cost" / "x.yaml").touch()

    _, lines = said("templates", "--configs", str(tmp_path))

    assert [line for line in lines if "configs" in line or "yml" in line] == [
        f"{tmp_path}/gcp/cost/x.yaml:1: the extension is .yml; rename it to gcp/cost/x.yml"
    ]


def test_a_file_that_may_not_be_read_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "gcp" / "cost" / "x.yml"
    file.parent.mkdir(parents=True)
    file.touch(mode=0o000)
    if os.access(file, os.R_OK):
        pytest.skip("who runs these tests may read every file")

    assert said("templates", "--configs", str(tmp_path))[1][0].startswith(f"{file}:1: cannot be read; ")
