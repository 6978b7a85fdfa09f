"""CREATE TEMP FUNCTION of SQL, in the request that uses it.

Page: https://cloud.google.com/bigquery/docs/user-defined-functions#sql-udf-structure
"""

from typing import Any

import pytest

from emulators.tests.bigquery.database import Database


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("CREATE TEMP FUNCTION add4(x INT64, y INT64) RETURNS FLOAT64 AS ((x + 4) / y); SELECT Add4(2, 4)", [(1.5,)]),
        ("CREATE TEMP FUNCTION f(x ANY TYPE) AS (x + x); SELECT f(2), f(1.5), f(NULL)", [(4, 3.0, None)]),
        ("CREATE TEMPORARY FUNCTION one() AS (1); SELECT one() + one()", [(2,)]),
        (
            "CREATE TEMP FUNCTION f(x INT64) AS (x * 10); CREATE TEMP FUNCTION g(x INT64) AS (f(x) + 1); SELECT g(2)",
            [(21,)],
        ),
        ("CREATE TEMP FUNCTION d(x DATE) RETURNS DATE AS (x + 1); SELECT CAST(d('2025-01-31') AS STRING)",
         [("2025-02-01",)]),
        ("CREATE TEMP FUNCTION part(a FLOAT64, b FLOAT64) AS (a / b); SELECT part(SUM(x), 2) FROM UNNEST([1, 2]) AS x",
         [(1.5,)]),
    ],
)  # fmt: skip
def test_a_call_is_its_expression(db: Database, sql: str, rows: list[Any]) -> None:
    job = db.run(sql)

    assert [tuple(r) for r in job.result()] == rows
    assert job.statement_type == "SELECT"


def test_a_call_is_grouped_by_and_filtered_by(db: Database) -> None:
    define = "CREATE TEMP FUNCTION clean(s STRING) AS (UPPER(TRIM(s)));"
    query = "SELECT clean(x) AS k, SUM(n) AS n FROM UNNEST([STRUCT(' a' AS x, 1 AS n), ('A', 2), ('b', 3)])"

    assert db.rows(f"{define} {query} WHERE clean(x) != 'C' GROUP BY k HAVING clean('b') != k") == [("A", 3)]


def test_a_parameter_hides_a_column_and_a_column_is_no_parameter(db: Database) -> None:
    db.run("CREATE TABLE {d}.t AS SELECT 1 AS x, 10 AS y")

    assert db.rows("CREATE TEMP FUNCTION f(x INT64) AS (x + 1); SELECT f(y) FROM {d}.t") == [(11,)]
    assert (
        "Unrecognized name: y"
        in db.refused("CREATE TEMP FUNCTION f(x INT64) AS (x + y); SELECT f(y) FROM {d}.t").message
    )


@pytest.mark.parametrize(
    ("sql", "status", "message"),
    [
        ("CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f('a')", 400, "No matching signature for function f"),
        ("CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f(1, 2)", 400, "No matching signature for function f"),
        ("CREATE TEMP FUNCTION f(x INT64) RETURNS STRING AS (x); SELECT f(1)", 400, "should return type STRING"),
        ("CREATE TEMP FUNCTION f(x INT64) AS (SUM(x)); SELECT f(1)", 400, "not allowed in the function f"),
        ("CREATE TEMP FUNCTION f(x INT64) AS (f(x)); SELECT f(1)", 400, "Function not found: F"),
        (
            "CREATE TEMP FUNCTION f(x INT64) RETURNS INT64 LANGUAGE js AS 'return x'; SELECT f(1)",
            501,
            "other languages",
        ),
        ("CREATE TEMP FUNCTION f() AS ((SELECT 1)); SELECT f()", 501, "subquery"),
        ("CREATE TEMP FUNCTION f(x FLOAT64) AS (x - x); SELECT f(RAND())", 501, "random arguments"),
        ("CREATE TEMP FUNCTION f() AS (1); CREATE TABLE {d}.t AS SELECT f() AS x", 501, "another statement"),
        ("CREATE FUNCTION {d}.f() AS (1)", 501, "CREATE FUNCTION"),
    ],
)
def test_what_is_wrong_or_not_served(db: Database, sql: str, status: int, message: str) -> None:
    refused = db.refused(sql)

    assert refused.status == status
    assert message in refused.message
