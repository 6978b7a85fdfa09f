"""GoogleSQL queries and their parameters: grouping, joins, windows.

Pages: docs/reference/standard-sql/query-syntax, …/window-function-calls, …/aggregate_functions,
docs/parameterized-queries (of https://cloud.google.com/bigquery).
"""

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pytest
from google.cloud import bigquery
from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter, StructQueryParameter

from emulators.tests.bigquery.database import Database, parameter

DAY = dt.date(2025, 11, 15)

# -- parameters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("INT64", 9007199254740993),
        ("FLOAT64", 1.5),
        ("NUMERIC", Decimal("1.000000001")),
        ("STRING", "ü'\"\\"),
        ("BYTES", b"\x00\xff"),
        ("BOOL", True),
        ("DATE", DAY),
        ("TIME", dt.time(1, 2, 3, 4)),
        ("TIMESTAMP", dt.datetime(2025, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC)),
        ("JSON", {"a": [1]}),
    ],
)
def test_a_parameter_of_every_type_comes_back_as_it_was(db: Database, kind: str, value: Any) -> None:
    assert db.one("@p", parameter("p", kind, value)) == value
    assert db.one("@p", parameter("p", kind, None)) is None


def test_positional_array_and_struct_parameters(db: Database) -> None:
    assert db.rows(
        "SELECT ? + ?, ?", parameter(None, "INT64", 1), parameter(None, "INT64", 2), parameter(None, "STRING", "x")
    ) == [(3, "x")]
    assert db.one("ARRAY_LENGTH(@a)", ArrayQueryParameter("a", "INT64", [1, 2, 3])) == 3
    assert db.one("ARRAY_LENGTH(@a)", ArrayQueryParameter("a", "STRING", [])) == 0
    struct = StructQueryParameter("s", ScalarQueryParameter("x", "INT64", 1), ScalarQueryParameter("y", "DATE", DAY))
    assert db.rows("SELECT @s.x, @s.y", struct) == [(1, DAY)]
    assert db.rows(
        "SELECT x FROM UNNEST([1, 2, 3]) AS x WHERE x IN UNNEST(@a)", ArrayQueryParameter("a", "INT64", [2, 9])
    ) == [(2,)]


def test_a_string_parameter_becomes_a_date_or_timestamp_where_one_is_compared(db: Database) -> None:
    db.table("t", "at_ TIMESTAMP,s STRING", [{"at_": "2025-11-15T10:00:00Z", "s": "2025-11-15"}])
    given = parameter("date", "STRING", "2025-11-15")

    assert db.rows("SELECT 1 FROM {d}.t WHERE DATE(at_) = @date", given) == [(1,)]
    assert db.rows("SELECT 1 FROM {d}.t WHERE at_ > @date", given) == [(1,)]
    assert db.rows("SELECT 1 FROM {d}.t WHERE s = @date AND CAST(@date AS DATE) = DATE(at_)", given) == [(1,)]
    refused = db.refused("SELECT 1 FROM {d}.t WHERE DATE(at_) = @date", parameter("date", "STRING", "yesterday"))
    assert (refused.reason, "Invalid date: 'yesterday'" in refused.message) == ("invalidQuery", True)


def test_parameters_stand_for_values_only(db: Database) -> None:
    assert db.refused("SELECT * FROM @t", parameter("t", "STRING", "x")).reason == "invalidQuery"
    assert db.refused("SELECT a FROM {d}.t ORDER BY @c", parameter("c", "STRING", "x")).status in {400, 404}


def test_a_parameter_cannot_break_out_of_its_place(db: Database) -> None:
    evil = "'); DROP TABLE x; --"
    assert db.one("CONCAT('[', @p, ']')", parameter("p", "STRING", evil)) == f"[{evil}]"


# -- queries -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sales(db: Database) -> Database:
    rows = [
        ("a", 1, "1.10", 1.5),
        ("a", 2, "2.25", None),
        ("b", 3, None, math.nan),
        ("b", 4, "0.000000001", 2.5),
        (None, 5, "5", -1.0),
    ]
    db.table(
        "sales",
        "k STRING,n INT64,m NUMERIC,f FLOAT64",
        [{"k": k, "n": n, "m": m, "f": "NaN" if f is not None and math.isnan(f) else f} for k, n, m, f in rows],
    )
    return db


