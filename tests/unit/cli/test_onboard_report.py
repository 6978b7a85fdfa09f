"""What an operator sees of a bulk onboarding, and the list of what failed."""

import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from cli.key_file import KeyFile
from cli.onboard_many import Ended
from cli.onboard_report import check_failures, report, shown
from cli.tenant_list import TenantList, read
from shared.errors import SettingsInvalid


@pytest.fixture
def tenants(tmp_path: Path) -> TenantList:
    file = tmp_path / "tenants.csv"
    lines = [f'many{number:02}_0001,a@b.example,"a ""b"",{number}"\n' for number in range(50)]
    file.write_text("tenant_id,admin_email,variable:note\n" + "".join(lines))
    return read(file)


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[KeyFile]:
    with closing(KeyFile(tmp_path / "my keys.csv", api="http://api.example")) as made:
        yield made


def console(*, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=200, soft_wrap=True, highlight=False)


def printed(on: Console) -> str:
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()


def test_a_terminal_shows_a_bar(tenants: TenantList) -> None:
    on = console(terminal=True)
    with shown(50, on, lambda: 1.5) as show:
        for one in tenants.newcomers[:40]:
            show(Ended(one, "onboarded"))
    assert "40/50" in printed(on)
    assert "40 onboarded" in printed(on)


def test_elsewhere_not_every_tenant_makes_a_line(tenants: TenantList) -> None:
    on = console()
    with shown(50, on, lambda: 1.5) as show:
        for one in tenants.newcomers:
            show(Ended(one, "onboarded"))
    assert printed(on) == ""


def test_what_failed_is_named_by_code_and_line_and_can_be_read_again(
    tenants: TenantList, keys: KeyFile, tmp_path: Path
) -> None:
    ends = [Ended(one, "failed", "tenant_id_refused", "no, not this one") for one in tenants.newcomers[:30]]
    ends += [Ended(one, "lost", "key_lost", "gone") for one in tenants.newcomers[30:32]]
    ends += [Ended(tenants.newcomers[32], "onboarded")]
    on, failures = console(), tmp_path / "tenants.failed.csv"
    report(tenants, ends[::-1], failures, keys, on, again="convergence onboard tenants.csv")
    said = printed(on)
    assert "1 onboarded, 30 failed, 2 without their key, 17 not begun" in said
    assert "tenant_id_refused: 30, on line 2, 3, 4, 5," in said
    assert f"keys rotate many30_0001 many31_0001 --grace-s 0 --keys-file '{keys.path}'" in said
    assert "To go on: convergence onboard tenants.csv" in said
    assert failures.stat().st_mode & 0o777 == 0o600
    fed_again = read(failures)
    assert [dict(one.body) for one in fed_again.newcomers] == [dict(one.body) for one in tenants.newcomers[:32]]
    check_failures(failures)


def test_failures_overwrite_no_other_file(tmp_path: Path) -> None:
    for content in ("tenant_id,admin_email\n", "", "\xff"):
        (tmp_path / "other.csv").write_text(content, encoding="latin-1")
        with pytest.raises(SettingsInvalid, match="name another --failures"):
            check_failures(tmp_path / "other.csv")
    check_failures(tmp_path / "none.csv")
