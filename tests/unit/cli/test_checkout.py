"""What a command was not given is looked for in the current folder, then in the checkout that the command lies in."""

from pathlib import Path

import pytest

from cli.checkout import CHECKOUT, folder, stack_file
from shared.errors import SettingsInvalid
from tests.builders import ROOT


@pytest.fixture
def current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "current"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("configs", "templates"):
        (tmp_path / "checkout" / name).mkdir(parents=True)
    return tmp_path / "checkout"


def test_the_checkout_is_that_of_the_code() -> None:
    assert CHECKOUT == ROOT


def test_from_any_folder_the_checkouts_folders_are_meant(current: Path, checkout: Path) -> None:
    (current / "templates").mkdir()  # of something else: there is no configs/ beside it

    assert folder("configs", "--configs", checkout) == checkout / "configs"
    assert folder("templates", "--templates", checkout) == checkout / "templates"


def test_a_folder_with_configs_means_its_own(current: Path, checkout: Path) -> None:
    (current / "configs").mkdir()

    assert folder("configs", "--configs", checkout) == current / "configs"
    with pytest.raises(SettingsInvalid) as refused:
        folder("templates", "--templates", checkout)
    missing = current / "templates"
    assert (
        refused.value.message == f"there is no folder {missing}: go to a checkout of Convergence, or give --templates"
    )


def test_the_stack_of_the_current_folder_goes_before_the_checkouts(current: Path, checkout: Path) -> None:
    assert stack_file(checkout) == checkout / ".local" / "stack.json"

    (current / ".local").mkdir()
    (current / ".local" / "stack.json").touch()

    assert stack_file(checkout) == Path(".local/stack.json")