QUERIES: list[tuple[str, list[tuple[Any, ...]]]] = [
    (
        "SELECT k, SUM(n), COUNT(*), COUNT(m) FROM {d}.sales GROUP BY k ORDER BY k",
        [(None, 5, 1, 1), ("a", 3, 2, 2), ("b", 7, 2, 1)],
    ),
    ("SELECT k FROM {d}.sales GROUP BY 1 ORDER BY 1 DESC", [("b",), ("a",), (None,)]),
    ("SELECT k AS kk, MAX(n) AS top FROM {d}.sales GROUP BY kk HAVING top > 2 ORDER BY top", [("b", 4), (None, 5)]),
    (
        "SELECT SUM(m), AVG(m) FROM {d}.sales",
        [(Decimal("8.350000001"), Decimal("2.08750000025").quantize(Decimal("1e-9")))],
    ),
    (
        "SELECT SAFE_DIVIDE(SUM(n), 0), SAFE.LN(SUM(n) - 15), SAFE_CAST(MAX(k) AS INT64) FROM {d}.sales",
        [(None, None, None)],
    ),
    (
        "SELECT AVG(n), MIN(k), MAX(k), COUNTIF(n > 2), ANY_VALUE(k HAVING MAX n) FROM {d}.sales",
        [(3.0, "a", "b", 3, None)],
    ),
    ("SELECT n FROM {d}.sales ORDER BY f, n", [(2,), (3,), (5,), (1,), (4,)]),
    ("SELECT n FROM {d}.sales ORDER BY f DESC", [(4,), (1,), (5,), (3,), (2,)]),
    ("SELECT n FROM {d}.sales ORDER BY m NULLS LAST LIMIT 2 OFFSET 1", [(1,), (2,)]),
    ("SELECT DISTINCT k IS NULL AS x FROM {d}.sales ORDER BY x", [(False,), (True,)]),
    (
        "SELECT n FROM {d}.sales QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY n DESC) = 1 ORDER BY n",
        [(2,), (4,), (5,)],
    ),
    (
        "SELECT n, SUM(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM {d}.sales ORDER BY n",
        [(1, 1), (2, 3), (3, 5), (4, 7), (5, 9)],
    ),
    (
        "SELECT n, LAG(n) OVER w, FIRST_VALUE(n) OVER w FROM {d}.sales WINDOW w AS (ORDER BY n) ORDER BY n LIMIT 2",
        [(1, None, 1), (2, 1, 1)],
    ),
    (
        "SELECT k, RANK() OVER (ORDER BY k) FROM {d}.sales ORDER BY n",
        [("a", 2), ("a", 2), ("b", 4), ("b", 4), (None, 1)],
    ),
    (
        "SELECT ARRAY_AGG(n ORDER BY n DESC LIMIT 2), STRING_AGG(k, '-' ORDER BY n), ARRAY_AGG(DISTINCT k IGNORE NULLS ORDER BY k) FROM {d}.sales",  # noqa: E501
        [([5, 4], "a-a-b-b", ["a", "b"])],
    ),
    (
        "WITH x AS (SELECT k, n FROM {d}.sales WHERE n < 3), y AS (SELECT * FROM x) SELECT y.n FROM y JOIN x USING (n) ORDER BY n",  # noqa: E501
        [(1,), (2,)],
    ),
    (
        "SELECT a.n, b.n FROM {d}.sales AS a LEFT JOIN {d}.sales AS b ON a.n = b.n + 3 ORDER BY a.n",
        [(1, None), (2, None), (3, None), (4, 1), (5, 2)],
    ),
    ("SELECT COUNT(*) FROM {d}.sales AS a, {d}.sales AS b WHERE a.k = b.k", [(8,)]),
    ("SELECT * EXCEPT (m, f) REPLACE (n * 10 AS n) FROM {d}.sales WHERE n = 1", [("a", 10)]),
    ("SELECT n FROM {d}.sales WHERE k IN (SELECT k FROM {d}.sales WHERE n = 4) ORDER BY n", [(3,), (4,)]),
    ("SELECT (SELECT MAX(b.n) FROM {d}.sales AS b WHERE b.k = a.k) FROM {d}.sales AS a ORDER BY a.n LIMIT 1", [(2,)]),
    ("SELECT 1 AS x UNION ALL SELECT 2.5 UNION ALL SELECT NULL ORDER BY x", [(None,), (1.0,), (2.5,)]),
    ("SELECT 1 UNION DISTINCT SELECT 1", [(1,)]),
    ("SELECT x FROM UNNEST([1, 2, 3]) AS x EXCEPT DISTINCT SELECT 2 ORDER BY x", [(1,), (3,)]),
    ("SELECT x FROM UNNEST([1, 2]) AS x INTERSECT DISTINCT SELECT 2", [(2,)]),
    ("SELECT x, o FROM UNNEST(['a', 'b']) AS x WITH OFFSET AS o ORDER BY o DESC", [("b", 1), ("a", 0)]),
    ("SELECT s.a, b FROM UNNEST([STRUCT(1 AS a, 'x' AS b), (2, 'y')]) AS s ORDER BY a", [(1, "x"), (2, "y")]),
    (
        "SELECT t.id, tag FROM (SELECT 1 AS id, ['x', 'y'] AS tags UNION ALL SELECT 2, []) AS t LEFT JOIN UNNEST(t.tags) AS tag ORDER BY 1, 2",  # noqa: E501
        [(1, "x"), (1, "y"), (2, None)],
    ),
    ("SELECT t.id, tag FROM (SELECT 1 AS id, ['x'] AS tags) AS t, t.tags AS tag", [(1, "x")]),
    (
        "SELECT id, tag, o FROM (SELECT 1 AS id, ['x', 'y'] AS tags UNION ALL SELECT 2, ['z']) LEFT JOIN UNNEST(tags) AS tag WITH OFFSET AS o ON tag > 'x' AND id = 1 ORDER BY 1",  # noqa: E501
        [(1, "y", 1), (2, None, None)],
    ),
    (
        "SELECT * FROM (SELECT k, n FROM {d}.sales WHERE k IS NOT NULL) PIVOT(SUM(n) FOR k IN ('a', 'b' AS bee))",
        [(3, 7)],
    ),
    (
        "SELECT * FROM (SELECT 1 AS id, 10 AS q1, 20 AS q2) UNPIVOT(v FOR q IN (q1, q2)) ORDER BY q",
        [(1, 10, "q1"), (1, 20, "q2")],
    ),
    ("SELECT k, COUNT(*) FROM {d}.sales GROUP BY ROLLUP (k) HAVING GROUPING(k) = 1", [(None, 5)]),
    (
        "SELECT APPROX_COUNT_DISTINCT(k), LOGICAL_AND(n > 0), LOGICAL_OR(n > 4), MAX_BY(k, n), STDDEV_POP(n) FROM {d}.sales",  # noqa: E501
        [(2, True, True, None, math.sqrt(2))],
    ),
    ("SELECT t FROM (SELECT 1 AS a, 'x' AS b) AS t", [({"a": 1, "b": "x"},)]),
    ("WITH v AS (SELECT AS VALUE STRUCT(1 AS a)) SELECT a, v FROM v", [(1, {"a": 1})]),
    ("SELECT n > 2 AS n, COUNT(*) FROM {d}.sales GROUP BY n ORDER BY n", [(False, 2), (True, 3)]),
    ("SELECT k, SUM(n) AS n FROM {d}.sales GROUP BY k HAVING n > 5 ORDER BY k", [("b", 7)]),
    ("SELECT k, SUM(n) AS n FROM {d}.sales GROUP BY k HAVING SUM(n) > 5 ORDER BY SUM(n)", [("b", 7)]),
    (
        "SELECT a.n FROM {d}.sales a JOIN {d}.sales b JOIN {d}.sales c ON b.n = c.n ON a.n = c.n WHERE a.n = 1",
        [(1,)],
    ),
    ("SELECT (1, x) IN (SELECT (1, y) FROM UNNEST([2, NULL]) AS y) FROM UNNEST([2, 3]) AS x", [(True,), (None,)]),
    (
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r ORDER BY n DESC",
        [(3,), (2,), (1,)],
    ),
    (
        "WITH RECURSIVE r AS (SELECT 1 AS n, 'a' AS p UNION ALL SELECT s.n, CONCAT(p, '/', k) FROM {d}.sales AS s JOIN r ON s.n = r.n + 1 WHERE k = 'a' OR k = 'b') SELECT p FROM r ORDER BY n DESC LIMIT 1",  # noqa: E501
        [("a/a/b/b",)],
    ),
    ("SELECT (1, 3) NOT IN (SELECT AS STRUCT 1, 2)", [(True,)]),
    ("SELECT (1, NULL) IS DISTINCT FROM (1, NULL), (1, 'a') IS DISTINCT FROM (1, 'b')", [(False, True)]),
    ("SELECT x.b FROM UNNEST([STRUCT(1 AS a, 'p' AS b), (2, NULL)]) AS x ORDER BY x.a", [("p",), (None,)]),
    ("SELECT AS STRUCT 1 AS a, 2 AS b", [(1, 2)]),
    ("SELECT AS VALUE STRUCT(5 AS v)", [(5,)]),
    (
        "SELECT PERCENTILE_CONT(n, 0.5) OVER (), NTILE(2) OVER (ORDER BY n) FROM {d}.sales ORDER BY n LIMIT 1",
        [(3.0, 1)],
    ),
    ("SELECT 1 AS a, 2 AS b,", [(1, 2)]),
    ("-- comment\nSELECT /* in */ 1 # end", [(1,)]),
    ("SELECT `n` FROM `{d}.sales` WHERE `n` = 1", [(1,)]),
]


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=[q for q, _ in QUERIES])
def test_a_query_has_the_documented_rows(sales: Database, sql: str, expected: list[tuple[Any, ...]]) -> None:
    assert sales.rows(sql) == expected


