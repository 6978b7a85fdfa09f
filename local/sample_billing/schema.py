"""The columns of the standard usage cost export, as BigQuery's REST API writes a schema."""

from typing import Any

Field = dict[str, Any]


def _scalar(name: str, type_: str = "STRING") -> Field:
    return {"name": name, "type": type_, "mode": "NULLABLE"}


def _record(name: str, *fields: Field, mode: str = "NULLABLE") -> Field:
    return {"name": name, "type": "RECORD", "mode": mode, "fields": list(fields)}


def _repeated(name: str, *fields: Field) -> Field:
    return _record(name, *fields, mode="REPEATED")


# Names, nesting and types: Google, "Structure of Standard data export". `resource` and `subscription` are columns of
# the detailed export only. The page fixes no order of columns.
SCHEMA: list[Field] = [
    _scalar("billing_account_id"),
    _record("service", _scalar("id"), _scalar("description")),
    _record("sku", _scalar("id"), _scalar("description")),
    _scalar("usage_start_time", "TIMESTAMP"),
    _scalar("usage_end_time", "TIMESTAMP"),
    _record(
        "project",
        _scalar("id"),
        _scalar("number"),
        _scalar("name"),
        _repeated("labels", _scalar("key"), _scalar("value")),
        _scalar("ancestry_numbers"),
        _repeated("ancestors", _scalar("resource_name"), _scalar("display_name")),
    ),
    _repeated("labels", _scalar("key"), _scalar("value")),
    _repeated("system_labels", _scalar("key"), _scalar("value")),
    _record("location", _scalar("location"), _scalar("country"), _scalar("region"), _scalar("zone")),
    _repeated("tags", _scalar("key"), _scalar("value"), _scalar("inherited", "BOOL"), _scalar("namespace")),
    _record(
        "price",
        _scalar("effective_price", "NUMERIC"),
        _scalar("tier_start_amount", "NUMERIC"),
        _scalar("unit"),
        _scalar("pricing_unit_quantity", "NUMERIC"),
        _scalar("list_price", "NUMERIC"),
        _scalar("effective_price_default", "NUMERIC"),
        _scalar("list_price_consumption_model", "NUMERIC"),
    ),
    _scalar("transaction_type"),
    _scalar("seller_name"),
    _scalar("export_time", "TIMESTAMP"),
    _scalar("cost", "FLOAT64"),
    _scalar("currency"),
    _scalar("currency_conversion_rate", "FLOAT64"),
    _record(
        "usage",
        _scalar("amount", "FLOAT64"),
        _scalar("unit"),
        _scalar("amount_in_pricing_units", "FLOAT64"),
        _scalar("pricing_unit"),
    ),
    _repeated(
        "credits",
        _scalar("name"),
        _scalar("amount", "FLOAT64"),
        _scalar("full_name"),
        _scalar("id"),
        _scalar("type"),
    ),
    _record("invoice", _scalar("month"), _scalar("publisher_type")),
    _scalar("cost_type"),
    _record("adjustment_info", _scalar("id"), _scalar("description"), _scalar("mode"), _scalar("type")),
    _scalar("cost_at_list", "FLOAT64"),
    _scalar("cost_at_effective_price_default", "NUMERIC"),
    _scalar("cost_at_list_consumption_model", "NUMERIC"),
    _record("consumption_model", _scalar("id"), _scalar("description")),
]
