"""What of an error's text may be shown to whom."""

import pytest

from shared.runs.mask import for_mail, for_tenant

TENANT = "acmeinc_23xv2"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Not found: Table acme-prod:billing.costs was not found", "Not found: Table (shared source) was not found"),
        ("Table acme-prod.billing.costs: no", "Table (shared source): no"),
        ("Table `acme-prod.billing.costs` no", "Table (shared source) no"),
        ("Table acme-prod:billing.costs$20251115 no", "Table (shared source) no"),
        ("Not found: Dataset acme-prod:billing was not found", "Not found: Dataset (shared source) was not found"),
        ("p:bytefactory_xv23_silver.costs", "(shared source)"),
        ("bytefactory_xv23_silver.costs", "(shared source)"),
        ("bytefactory_xv23.x_meta_tenant", "(shared source)"),
    ],
)
def test_names_of_what_is_not_the_tenants_are_masked(text: str, shown: str) -> None:
    assert for_tenant(text, TENANT) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Not found: Table p:acmeinc_23xv2_silver.costs was not found",
        "Not found: Dataset p:acmeinc_23xv2_silver",
        "acmeinc_23xv2_silver.costs",
        "p.acmeinc_23xv2_silver.costs$20251115",
        "invalidQuery: Unrecognized name: usage at [1:8]",
        "Cannot access field labels.key",
        "Query exceeded limit for bytes billed: 10485760. 20971520 or higher required.",
    ],
)
def test_the_tenants_own_names_and_plain_words_stay(text: str) -> None:
    assert for_tenant(text, TENANT) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bad int64 value: 4711 at [1:8]", "Bad int64 value: … at [1:8]"),
        ("Could not cast literal 'jane@acme.example' to DATE", "Could not cast literal … to DATE"),
        ('Invalid "Jane Doe"', "Invalid '…'"),
        ("Table acme-prod:billing.costs", "Table (shared source)"),
    ],
)
def test_values_stay_out_of_mails(text: str, shown: str) -> None:
    assert for_mail(text, TENANT) == shown