def test_result_columns_have_bigquerys_names_and_types(sales: Database) -> None:
    job = sales.run(
        "SELECT 1, n, n + 1, n AS n, m, f, k, [n], STRUCT(k AS k) AS s, CURRENT_DATE() AS d FROM {d}.sales LIMIT 0"
    )

    assert [(f.name, f.field_type, f.mode) for f in job.result().schema] == [
        ("f0_", "INTEGER", "NULLABLE"),
        ("n", "INTEGER", "NULLABLE"),
        ("f1_", "INTEGER", "NULLABLE"),
        ("n_1", "INTEGER", "NULLABLE"),
        ("m", "NUMERIC", "NULLABLE"),
        ("f", "FLOAT", "NULLABLE"),
        ("k", "STRING", "NULLABLE"),
        ("f2_", "INTEGER", "REPEATED"),
        ("s", "RECORD", "NULLABLE"),
        ("d", "DATE", "NULLABLE"),
    ]


def test_wildcard_tables_and_their_suffix(db: Database) -> None:
    db.table("ev_20250101", "a INT64", [{"a": 1}])
    db.table("ev_20250102", "a INT64,b STRING", [{"a": 2, "b": "x"}])

    assert db.rows("SELECT a, b, _TABLE_SUFFIX FROM `{d}.ev_*` WHERE _TABLE_SUFFIX > '20250100' ORDER BY a") == [
        (1, None, "20250101"),
        (2, "x", "20250102"),
    ]


