"""Write the sample's rows, day by day, from a seed and nothing else."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from local.sample_billing.estate import (
    ACME,
    AGENT,
    BILLING_ACCOUNT_ID,
    DAYS,
    DAYS_WITHOUT_ROWS,
    DEMO_TENANTS,
    GLOBAL,
    ORGANISATION,
    POOL,
    SHARED_LINES,
    SUPPORT,
    TECHCORP,
    TENANT_LINES,
    Labels,
    Line,
    Project,
    Sku,
)

Row = dict[str, Any]

# name, id, full_name, type, and the share of the cost that it gives back. full_name is there only where the id does not
# describe the credit by itself: Google, "Structure of Standard data export", credits.full_name and credits.type.
_SUD, _CUD, _FREE = "Sustained Usage Discount", "Committed Usage Discount: CPU", "BigQuery analysis free tier"
CREDITS = {
    "sud": (_SUD, _SUD, "", "SUSTAINED_USAGE_DISCOUNT", 0.1873),
    "cud_cpu": (_CUD, _CUD, "", "COMMITTED_USAGE_DISCOUNT", 0.5871),
    "promotion": ("Scale-up programme", "41-c07-e58-d2a", "Cloud scale-up programme 2025", "PROMOTION", 0.25),
    "free_tier": (_FREE, _FREE, "", "FREE_TIER", 0.0417),
}
_LATE_SHARE = 0.01
_CORRECTED_SHARE = 0.004
_HOUR = timedelta(hours=1)
_NUMERIC_STEP = Decimal("1e-9")  # NUMERIC's scale; BigQuery, data types page


def rows(seed: int = 20251115) -> Iterator[Row]:
    """Yield about 30,000 rows that fit `SCHEMA`, ordered by day and tenant, not by export_time.

    Values are as JSON for a load job has them: TIMESTAMP is RFC 3339 in UTC, NUMERIC a decimal string, FLOAT64 a float,
    a missing RECORD None, an empty REPEATED field []. Each row is a value of its own; changing one changes no other.

    The same seed gives the same bytes with every Python and platform: chance comes from `Random.random()` only, the one
    method whose sequence Python promises to keep, and floats from + - * / only, which IEEE 754 fixes.
    """
    rng = Random(seed)  # noqa: S311 - sample data, not a secret
    for day in DAYS:
        for tenant, lines in TENANT_LINES.items():
            if day not in DAYS_WITHOUT_ROWS.get(tenant, ()):
                yield from _day_of_lines(rng, day, lines)
                if tenant in DEMO_TENANTS:
                    yield from _edges_of_the_day(rng, day, tenant)
        yield from _day_of_lines(rng, day, SHARED_LINES)
        yield from _account_rows(rng, day)


def _day_of_lines(rng: Random, day: date, lines: tuple[Line, ...]) -> Iterator[Row]:
    for line in lines:
        for hour in range(line.first, line.last + 1):
            start = datetime.combine(day, time(hour), UTC)
            milli = line.milli * (900 + int(rng.random() * 200)) // 1000
            row = _usage_row(rng, line, start, start + _HOUR, milli * line.sku.units // 1000)
            yield row
            if rng.random() < _CORRECTED_SHARE:
                yield from _correction(rng, line, row, start)


def _edges_of_the_day(rng: Random, day: date, tenant: str) -> Iterator[Row]:
    """Usage of a marketplace service, which sets its own windows: the first and the last second of the UTC day."""
    line = Line(AGENT, _home(tenant), GLOBAL, 0, (("tenant_id", tenant),))
    midnight = datetime.combine(day, time(), UTC)
    for start in (midnight, midnight + timedelta(days=1, seconds=-1)):
        yield _usage_row(rng, line, start, start + timedelta(seconds=1), 4000 + int(rng.random() * 1000))
    if day.day % 5 == 0:
        yield _invoice_row(
            rng,
            midnight + 6 * _HOUR,
            _home(tenant),
            cost_type="adjustment",
            cost=_micros(rng, -2_400_000),
            labels=line.labels,
        )


def _account_rows(rng: Random, day: date) -> Iterator[Row]:
    """What belongs to the account and to no resource: support every day, tax now and then, October's rounding."""
    midnight = datetime.combine(day, time(), UTC)
    fee = _usage_row(rng, Line(SUPPORT, POOL, GLOBAL, 0), midnight, midnight + timedelta(days=1), SUPPORT.units // 30)
    yield fee | {"project": None}
    if day.day % 5 == 0:
        for project in (ACME, TECHCORP):
            yield _invoice_row(rng, midnight + 7 * _HOUR, project, cost_type="tax", cost=_micros(rng, 9_000_000))
    if (day + timedelta(days=1)).day == 1:
        yield _invoice_row(rng, midnight + 7 * _HOUR, None, cost_type="rounding_error", cost=_micros(rng, -4_500))


def _home(tenant: str) -> Project:
    return ACME if tenant == DEMO_TENANTS[0] else TECHCORP


def _micros(rng: Random, most: int) -> float:
    """A sum between a tenth of `most` millionths of a USD and all of it, with six decimals."""
    return (most // 10 + int(rng.random() * 0.9 * most)) / 1_000_000


def _usage_row(rng: Random, line: Line, start: datetime, end: datetime, amount: int) -> Row:
    sku, exported = line.sku, _export_time(rng, end)
    in_pricing_units = amount / sku.units
    cost = in_pricing_units * float(effective_price(sku))
    return {
        "billing_account_id": BILLING_ACCOUNT_ID,
        "service": {"id": sku.service_id, "description": sku.service},
        "sku": {"id": sku.sku_id, "description": sku.description},
        "usage_start_time": _stamp(start),
        "usage_end_time": _stamp(end),
        "project": _project(line.project),
        "labels": _pairs(line.labels),
        "system_labels": _pairs(line.system_labels),
        "location": {
            "location": line.place.location,
            "country": line.place.country,
            "region": line.place.region,
            "zone": line.place.zone,
        },
        "tags": [
            {"key": key, "value": value, "inherited": True, "namespace": ORGANISATION[0].partition("/")[2]}
            for key, value in line.tags
        ],
        "price": {
            "effective_price": effective_price(sku),
            "tier_start_amount": "0",
            "unit": sku.pricing_unit,
            "pricing_unit_quantity": "1",
            "list_price": sku.list_price,
            "effective_price_default": effective_price(sku),
            "list_price_consumption_model": sku.list_price,
        },
        "transaction_type": "THIRD_PARTY_RESELLER" if sku.seller else "GOOGLE",
        "seller_name": sku.seller,
        "export_time": _stamp(exported),
        "cost": cost,
        "currency": "USD",
        "currency_conversion_rate": 1.0,
        "usage": {
            "amount": float(amount),
            "unit": sku.unit,
            "amount_in_pricing_units": in_pricing_units,
            "pricing_unit": sku.pricing_unit,
        },
        "credits": [_credit(name, cost) for name in line.credits],
        "invoice": {
            "month": invoice_month(start, exported),
            "publisher_type": "PARTNER" if sku.seller else "GOOGLE",
        },
        "cost_type": "regular",
        "adjustment_info": None,
        "cost_at_list": in_pricing_units * float(sku.list_price),
        "cost_at_effective_price_default": _numeric(Decimal(amount) * Decimal(effective_price(sku)) / sku.units),
        "cost_at_list_consumption_model": _numeric(Decimal(amount) * Decimal(sku.list_price) / sku.units),
        "consumption_model": {"id": "7754-699E-0EBF", "description": "Default"},
    }


def _correction(rng: Random, line: Line, wrong: Row, start: datetime) -> Iterator[Row]:
    """Take a row back and bill three quarters of it; exported days later, for the same usage window."""
    exported = datetime.fromisoformat(wrong["export_time"]) + timedelta(days=2, minutes=int(rng.random() * 4000))
    info = {
        "id": f"adj-{int(rng.random() * 1_000_000):06d}",
        "description": "Usage was reported twice for part of the hour",
        "mode": "COMPLETE_NEGATION_WITH_REMONETIZATION",
        "type": "USAGE_CORRECTION",
    }
    for factor in (-1.0, 0.75):
        row = _usage_row(rng, line, start, start + _HOUR, int(wrong["usage"]["amount"]))
        for name in ("cost", "cost_at_list"):
            row[name] = wrong[name] * factor + 0.0  # + 0.0 makes -0.0 of a free row 0.0
        for name in ("cost_at_effective_price_default", "cost_at_list_consumption_model"):
            row[name] = _numeric(Decimal(wrong[name]) * Decimal(factor))
        for name in ("amount", "amount_in_pricing_units"):
            row["usage"][name] = wrong["usage"][name] * factor
        for credit in row["credits"]:
            credit["amount"] *= factor
        month = invoice_month(start, exported)
        yield row | {
            "export_time": _stamp(exported),
            "invoice": row["invoice"] | {"month": month},
            "adjustment_info": dict(info),
        }


def _invoice_row(
    rng: Random, start: datetime, project: Project | None, *, cost_type: str, cost: float, labels: Labels = ()
) -> Row:
    """A charge without usage: an adjustment, a tax, a rounding error."""
    exported = _export_time(rng, start + _HOUR)
    description = {"adjustment": "SLA credit", "tax": "Tax", "rounding_error": "Rounding error"}[cost_type]
    adjusted = {
        "id": f"adj-{int(rng.random() * 1_000_000):06d}",
        "description": "Refund for an availability incident",
        "mode": "MANUAL_ADJUSTMENT",
        "type": "SLA_VIOLATION",
    }
    return {
        "billing_account_id": BILLING_ACCOUNT_ID,
        "service": {"id": None, "description": "Invoice"},
        "sku": {"id": None, "description": description},
        "usage_start_time": _stamp(start),
        "usage_end_time": _stamp(start + _HOUR),
        "project": _project(project) if project else None,
        "labels": _pairs(labels),
        "system_labels": [],
        "location": {"location": None, "country": None, "region": None, "zone": None},
        "tags": [],
        "price": None,
        "transaction_type": None,
        "seller_name": None,
        "export_time": _stamp(exported),
        "cost": cost,
        "currency": "USD",
        "currency_conversion_rate": 1.0,
        "usage": None,
        "credits": [],
        "invoice": {"month": invoice_month(start, exported), "publisher_type": "GOOGLE"},
        "cost_type": cost_type,
        "adjustment_info": adjusted if cost_type == "adjustment" else None,
        "cost_at_list": None,
        "cost_at_effective_price_default": None,
        "cost_at_list_consumption_model": None,
        "consumption_model": None,
    }


@cache
def effective_price(sku: Sku) -> str:
    """The price of one pricing unit in USD after the account's discount, as an exact decimal.

    >>> from local.sample_billing.estate import GCS_US, N2_CORE
    >>> effective_price(N2_CORE), effective_price(GCS_US)
    ('0.03003045', '0.026')
    """
    if not sku.discount_percent:
        return sku.list_price
    return _numeric(Decimal(sku.list_price) * (100 - sku.discount_percent) / 100)


def _numeric(value: Decimal) -> str:
    """A NUMERIC as BigQuery prints it: nine digits after the point at most, no zeros at the end, no minus zero.

    >>> _numeric(Decimal("1.50")), _numeric(Decimal("-0.0000000001")), _numeric(Decimal(100))
    ('1.5', '0', '100')
    """
    return format((value.quantize(_NUMERIC_STEP) + 0).normalize(), "f")


def invoice_month(start: datetime, exported: datetime) -> str:
    """The invoice (YYYYMM) that usage from `start` goes to, when it is exported at `exported`.

    Months begin at midnight US Pacific time, seven hours behind UTC around the one boundary in the sample. What is
    exported after the fifth of the next month goes to that month's invoice, for the earlier one is closed.

    >>> invoice_month(datetime(2025, 11, 1, 6, tzinfo=UTC), datetime(2025, 11, 1, 9, tzinfo=UTC))
    '202510'
    >>> invoice_month(datetime(2025, 10, 31, 6, tzinfo=UTC), datetime(2025, 11, 6, 9, tzinfo=UTC))
    '202511'
    """
    used, closed = start - timedelta(hours=7), exported - timedelta(hours=7)
    billed = closed if closed.month != used.month and closed.day > 5 else used
    return f"{billed:%Y%m}"


def _export_time(rng: Random, end: datetime) -> datetime:
    """Three to nine hours after the usage; for one row in a hundred, two to six days."""
    late = rng.random() < _LATE_SHARE
    minutes = int(rng.random() * 5760) + 2880 if late else int(rng.random() * 360) + 180
    return end + timedelta(minutes=minutes, microseconds=int(rng.random() * 60_000_000))


def _credit(name: str, cost: float) -> Row:
    title, id_, full_name, type_, share = CREDITS[name]
    return {"name": title, "amount": -cost * share, "full_name": full_name, "id": id_, "type": type_}


def _project(project: Project) -> Row:
    ancestors = (ORGANISATION, project.folder)
    numbers = "/".join(name.partition("/")[2] for name, _ in ancestors)
    own = (f"projects/{project.number}", project.name)
    return {
        "id": project.project_id,
        "number": project.number,
        "name": project.name,
        "labels": _pairs(project.labels),
        "ancestry_numbers": f"/{numbers}/",
        "ancestors": [{"resource_name": name, "display_name": title} for name, title in (own, *reversed(ancestors))],
    }


def _pairs(labels: Labels) -> list[Row]:
    return [{"key": key, "value": value} for key, value in labels]


def _stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with a Z; microseconds only where there are any.

    >>> _stamp(datetime(2025, 11, 15, 23, 59, 59, tzinfo=UTC))
    '2025-11-15T23:59:59Z'
    """
    return moment.isoformat().replace("+00:00", "Z")
