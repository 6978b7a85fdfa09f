"""The arithmetic of docs/costs.md holds, and what it says of the deployment is what the deployment has."""

import ast
import operator
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

import pytest

from bench.calls import MOST_APPENDS
from shared.settings import ROOT

COSTS = (ROOT / "docs" / "costs.md").read_text()
README = " ".join((ROOT / "README.md").read_text().split())
DEPLOY = " ".join((ROOT / "docs" / "deploy.md").read_text().split())
PRODUCTION = (ROOT / "terraform" / "tests" / "samples" / "prod.tfvars").read_text()
TERRAFORM = {file.name: file.read_text() for file in (ROOT / "terraform").glob("*.tf")}
OPERATORS: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Add: operator.add,
}


def product(text: str) -> Decimal:
    """The value of "10,000 runs × 10 MiB ÷ 1,024 × 6.25 $/TiB": numbers and operators; all other words are units.

    >>> product("2 keys × 1,000 ÷ 4 at once + 5 $")
    Decimal('505')
    """
    plain = re.sub(r"\$/(\d+ )?\w+", "", text).replace(",", "").replace("×", "*").replace("÷", "/")
    return value(ast.parse(re.sub(r"[^0-9.*/+ ]", "", plain).strip(), mode="eval").body)


def value(node: ast.expr) -> Decimal:
    if isinstance(node, ast.BinOp):
        return OPERATORS[type(node.op)](value(node.left), value(node.right))
    assert isinstance(node, ast.Constant), ast.dump(node)
    return Decimal(str(node.value))


def rounded(amount: Decimal, like: str) -> Decimal:
    """As many decimals as `like` has."""
    return amount.quantize(Decimal(like.replace(",", "")), ROUND_HALF_UP)


def found(pattern: str, text: str) -> str:
    """The group of its first match."""
    match = re.search(pattern, text)
    assert match, pattern
    return match[1]


def rows(header: str) -> list[list[str]]:
    """Cells of the table that begins with this header, without its head and the sum."""
    table = COSTS.split(header)[1].split("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return [row for row in cells if not row[0].startswith("**")]


MONTH = rows("| component | a month | $ |")
TENANTS = 10_000
# A query is billed for this of each table that it reads, at least (BigQuery's pricing page).
LEAST_MIB = 10
PRODUCTS = [row[-2:] for row in [*MONTH, *rows("| the source, 1 TiB a year |"), *rows("| days |")]]


@pytest.mark.parametrize(("arithmetic", "said"), PRODUCTS)
def test_a_product_is_what_is_said(arithmetic, said):
    assert rounded(product(arithmetic), said) == Decimal(said.replace(",", ""))


def test_the_sum_is_that_of_the_rows_and_other_pages_round_it():
    said = found(r"\*\*together\*\* \| \| \*\*([\d.,]+)\*\*", COSTS)

    assert sum(Decimal(row[-1]) for row in MONTH) == Decimal(said)
    assert f"${rounded(Decimal(said), '1')} a month" in README
    assert f"${rounded(Decimal(said), '1')} a month" in DEPLOY


def of_runs(runs: int) -> tuple[str, ...]:
    """What the bill has of so many runs a night: them, days of x_meta_runs that are read and kept, requests."""
    day_mib = round(runs * 2_200 / 2**20)
    read = (3 * day_mib, 30 * day_mib, 3 * day_mib + 2 * LEAST_MIB)
    calls, rounds = 2_000, 96
    return (
        f"{runs:,} runs",
        *(f" {mib:,} MiB" for mib in read),
        f"{day_mib / 1_024:.2f} GiB × 365",
        f"{runs + calls + rounds:,} requests",
    )


def test_the_bill_is_of_the_runs_that_are_scheduled_and_says_what_fewer_would_save():
    runs = TENANTS * (1 + int(found(r"lookback_days = (\d+)", PRODUCTION)))
    bill, less = sum(Decimal(row[-1]) for row in MONTH), Decimal(0)

    for _, arithmetic, said in MONTH:
        of_one = arithmetic
        for now, then in zip(of_runs(runs), of_runs(TENANTS), strict=True):
            of_one = of_one.replace(now, then)
        less += Decimal(said) - rounded(product(of_one), said)
    for figure in of_runs(runs):
        assert any(figure in row[1] for row in MONTH), figure
    assert f"it is {less} less: what is counted in runs" in " ".join(COSTS.split())
    assert f"${rounded(bill - less, '1')} with one" in DEPLOY


def test_the_page_on_deploying_says_what_nights_read():
    nights = [Decimal(row[-1].replace(",", "")) for row in rows("| the source, 1 TiB a year |")]

    clustered, by_day, whole = nights[0], rounded(nights[1], "1"), round(int(nights[3]), -2)
    said = re.findall(r"\$[\d.,]*\d", DEPLOY.split("## What it costs ")[1].split(" ## ")[0])
    assert said[2:] == [f"${clustered}", f"${by_day}", f"${whole:,}"]


def test_what_a_small_deployment_saves_is_the_sum_of_the_rows_that_it_lacks():
    lacking = [row for row in MONTH if "`front`" in row[0] or "`redis`" in row[0] or "kept warm" in row[0]]

    assert len(lacking) == 5
    assert f"it is {sum(Decimal(row[-1]) for row in lacking)} less" in " ".join(COSTS.split())


def test_what_is_counted_is_what_there_is():
    alerts = TERRAFORM["alerts.tf"].split("  alerts = {")[1].split("\n  }\n")[0]
    bulk = found(r"run_pipeline_bulk = (\{.*)", TERRAFORM["sizes.tf"])
    counts = {
        "conditions": len(re.findall(r"^    \w+ = \{$", alerts, re.MULTILINE)),
        "jobs": 1 + len(re.findall("cron = ", PRODUCTION)),
        "rules": len(re.findall(r"^  rule \{$", TERRAFORM["front.tf"], re.MULTILINE)),
        "instances": sum(int(n) for n in re.findall(r"min_instances = (\d+)", PRODUCTION)),
        "keys": 2 if 'toset(["api-keys", "credentials"])' in TERRAFORM["kms.tf"] else 0,
    }

    for what, count in counts.items():
        assert re.search(rf"\b{count} {what} ×", COSTS), f"{count} {what}"
    assert found(r'concurrency = (\d+), memory = "1Gi", cpu = "1"', bulk) + " at once ×" in COSTS
    assert f"{MOST_APPENDS} `tabledata.insertAll`" in " ".join(COSTS.split())
