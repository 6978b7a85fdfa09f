"""The sample billing export: the same bytes everywhere, in Google's columns, with the traps that it promises."""

import hashlib
import json
import re
from collections import defaultdict
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow.parquet as pq
import pytest

from local.sample_billing import (
    BILLING_ACCOUNT_ID,
    DAYS,
    DEMO_DAY,
    DEMO_TENANTS,
    EMPTY_DAY,
    FILE,
    NEVER_ONBOARDED,
    QUIET_DAY,
    SCHEMA,
    TABLE_NAME,
    TENANTS,
    rows,
)
from local.sample_billing.prepared import table

Row = dict[str, Any]
ACME, TECHCORP = DEMO_TENANTS
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
NUMERIC = re.compile(r"-?(0|[1-9]\d{0,28})(\.\d{0,8}[1-9])?")


@cache
def sample() -> tuple[Row, ...]:
    return tuple(rows())


def ndjson(of: tuple[Row, ...]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in of)


def tenant_of(row: Row) -> str | None:
    return next((label["value"] for label in row["labels"] if label["key"] == "tenant_id"), None)


def started(row: Row) -> datetime:
    return datetime.fromisoformat(row["usage_start_time"])


@cache
def by_tenant_and_day() -> dict[tuple[str | None, date], list[Row]]:
    found = defaultdict(list)
    for row in sample():
        found[tenant_of(row), started(row).date()].append(row)
    return dict(found)


def rows_of(tenant: str, day: date) -> list[Row]:
    return by_tenant_and_day().get((tenant, day), [])


def faults(value: object, field: Row, path: str) -> list[str]:
    """Where a JSON value does not fit a field of SCHEMA."""
    if field["mode"] == "REPEATED":
        if not isinstance(value, list):
            return [f"{path}: not a list"]
        one = field | {"mode": "NULLABLE"}
        return [
            fault for item in value for fault in (faults(item, one, path) if item is not None else [f"{path}: null"])
        ]
    if value is None:
        return []
    if field["type"] == "RECORD":
        if not isinstance(value, dict):
            return [f"{path}: not an object"]
        return faults_of_record(value, field["fields"], f"{path}.")
    return [] if fits(value, field["type"]) else [f"{path}: {value!r} is no {field['type']}"]


def fits(value: object, type_: str) -> bool:
    match type_:
        case "FLOAT64":
            return isinstance(value, float)
        case "BOOL":
            return isinstance(value, bool)
        case "NUMERIC":
            return isinstance(value, str) and NUMERIC.fullmatch(value) is not None and value != "-0"
        case "TIMESTAMP":
            return isinstance(value, str) and STAMP.fullmatch(value) is not None
        case _:
            return type_ == "STRING" and isinstance(value, str)


def faults_of_record(value: Row, fields: list[Row], path: str = "") -> list[str]:
    found = [f"{path}{name}: unknown" for name in value.keys() - {field["name"] for field in fields}]
    found += [f"{path}{field['name']}: missing" for field in fields if field["name"] not in value]
    return found + [
        fault
        for field in fields
        if field["name"] in value
        for fault in faults(value[field["name"]], field, path + field["name"])
    ]


def test_the_bytes_are_these_on_every_platform() -> None:
    # When the sample is changed on purpose, so are this digest and the figures that the docs show.
    assert (
        hashlib.sha256(ndjson(sample())).hexdigest()
        == "aae9e699e470699df3ae7e211446b5fa24aec44537b464ee7b2db0f2deb26b5a"
    )


def test_the_file_that_stacks_load_is_of_these_rows() -> None:
    assert pq.read_table(FILE).equals(table()), "write it anew: python -m local.sample_billing.prepared"


def test_another_seed_gives_other_rows() -> None:
    assert next(rows(seed=1)) != sample()[0]


def test_every_row_fits_the_schema_to_the_last_field() -> None:
    assert [fault for row in sample() for fault in faults_of_record(row, SCHEMA)] == []


def test_changing_a_row_changes_no_other() -> None:
    generator = rows()
    first, second = next(generator), next(generator)
    first["labels"][0]["value"] = first["project"]["name"] = "changed"
    assert second["labels"][0]["value"] != "changed"
    assert second["project"]["name"] != "changed"


def test_there_are_a_few_ten_thousand_rows_of_every_day() -> None:
    assert 20_000 < len(sample()) < 40_000
    assert sorted({started(row).date() for row in sample()}) == list(DAYS)


def test_the_table_is_named_after_the_billing_account() -> None:
    assert {row["billing_account_id"] for row in sample()} == {BILLING_ACCOUNT_ID}
    assert f"gcp_billing_export_v1_{BILLING_ACCOUNT_ID}".replace("-", "_") == TABLE_NAME


@pytest.mark.parametrize(
    ("tenant", "count", "cost", "credits_"),
    [
        ("acmeinc_23xv2", 323, 144.747097, -35.889447),
        ("techcorp_99zx4", 213, 103.946976, -10.667504),
        ("acmeinc_23xv", 72, 3.845811, 0),
    ],
)
def test_the_demo_day_has_these_costs(tenant: str, count: int, cost: float, credits_: float) -> None:
    found = rows_of(tenant, DEMO_DAY)
    assert len(found) == count
    assert round(sum(row["cost"] for row in found), 6) == cost
    assert round(sum(credit["amount"] for row in found for credit in row["credits"]), 6) == credits_


