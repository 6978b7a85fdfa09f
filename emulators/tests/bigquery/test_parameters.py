"""Query parameters: every type, NULL, what is coerced and what is refused.

Pages: docs/parameterized-queries, docs/reference/rest/v2/QueryParameter,
docs/reference/standard-sql/conversion_rules, docs/reference/standard-sql/lexical (of https://cloud.google.com/bigquery).
"""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import Database, parameter

NOON = dt.datetime(2025, 11, 15, 12, 0, 0, 123456, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("kind", "value", "back"),
    [
        ("INT64", -(2**63), -(2**63)),
        ("FLOAT64", 0.1, 0.1),
        ("FLOAT64", float("inf"), float("inf")),
        ("NUMERIC", Decimal("0.000000001"), Decimal("0.000000001")),
        ("BOOL", True, True),
        ("STRING", "ü'\"\\\n", "ü'\"\\\n"),
        ("BYTES", b"\x00\xff", b"\x00\xff"),
        ("DATE", NOON.date(), NOON.date()),
        ("DATETIME", NOON.replace(tzinfo=None), NOON.replace(tzinfo=None)),
        ("TIMESTAMP", NOON, NOON),
        ("TIME", NOON.time(), NOON.time()),
        ("JSON", {"a": [1, None]}, {"a": [1, None]}),
    ],
)
def test_a_parameter_of_every_type(db: Database, kind: str, value: Any, back: Any) -> None:
    assert db.one("@p", parameter("p", kind, value)) == back
    assert db.one("?", parameter(None, kind, value)) == back
    assert db.one("@p IS NULL", parameter("p", kind, None)) is True


def test_arrays_and_structs_are_parameters(db: Database) -> None:
    numbers = bigquery.ArrayQueryParameter("n", "INT64", [3, 1])
    pair = bigquery.StructQueryParameter("s", parameter("x", "INT64", 5), parameter("y", "STRING", None))
    pairs = bigquery.ArrayQueryParameter(
        "a", "STRUCT", [bigquery.StructQueryParameter(None, parameter("k", "STRING", k)) for k in "uv"]
    )

    assert db.rows("SELECT @n, @s.x, @s.y", numbers, pair) == [([3, 1], 5, None)]
    assert db.rows("SELECT e.k FROM UNNEST(@a) AS e ORDER BY 1", pairs) == [("u",), ("v",)]
    assert db.rows("SELECT x FROM UNNEST([1, 2, 3]) AS x WHERE x IN UNNEST(@n) ORDER BY x", numbers) == [(1,), (3,)]
    assert db.one("ARRAY_LENGTH(@n)", bigquery.ArrayQueryParameter("n", "INT64", [])) == 0


@pytest.mark.parametrize(
    ("column", "text", "hit"),
    [("DATE", "2025-11-15", True), ("DATE", "2025-11-16", False), ("TIMESTAMP", "2025-11-15 00:00:00+00", True),
     ("DATETIME", "2025-11-15T00:00:00", True), ("DATE", "nonsense", None), ("TIMESTAMP", "15.11.2025", None)],
)  # fmt: skip
def test_a_string_parameter_beside_a_date_is_read_as_one(
    db: Database, column: str, text: str, hit: bool | None
) -> None:
    """docs/reference/standard-sql/conversion_rules#parameter_coercion."""
    table = db.table(
        re.sub(r"\W", "_", f"{column}_{text}"),
        f"d {column}",
        [{"d": "2025-11-15" if column == "DATE" else "2025-11-15T00:00:00"}],
    )
    if hit is None:
        refused = db.refused(f"SELECT d FROM `{table}` WHERE d = @p", parameter("p", "STRING", text))
        assert (refused.status, refused.reason) == (400, "invalidQuery")
    else:
        assert len(db.rows(f"SELECT d FROM `{table}` WHERE d = @p", parameter("p", "STRING", text))) == int(hit)


def test_a_type_before_a_parameter_is_a_syntax_error(db: Database) -> None:
    """docs/reference/standard-sql/lexical#date_literals: a literal needs a string, not a parameter."""
    for kind in ("DATE", "TIMESTAMP", "NUMERIC", "JSON"):
        refused = db.refused(f"SELECT {kind} @p", parameter("p", "STRING", "2025-01-01"))
        assert (refused.status, refused.reason) == (400, "invalidQuery")
        assert refused.message.startswith("Syntax error: ")
        assert refused.message.endswith(f"at [1:{len(kind) + 9}]")


@pytest.mark.parametrize(
    ("sql", "given", "reason", "message"),
    [
        ("SELECT @p", [], "invalidQuery", "Query parameter 'p' not found"),
        ("SELECT ?", [], "invalidQuery", "Query parameter number"),
        ("SELECT @p", [("p", "INT64", "x")], "invalid", "'p'"),
        ("SELECT @p", [("p", "DATE", "2025-02-30")], "invalid", "'p'"),
        ("SELECT @p", [("p", "NOPE", "x")], "invalid", "Invalid query parameter type"),
        ("SELECT @p", [("p", "INT64", 1), ("P", "INT64", 2)], "invalid", "Duplicate query parameter"),
        ("SELECT ?", [(None, "INT64", 1), ("p", "INT64", 2)], "invalid", "Too many positional parameters"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(
    db: Database, sql: str, given: list[tuple[Any, ...]], reason: str, message: str
) -> None:
    refused = db.refused(sql, *(parameter(*one) for one in given))

    assert (refused.status, refused.reason[: len(reason)]) == (400, reason)
    assert message in refused.message
