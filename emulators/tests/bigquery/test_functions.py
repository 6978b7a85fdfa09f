"""Every scalar function of the allow-list answers as its documentation page says: function_cases.py has the cases."""

import math
import re
from decimal import Decimal
from typing import Any

import pytest

from emulators.bigquery.sql.compile.calls.dates import DATE_FUNCTIONS
from emulators.bigquery.sql.compile.calls.function_table import FUNCTIONS
from emulators.bigquery.sql.compile.calls.special_functions import SPECIAL
from emulators.tests.bigquery import date_function_cases, function_cases
from emulators.tests.bigquery.database import Database

CASES = [*function_cases.CASES, *date_function_cases.CASES]

# Functions that only ever fail, or whose failing is their test below.
ELSEWHERE = {"ERROR"}


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[e for e, _ in CASES])
def test_a_function_answers_as_documented(db: Database, expression: str, expected: Any) -> None:
    got = db.one(expression)

    if isinstance(expected, float) and math.isfinite(expected):
        assert got == pytest.approx(expected, rel=1e-12)
        assert isinstance(got, float)
    else:
        assert (got, type(got)) == (expected, type(expected))


def test_every_function_of_the_allow_list_has_a_case() -> None:
    tested = set(re.findall(r"([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)?)\(", " ".join(e for e, _ in CASES))) | {
        "CURRENT_TIMESTAMP"
    }

    variables = {name for name in SPECIAL if name.startswith("@@")}  # test_sql.py asks for them
    assert (set(FUNCTIONS) | set(SPECIAL) | set(DATE_FUNCTIONS)) - tested - ELSEWHERE - variables == set()


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 / 0", "division by zero: 1 / 0"),
        ("MOD(1, 0)", "division by zero"),
        ("DIV(1, 0)", "division by zero"),
        ("NUMERIC '1' / NUMERIC '0'", "division by zero"),
        ("LN(0)", "Floating point error in function: LN"),
        ("1e308 / 1e-10", "Floating point overflow"),
        ("POW(NUMERIC '10', NUMERIC '40')", "numeric overflow"),
        ("SQRT(-1)", "Argument to SQRT cannot be negative"),
        ("9223372036854775807 + 1", "int64 overflow"),
        ("ABS(-9223372036854775808)", "int64 overflow"),
        ("ERROR('mine')", "mine"),
        ("LAG(x, -1) OVER (ORDER BY x) FROM UNNEST([1]) AS x", "must be non-negative"),
        ("NTILE(0) OVER (ORDER BY x) FROM UNNEST([1]) AS x", "must be positive"),
        ("COALESCE(CAST(NULL AS DATE), ERROR('no date'))", "no date"),
        ("IF(FALSE, [1], ERROR('no array'))", "no array"),
        ("[1, 2][OFFSET(5)]", "Array index 5 is out of bounds"),
        ("ARRAY_FIRST(CAST([] AS ARRAY<INT64>))", "ARRAY_FIRST cannot get the first element of an empty array"),
        ("CAST('x' AS INT64)", "Bad int64 value: x"),
        ("CAST('x' AS FLOAT64)", "Bad double value: x"),
        ("CAST('x' AS BOOL)", "Bad bool value: x"),
        ("CAST('2024-02-30' AS DATE)", "Invalid date: '2024-02-30'"),
        ("CAST('x' AS TIMESTAMP)", "Invalid timestamp: 'x'"),
        ("PARSE_DATE('%Y', 'x')", 'Failed to parse input string "x"'),
        ("PARSE_JSON('{')", "syntax error while parsing"),
        ("DATETIME(TIMESTAMP '2024-01-01', 'Mars/X')", "Invalid time zone: Mars/X"),
        ("REPEAT('a', -1)", "cannot be negative"),
        ("SAFE.LN(1 / 0)", "division by zero"),
        ("DATE_ADD(DATE '9999-12-31', INTERVAL 1 DAY)", "causes overflow"),
        ("(SELECT x FROM UNNEST([1, 2]) AS x)", "Scalar subquery produced more than one element"),
        ("APPROX_QUANTILES(1, 0)", "must be at least 1"),
        ("RANGE_BUCKET(5, [30, 10])", "must be in ascending order"),
        ("FORMAT('%d', 'x')", "Expected integer; Got STRING"),
        ("FORMAT('%d %d', 1)", "Too few arguments to FORMAT"),
        ("NET.IP_FROM_STRING('48.49.50')", "Invalid IP address: 48.49.50"),
        ("ROUND(NUMERIC '1.5', 0, 'UP')", "Invalid rounding mode: UP"),
        ("PARSE_JSON('922337203685477580701')", "cannot round-trip through string representation"),
        ("TO_JSON(1, wide => TRUE)", "Named argument wide not found"),
        ("INT64(JSON '\"a\"')", "not an integer"),
    ],
)
def test_a_function_fails_in_bigquerys_words(db: Database, expression: str, message: str) -> None:
    refused = db.refused(f"SELECT {expression}")

    assert (refused.status, refused.reason) == (400, "invalidQuery")
    assert message in refused.message