def test_every_tenant_has_rows_every_day_but_on_the_days_that_say_so() -> None:
    without = {(tenant, day) for tenant in TENANTS for day in DAYS if not rows_of(tenant, day)}
    assert without == {(TECHCORP, EMPTY_DAY), (ACME, QUIET_DAY), (TECHCORP, QUIET_DAY)}


def test_only_an_exact_label_tells_the_tenants_apart() -> None:
    labels = {(label["key"], label["value"]) for row in sample() for label in row["labels"]}
    ids = {value for key, value in labels if key == "tenant_id"}
    assert {"acmeinc_23xv", "acmeinc_23xv2", "acmeinc_23xv20", NEVER_ONBOARDED} <= ids
    assert ids - set(TENANTS) == {"", "acmeinc-23xv2"}  # the latter is LIKE 'acmeinc_23xv2'
    assert any(
        tenant_of(row) == TECHCORP and {"key": "migrated_from", "value": ACME} in row["labels"] for row in sample()
    )
    assert any(tenant_of(row) is None and ACME in str(row["labels"]) for row in sample())


def test_a_tenant_label_may_stand_alone_first_or_last_and_shared_rows_have_none() -> None:
    places = {
        (len(row["labels"]), index)
        for row in sample()
        for index, label in enumerate(row["labels"])
        if label["key"] == "tenant_id"
    }
    assert {(1, 0), (3, 0), (3, 1), (3, 2)} <= places
    assert any(not row["labels"] for row in sample())


@pytest.mark.parametrize("tenant", DEMO_TENANTS)
def test_usage_touches_midnight_utc_on_both_sides(tenant: str) -> None:
    times = {row["usage_start_time"] for row in rows_of(tenant, DEMO_DAY)}
    assert {"2025-11-15T00:00:00Z", "2025-11-15T23:00:00Z", "2025-11-15T23:59:59Z"} <= times
    assert rows_of(tenant, DEMO_DAY - timedelta(days=1))
    assert rows_of(tenant, DEMO_DAY + timedelta(days=1))


@pytest.mark.parametrize("tenant", DEMO_TENANTS)
def test_the_demo_day_has_credits_negative_rows_and_late_rows(tenant: str) -> None:
    found = rows_of(tenant, DEMO_DAY)
    assert any(credit["amount"] < 0 for row in found for credit in row["credits"])
    assert any(row["cost"] < 0 for row in found)
    assert any(datetime.fromisoformat(row["export_time"]) - started(row) > timedelta(days=2) for row in found)


def test_a_row_has_no_credit_or_one_or_two() -> None:
    assert {len(row["credits"]) for row in sample()} == {0, 1, 2}
    kinds = {credit["type"] for row in sample() for credit in row["credits"]}
    assert kinds == {"SUSTAINED_USAGE_DISCOUNT", "COMMITTED_USAGE_DISCOUNT", "PROMOTION", "FREE_TIER"}


def test_a_correction_takes_back_the_whole_row_and_bills_it_anew() -> None:
    corrections = [row for row in sample() if row["cost_type"] == "regular" and row["adjustment_info"]]
    groups = defaultdict(list)
    for row in corrections:
        groups[row["adjustment_info"]["id"], row["usage_start_time"], row["sku"]["id"]].append(row)
    assert len(corrections) > 20
    for refund, again in groups.values():
        original = next(
            row
            for row in sample()
            if not row["adjustment_info"]
            and row["usage_start_time"] == refund["usage_start_time"]
            and (row["sku"], row["labels"]) == (refund["sku"], refund["labels"])
        )
        assert refund["cost"] == -original["cost"] or original["cost"] == 0
        assert 0 <= again["cost"] <= original["cost"]
        assert refund["export_time"] > original["export_time"]


def test_all_cost_types_of_the_export_are_there() -> None:
    costs = defaultdict(list)
    for row in sample():
        costs[row["cost_type"]].append(row["cost"])
    assert costs.keys() == {"regular", "tax", "adjustment", "rounding_error"}
    assert max(costs["adjustment"]) < 0


def test_services_regions_and_sellers_are_several() -> None:
    services = {row["service"]["description"] for row in sample()}
    assert {"Compute Engine", "Cloud Storage", "BigQuery", "Cloud SQL", "Networking", "Support"} <= services
    places = {row["location"]["location"] for row in sample()}
    assert {"global", "us", "us-central1", "us-central1-a", "europe-west1-b"} <= places
    assert {row["invoice"]["publisher_type"] for row in sample()} == {"GOOGLE", "PARTNER"}
    assert any(row["project"] is None for row in sample())


def test_invoice_months_change_at_midnight_pacific_and_late_rows_go_to_the_next() -> None:
    of = {(row["usage_start_time"], row["invoice"]["month"]) for row in sample()}
    assert ("2025-11-01T06:00:00Z", "202510") in of
    assert ("2025-11-01T07:00:00Z", "202511") in of
    assert ("2025-11-01T07:00:00Z", "202510") not in of
    assert any(start < "2025-11-01T00:00:00Z" and month == "202511" for start, month in of)


def test_costs_are_doubles_with_long_fractions() -> None:
    assert sum(len(str(row["cost"]).partition(".")[2]) > 9 for row in sample()) > 10_000
