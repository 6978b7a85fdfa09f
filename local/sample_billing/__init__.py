"""A sample of Google's standard usage cost export: its schema, and rows that are the same on every machine.

The columns are those of Google's page "Structure of Standard data export"
(https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage). Accounts, projects, tenants
and amounts are invented; service names, units and prices are near enough to the public price list to look right.

A row is a tenant's when its `labels` hold `{"key": "tenant_id", "value": <tenant>}`; other rows are shared costs. What
the sample holds on purpose, so that a careless filter or date gives a wrong sum:

- tenants whose ids are one another's prefixes, a mistyped id (`acmeinc-23xv2`, which `LIKE 'acmeinc_23xv2'` matches),
  and a techcorp_99zx4 row that bears acmeinc_23xv2 as the value of another label;
- usage that starts in the last second of a UTC day and in the first; late rows, exported days after the usage; usage
  of 1 November UTC on October's invoice, for invoice months follow US Pacific time;
- credits (none, one or two a row), refunds, corrections, taxes, rounding errors, and FLOAT64 costs with long fractions;
- days without rows: `EMPTY_DAY` for techcorp_99zx4, `QUIET_DAY` for both `DEMO_TENANTS`.
"""

from local.sample_billing.estate import (
    BILLING_ACCOUNT_ID,
    DAYS,
    DEMO_DAY,
    DEMO_TENANTS,
    EMPTY_DAY,
    NEVER_ONBOARDED,
    QUIET_DAY,
    TENANTS,
)
from local.sample_billing.prepared import FILE
from local.sample_billing.rows import rows
from local.sample_billing.schema import SCHEMA

# Google names the table after the billing account, with underscores for the hyphens.
TABLE_NAME = f"gcp_billing_export_v1_{BILLING_ACCOUNT_ID.replace('-', '_')}"

__all__ = [
    "BILLING_ACCOUNT_ID",
    "DAYS",
    "DEMO_DAY",
    "DEMO_TENANTS",
    "EMPTY_DAY",
    "FILE",
    "NEVER_ONBOARDED",
    "QUIET_DAY",
    "SCHEMA",
    "TABLE_NAME",
    "TENANTS",
    "rows",
]
