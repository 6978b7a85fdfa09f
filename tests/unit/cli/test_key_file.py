"""The file of keys: whose it is, what it keeps, what it refuses to touch."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cli.key_file import HEADER, KeyFile
from shared.errors import SettingsInvalid

API = "http://api.example"
KEY = "acmeinc_23xv2_api_secret"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tenants.keys.csv"


@pytest.fixture
def keys(path: Path) -> Iterator[KeyFile]:
    with closing(KeyFile(path, api=API)) as made:
        yield made


def again(path: Path, api: str = API) -> KeyFile:
    with closing(KeyFile(path, api=api)) as found:
        return found


def test_keys_are_their_owners_alone(keys: KeyFile, path: Path) -> None:
    keys.add("acmeinc_23xv2", KEY)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == f"{HEADER}\nacmeinc_23xv2,{KEY}\n"


def test_who_was_asked_for_and_has_no_key_is_known_after_a_kill(path: Path) -> None:
    with closing(KeyFile(path, api=API)) as keys:
        for tenant_id in ("acmeinc_23xv2", "techcorp_99zx4", "settled_1234"):
            keys.ask(tenant_id)
        keys.add("acmeinc_23xv2", KEY)
        keys.settle("settled_1234")
    found = again(path)
    assert (found.held, found.unsettled) == ({"acmeinc_23xv2"}, {"techcorp_99zx4"})


def test_a_line_that_was_cut_off_is_no_key(path: Path) -> None:
    again(path)
    with path.open("a") as file:
        file.write("acmeinc_23xv2,acmeinc_23xv2_api_se")
    with closing(KeyFile(path, api=API)) as keys:
        assert keys.held == set()
        keys.add("acmeinc_23xv2", KEY)
    assert path.read_text() == f"{HEADER}\nacmeinc_23xv2,{KEY}\n"


@pytest.mark.parametrize("begun", [b"", HEADER[:5].encode()])
def test_a_file_whose_first_line_was_cut_off_is_begun_again(path: Path, begun: bytes) -> None:
    path.write_bytes(begun)
    path.chmod(0o600)
    again(path)
    assert path.read_text() == f"{HEADER}\n"


@pytest.mark.parametrize("content", ["tenant_id,admin_email\nx_1234,a@b.example\n", "secret", "secret\n", "\n"])
def test_a_file_of_others_is_left_as_it_is(path: Path, content: str) -> None:
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SettingsInvalid, match="does not begin with") as caught:
        again(path)
    assert path.read_text() == content
    assert "secret" not in caught.value.message


def test_a_file_that_others_can_read_gets_no_key(path: Path) -> None:
    path.write_text(f"{HEADER}\n")
    path.chmod(0o640)
    with pytest.raises(SettingsInvalid, match="chmod 600"):
        again(path)


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsInvalid, match="cannot write"):
        again(path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="No such file"):
        again(tmp_path / "none" / "keys.csv")


@pytest.mark.usefixtures("keys")
def test_one_run_at_a_time_has_the_file(path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="in use by another run"):
        again(path)


def test_keys_of_two_apis_are_not_mixed(path: Path) -> None:
    again(path)
    with pytest.raises(SettingsInvalid, match=r"http://other\.example"):
        again(path, "http://other.example")