@pytest.mark.parametrize(
    "expression",
    ["SAFE.LN(0)", "SAFE.PARSE_DATE('%Y', 'x')", "SAFE_CAST('x' AS INT64)"],
)
def test_safe_functions_yield_null_for_their_own_errors(db: Database, expression: str) -> None:
    assert db.one(expression) is None


@pytest.mark.not_on_google("BigQuery has what the embedded one refuses")
@pytest.mark.parametrize(
    "expression",
    [
        "ST_GEOGPOINT(1, 2)",
        "CAST(1 AS STRING FORMAT '9')",
        "INTERVAL 1 DAY",
        "BIGNUMERIC '1' + BIGNUMERIC '2'",
        "DATE '2024-01-02' - DATE '2024-01-01'",
        "@@script.job_id",
    ],
)
def test_what_is_not_on_the_list_is_refused_by_name(db: Database, expression: str) -> None:
    refused = db.refused(f"SELECT {expression}")

    assert (refused.status, refused.reason) == (501, "notImplemented")


def test_a_function_that_bigquery_has_not_is_not_found(db: Database) -> None:
    refused = db.refused("SELECT\n  NO_SUCH_FUNCTION(1)")

    assert refused.message.startswith("Function not found: NO_SUCH_FUNCTION at [2:3]")


AGGREGATES: list[tuple[str, str, Any]] = [
    ("ARRAY_AGG(DISTINCT x IGNORE NULLS ORDER BY x DESC LIMIT 2)", "[NULL, 1, 3, 3, 2]", [3, 2]),
    ("ARRAY_AGG(x ORDER BY ABS(x))", "[2, 1, -2, 3]", [1, 2, -2, 3]),
    ("STRING_AGG(DISTINCT x, ' & ' ORDER BY x DESC LIMIT 2)", "['apple', 'pear', 'banana', 'pear']", "pear & banana"),
    ("STRING_AGG(x, b'-')", "[b'a', b'b']", b"a-b"),
    ("COUNTIF(x < 0)", "[5, -2, 3, NULL]", 1),
    ("LOGICAL_AND(x < 3)", "[1, 2, 4]", False),
    ("BIT_XOR(DISTINCT x)", "[1234, 5678, 1234]", 4860),
    ("BIT_AND(x)", "[0xF001, 0x00A1]", 1),
    ("APPROX_QUANTILES(x, 2)", "[1, 1, 1, 4, 5, 6, 7, 8, 9, 10, NULL]", [1, 5, 10]),
    ("APPROX_QUANTILES(DISTINCT x, 2)", "[1, 1, 1, 4, 5, 6, 7, 8, 9, 10]", [1, 6, 10]),
    ("APPROX_QUANTILES(x, 100)[OFFSET(90)]", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", 9),
    ("APPROX_TOP_COUNT(x, 1)", "['apple', 'pear', 'pear', 'pear', NULL]", [{"value": "pear", "count": 3}]),
    ("APPROX_TOP_COUNT(x, 2)[OFFSET(1)]", "[NULL, 'pear', 'pear', 'pear', 'apple', NULL]", {"value": None, "count": 2}),
    ("APPROX_TOP_SUM(x, LENGTH(x), 1)", "['apple', 'fig', 'fig', 'fig']", [{"value": "fig", "sum": 9}]),
    ("CORR(x, x * x)", "[1.0, 2.0, 3.0]", 0.989743318610787),
    ("VAR_SAMP(x)", "[10, 14, 18]", 16.0),
    ("STDDEV_POP(x)", "[10, 14, 18]", 3.265986323710904),
    ("STDDEV(x)", "[10]", None),
    ("SUM(x)", "[CAST('inf' AS FLOAT64), CAST('-inf' AS FLOAT64)]", math.nan),
    ("AVG(x)", "[NUMERIC '1', NUMERIC '2', NUMERIC '2']", Decimal("1.666666667")),
]


@pytest.mark.parametrize(("call", "values", "expected"), AGGREGATES, ids=[call for call, _, _ in AGGREGATES])
def test_an_aggregate_answers_as_documented(db: Database, call: str, values: str, expected: Any) -> None:
    ((got,),) = db.rows(f"SELECT {call} FROM UNNEST({values}) AS x")

    assert got == (pytest.approx(expected, nan_ok=True) if isinstance(expected, float) else expected)