def test_the_default_dataset_completes_names(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    default = bigquery.DatasetReference.from_string(db.path)

    assert db.rows("SELECT a FROM t", default_dataset=default) == [(1,)]
    assert "must be qualified with a dataset" in db.refused("SELECT a FROM t").message


def test_sums_of_floats_are_the_same_each_time(db: Database) -> None:
    db.run("CREATE TABLE {d}.t AS SELECT x / 7 AS f FROM UNNEST(GENERATE_ARRAY(1, 20000)) AS x")

    assert len({db.rows("SELECT SUM(f) FROM {d}.t")[0] for _ in range(5)}) == 1


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (
            "SELECT x, y, z FROM (((SELECT 1 x) AS a JOIN (SELECT 1 p, 2 y) ON x = p) JOIN (SELECT 2 q, 3 z) ON y = q)",
            [(1, 2, 3)],
        ),
        ("SELECT x FROM ((SELECT 1 AS x) AS a)", [(1,)]),
        ("SELECT x FROM (((SELECT 1 AS x) UNION ALL (SELECT 2)) ORDER BY x LIMIT 1)", [(1,)]),
        ("SELECT (((SELECT 1) + 1) * 3)", [(6,)]),
        ("SELECT 2 IN ((SELECT 1), 2), 3 IN ((SELECT 1) UNION ALL (SELECT 2))", [(True, False)]),
        ("(SELECT 1) UNION ALL ((SELECT 2) UNION ALL (SELECT 3)) ORDER BY 1", [(1,), (2,), (3,)]),
    ],
)  # fmt: skip
def test_parentheses_around_joins_queries_and_expressions(db: Database, sql: str, rows: list[Any]) -> None:
    """query-syntax#from_clause, query-syntax#sql_syntax, operators#in_operators."""
    assert db.rows(sql) == rows


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT ARRAY_TRANSFORM([1], e -> e + 1)", "lambda expressions"),
        ("SELECT ARRAY_FILTER([1], (e, i) -> e > i)", "lambda expressions"),
        ("EXPORT DATA OPTIONS (uri = 'gs://b/*.csv', format = 'CSV') AS SELECT 1", "EXPORT DATA"),
        ("ASSERT TRUE AS 'fine'", "the statement ASSERT"),
        ("LOAD DATA INTO {d}.t FROM FILES (format = 'CSV', uris = ['gs://b/f'])", "LOAD DATA"),
        ("CREATE TEMP TABLE t AS SELECT 1 AS x", "CREATE TEMP TABLE"),
        ("CREATE OR REPLACE TEMPORARY TABLE t AS SELECT 1 AS x", "CREATE TEMPORARY TABLE"),
        ("CREATE MATERIALIZED VIEW {d}.v AS SELECT 1 AS x", "CREATE MATERIALIZED VIEW"),
        ("SELECT * FROM {d}.__TABLES_SUMMARY__", "__TABLES_SUMMARY__"),
        ("DECLARE x INT64", "DECLARE (scripting)"),
    ],
)
def test_what_is_valid_and_not_served_is_named(db: Database, sql: str, named: str) -> None:
    """array_functions#lambda_definition, other-statements, debugging-statements#assert, data-definition-language."""
    refused = db.refused(sql)

    assert (refused.status, refused.reason) == (501, "notImplemented")
    assert named in refused.message


def test_a_difference_of_dates_is_days(db: Database) -> None:
    """operators#datetime_subtraction, interval_functions#extract: DATE - DATE is an INTERVAL of days alone."""
    days = "DATE '2021-05-20' - DATE '2020-04-19'"

    assert db.rows(f"SELECT EXTRACT(DAY FROM {days}), EXTRACT(MONTH FROM ({days}))") == [(396, 0)]
    refused = db.refused(f"SELECT {days}")
    assert (refused.status, "INTERVAL" in refused.message) == (501, True)


def test_system_variables_of_the_job(db: Database) -> None:
    """Page: docs/reference/system-variables."""
    asked = "SELECT @@project_id, @@dataset_id, @@dataset_project_id, @@time_zone"

    assert db.rows(asked) == [(db.project, None, None, "UTC")]
    assert db.rows(asked, default_dataset=db.path) == [(db.project, db.dataset, db.project, "UTC")]
    refused = db.refused("SELECT @@query_label")
    assert (refused.status, "@@query_label" in refused.message) == (501, True)
