"""A CSV of tenants: what is taken, and that every wrong line is named, with what would be right."""

import time
from pathlib import Path

import pytest

from cli.tenant_list import TenantList, read
from shared.errors import RequestInvalid

HEADER = "tenant_id,admin_email\n"
GOOD = "acmeinc_23xv2,admin@acmeinc.com\n"


def listed(folder: Path, text: str | bytes) -> TenantList:
    file = folder / "tenants.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(file)


def refused(folder: Path, text: str | bytes) -> list[tuple[str, str]]:
    with pytest.raises(RequestInvalid) as caught:
        listed(folder, text)
    return [(fault.where.removeprefix("tenants.csv:"), fault.code) for fault in caught.value.faults]


@pytest.mark.parametrize(
    "text",
    [
        HEADER + GOOD, "\ufeff" + HEADER + GOOD, (HEADER + GOOD).replace("\n", "\r\n"), (HEADER + GOOD).rstrip(),
        "\n\n" + HEADER + "\n,\n  \n" + GOOD + "\n", '"tenant_id", admin_email\n"acmeinc_23xv2", admin@acmeinc.com \n',
        "admin_email,tenant_id\nadmin@acmeinc.com,acmeinc_23xv2\n",
        "tenant_id,admin_email,error:line,error:code\nacmeinc_23xv2,admin@acmeinc.com,2,tenant_id_refused\n",
        "tenant_id,admin_email,enabled_templates,variable:region\nacmeinc_23xv2,admin@acmeinc.com,,\n",
    ],
)  # fmt: skip
def test_a_list_may_come_from_any_program(tmp_path: Path, text: str) -> None:
    (one,) = listed(tmp_path, text).newcomers
    assert one.body == {"tenant_id": "acmeinc_23xv2", "admin_email": "admin@acmeinc.com"}


def test_variables_and_templates_are_columns(tmp_path: Path) -> None:
    found = listed(
        tmp_path,
        "tenant_id,admin_email,enabled_templates,variable:note,variable:region\n"
        'acmeinc_23xv2,admin@acmeinc.com,gcp/cost/cost_billing  gcp/cost/cost_usage,"a ""b"",\nc",eu\n'
        "techcorp_99zx4,admin@techcorp.com,,,us\n",
    )
    first, second = found.newcomers
    assert first.body["variables"] == {"note": 'a "b",\nc', "region": "eu"}
    assert first.body["enabled_templates"] == ["gcp/cost/cost_billing", "gcp/cost/cost_usage"]
    assert second.body["variables"] == {"region": "us"}
    assert [one.line for one in found.newcomers] == [2, 4]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", [("1", "empty")]),
        (HEADER, [("1", "empty")]),
        ("tenant_id;admin_email\nacmeinc_23xv2;a@b.example\n", [("1", "separator")]),
        ("tenant\n" + GOOD, [("1 tenant_id", "missing"), ("1 admin_email", "missing"), ("1 tenant", "unknown_column")]),
        ("tenant_id,admin_email,tenant_id\n", [("1 tenant_id", "duplicate")]),
        ("tenant_id,admin_email,\n", [("1 column 3", "unknown_column")]),
        ("tenant_id,admin_email,variable:Region\n", [("1 variable:Region", "variable_invalid")]),
        (HEADER.encode("utf-16"), [("1", "encoding")]),
        ((HEADER + GOOD).encode() + b"caf\xe9inc_1234,a@b.example\n", [("3", "encoding")]),
        (HEADER + GOOD + "\n" + GOOD, [("4 tenant_id", "duplicate")]),
        (HEADER + "Acme_1,a@b.example\n" + "ok_12345,nobody\n" + "ok_12346\n" + "x,y,z\n",
         [("2 tenant_id", "tenant_id"), ("3 admin_email", "value_error"), ("4", "cells"), ("5", "cells")]),
        (HEADER + "acme_1234,\n", [("2 admin_email", "value_error")]),
        (HEADER + "google_12345,a@b.example\n", [("2 tenant_id", "tenant_id_refused")]),
        (HEADER + 'acmeinc_23xv2,"a@b.example\n', [("2", "csv")]),
        (HEADER + '"acme"inc_23xv2,a@b.example\nwrong,a@b.example\n', [("2", "csv"), ("3 tenant_id", "tenant_id")]),
        (HEADER.strip() + ",variable:tenant_id\nacmeinc_23xv2,a@b.example,other_1234\n",
         [("2 variable:tenant_id", "variable_protected")]),
        (HEADER.strip() + ",variable:source\nacmeinc_23xv2,a@b.example,p.techcorp_99zx4.costs\n",
         [("2 variable:source", "variable_invalid")]),
        (HEADER.strip() + ",variable:note\nacmeinc_23xv2,a@b.example," + "x" * 4_097 + "\n",
         [("2 variable:note", "string_too_long")]),
        (HEADER.strip() + ",variable:note\nacmeinc_23xv2,a@b.example,a\0b\n", [("2 variable:note", "value_error")]),
    ],
)  # fmt: skip
def test_every_wrong_line_is_named(tmp_path: Path, text: str | bytes, faults: list[tuple[str, str]]) -> None:
    assert refused(tmp_path, text) == faults


def test_a_template_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    found = listed(
        tmp_path, "tenant_id,admin_email,enabled_templates\nacmeinc_23xv2,a@b.example,gcp/cost/cost_biling\n"
    )
    with pytest.raises(RequestInvalid) as caught:
        found.check_templates(["gcp/cost/cost_billing"])
    (fault,) = caught.value.faults
    assert (fault.where, fault.code) == ("tenants.csv:2 enabled_templates", "template_not_found")
    assert "did you mean 'gcp/cost/cost_billing'?" in fault.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestInvalid, match=r"cannot read .*none\.csv: No such file"):
        read(tmp_path / "none.csv")


def test_twenty_thousand_lines_are_checked_in_seconds_and_each_wrong_one_named(tmp_path: Path) -> None:
    lines = [f"many{number:06}_0001,admin@many.example\n" for number in range(20_000)]
    lines[9_999] = "Wrong,admin@many.example\n"
    lines[19_999] = lines[0]
    begun_s = time.process_time()
    assert refused(tmp_path, HEADER + "".join(lines)) == [
        ("10001 tenant_id", "tenant_id"),
        ("20001 tenant_id", "duplicate"),
    ]
    assert time.process_time() - begun_s < 5
