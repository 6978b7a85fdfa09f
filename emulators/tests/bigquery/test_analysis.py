"""What the analyzer asks of a query before it runs: grouping, names of columns, filters over partitions.

Pages: docs/reference/standard-sql/query-syntax, docs/querying-partitioned-tables, docs/managing-partitioned-tables,
docs/using-dml-with-partitioned-tables (of https://cloud.google.com/bigquery).
"""

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import Database, parameter


@pytest.fixture
def t(db: Database) -> Database:
    db.run(
        """CREATE TABLE {d}.t AS SELECT * FROM UNNEST([STRUCT(
             0 AS x, 1 AS y, 'abc' AS s, STRUCT(1 AS a, 'p' AS b) AS st), (1, 2, '7', (1, 'q')), (2, 2, '8', NULL)])"""
    )
    return db


# -- grouping: query-syntax#group_by_clause, #having_clause, #order_by_clause ------------------------------------------


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT x, y FROM {d} GROUP BY x", "SELECT list expression references column y which is neither"),
        ("SELECT x + y FROM {d} GROUP BY x", "SELECT list expression references column y which is neither"),
        ("SELECT t.x, t.y FROM {d} AS t GROUP BY x", "SELECT list expression references t.y which is neither"),
        ("SELECT st.b FROM {d} GROUP BY st.a", "SELECT list expression references st.b which is neither"),
        ("SELECT x + 2 FROM {d} GROUP BY x + 1", "SELECT list expression references column x which is neither"),
        ("SELECT x, SUM(y) FROM {d}", "SELECT list expression references column x which is neither"),
        ("SELECT *, COUNT(*) FROM {d} GROUP BY x", "Star expansion expression references column y which is neither"),
        (
            "SELECT x, (SELECT MAX(u.x) FROM {d} AS u WHERE u.x = t.y) FROM {d} AS t GROUP BY x",
            "SELECT list expression references t.y which is neither",
        ),
        ("SELECT x FROM {d} GROUP BY x HAVING y > 1", "HAVING clause expression references column y which is neither"),
        ("SELECT x FROM {d} GROUP BY x ORDER BY y", "ORDER BY clause expression references column y which is neither"),
        (
            "SELECT x FROM {d} GROUP BY x QUALIFY ROW_NUMBER() OVER (ORDER BY y) = 1",
            "QUALIFY clause expression references column y which is neither",
        ),
        ("SELECT x FROM {d} ORDER BY COUNT(*)", "The ORDER BY clause only allows aggregation if GROUP BY"),
        ("SELECT COUNT(*) FROM {d} GROUP BY 1", "contains an aggregation function, which is not allowed in GROUP BY"),
        ("SELECT x FROM {d} GROUP BY 'a'", "Cannot GROUP BY literal values"),
    ],
)
def test_a_column_beside_aggregates_must_be_grouped(t: Database, sql: str, message: str) -> None:
    refused = t.refused(sql.replace("{d}", "{d}.t"))

    assert (refused.status, refused.reason) == (400, "invalidQuery")
    assert message in refused.message


def test_the_place_of_an_ungrouped_column_is_told(t: Database) -> None:
    assert t.refused("SELECT x, y FROM {d}.t GROUP BY x").message.endswith("neither grouped nor aggregated at [1:11]")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT y + 1, COUNT(*) FROM {d} GROUP BY y ORDER BY 1", [(2, 1), (3, 2)]),
        ("SELECT y + 1 FROM {d} GROUP BY y + 1 ORDER BY y + 1", [(2,), (3,)]),
        ("SELECT st.a FROM {d} WHERE x < 2 GROUP BY st.a", [(1,)]),
        ("SELECT y, SUM(SUM(x)) OVER (ORDER BY y) FROM {d} GROUP BY y ORDER BY y", [(1, 0), (2, 3)]),
        ("SELECT y, COUNT(*) AS n FROM {d} GROUP BY ALL ORDER BY y", [(1, 1), (2, 2)]),
        ("SELECT COUNT(*), 'x' FROM {d} GROUP BY ALL", [(3, "x")]),
        ("SELECT COUNT(*) FROM {d} GROUP BY ()", [(3,)]),
        # query-syntax, expression.*: what is expanded may be an aggregate
        (
            "SELECT y, ARRAY_AGG(STRUCT(x AS a) ORDER BY x DESC LIMIT 1)[OFFSET(0)].* FROM {d} GROUP BY y ORDER BY y",
            [(1, 0), (2, 2)],
        ),
        (
            "SELECT x, y, COUNT(*) FROM {d} WHERE x < 2 GROUP BY CUBE (x, y) ORDER BY 1, 2",
            [(None, None, 2), (None, 1, 1), (None, 2, 1), (0, None, 1), (0, 1, 1), (1, None, 1), (1, 2, 1)],
        ),
        ("SELECT x, y FROM {d} WHERE x = 0 GROUP BY ROLLUP ((x, y)) ORDER BY 1", [(None, None), (0, 1)]),
        (
            "SELECT y FROM {d} GROUP BY GROUPING SETS (y, ROLLUP (y), ()) ORDER BY 1",
            [(None,)] * 2 + [(1,)] * 2 + [(2,)] * 2,
        ),
    ],
)
def test_groups(t: Database, sql: str, expected: list[tuple[object, ...]]) -> None:
    assert t.rows(sql.replace("{d}", "{d}.t")) == expected


# -- what may fail is computed where it must be: operators#logical_operators, conditional_expressions ------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) FROM {d} WHERE x <> 0 AND 10 / x > 1",
        "SELECT COUNTIF(x <> 0 AND 10 / x > 1) FROM {d}",
        "SELECT COUNT(*) FROM {d} WHERE IF(x = 0, FALSE, 10 / x > 1)",
        "SELECT COUNT(*) FROM {d} WHERE CASE WHEN x = 0 THEN FALSE ELSE 10 / x > 1 END",
        "SELECT COUNT(*) FROM (SELECT 10 / x AS z FROM {d} WHERE x <> 0) WHERE z > 1",
        "SELECT COUNT(*) FROM (SELECT CAST(s AS INT64) AS z FROM {d} WHERE UPPER(s) <> 'ABC') WHERE z > 1",
        "SELECT COUNT(*) FROM (SELECT s FROM {d} WHERE s NOT LIKE 'a%') WHERE CAST(s AS INT64) > 1",
        "SELECT COUNT(*) FROM {d} AS a JOIN (SELECT 1 AS x UNION ALL SELECT 2) AS b ON a.x = b.x WHERE 10 / a.x > 1",
    ],
)
def test_a_condition_keeps_the_next_one_from_failing(t: Database, sql: str) -> None:
    assert t.rows(sql.replace("{d}", "{d}.t")) == [(2,)]


# -- names of columns: query-syntax#duplicate_column_names_and_ambiguity, data-definition-language ---------------------


def test_a_table_has_each_column_once(t: Database) -> None:
    target = f"{t.path}.out"
    refused = t.refused("SELECT x AS a, y AS A FROM {d}.t", destination=target)

    assert refused.reason == "invalidQuery"
    assert refused.message == (
        "Duplicate column names in the result are not supported when a destination table is present. "
        "Found duplicate(s): A"
    )
    assert (
        "CREATE TABLE has columns with duplicate name a" in t.refused("CREATE TABLE {d}.c AS SELECT 1 a, 2 a").message
    )
    assert "CREATE VIEW has columns with duplicate name a" in t.refused("CREATE VIEW {d}.v AS SELECT 1 a, 2 a").message
    assert "column 2 has no name" in t.refused("CREATE VIEW {d}.v AS SELECT 1 AS a, 2").message
    assert [f.name for f in t.run("SELECT 1 AS a, 2 AS a").result().schema] == ["a", "a_1"]


# -- filters over partitions -------------------------------------------------------------------------------------------


@pytest.fixture
def p(db: Database) -> Database:
    db.run("CREATE TABLE {d}.p (dt DATE, v INT64) PARTITION BY dt OPTIONS (require_partition_filter = TRUE)")
    db.run("INSERT INTO {d}.p VALUES ('2025-01-01', 1), ('2025-01-02', 2)")
    return db


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT v FROM {d}.p",
        "SELECT v FROM {d}.p WHERE v = 1",
        "SELECT v FROM {d}.p WHERE dt > '2025-01-01' OR v = 1",
        "SELECT v FROM {d}.p WHERE dt = dt",
        "SELECT v FROM {d}.p WHERE dt IS NOT NULL OR TRUE",
        "SELECT v FROM {d}.p WHERE dt = (SELECT MAX(x) FROM UNNEST([DATE '2025-01-01']) AS x)",
        "SELECT v FROM (SELECT * FROM {d}.p LIMIT 1) WHERE dt = '2025-01-01'",
        "SELECT a.v FROM {d}.p AS a JOIN {d}.p AS b ON a.v = b.v WHERE a.dt = '2025-01-01'",
        "WITH w AS (SELECT * FROM {d}.p) SELECT a.v FROM w AS a JOIN w AS b ON a.v = b.v WHERE a.dt = '2025-01-01'",
        "SELECT b.v FROM {d}.p AS a LEFT JOIN {d}.p AS b ON a.dt = '2025-01-01' WHERE b.dt = '2025-01-01'",
        "INSERT INTO {d}.p SELECT * FROM {d}.p",
        "UPDATE {d}.p SET v = 1 WHERE v = 2",
        "DELETE FROM {d}.p WHERE TRUE",
        "MERGE {d}.p AS t USING (SELECT 1 AS v) AS s ON t.v = s.v WHEN MATCHED THEN DELETE",
    ],
)
def test_reading_without_a_filter_over_partitions_is_refused(p: Database, sql: str) -> None:
    refused = p.refused(sql)

    assert (refused.status, refused.reason) == (400, "invalidQuery")
    assert refused.message == (
        f"Cannot query over table '{p.path}.p' without a filter over column(s) 'dt' "
        "that can be used for partition elimination"
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT v FROM {d}.p WHERE dt > '2025-01-01'", [(2,)]),
        ("SELECT v FROM {d}.p WHERE v > 0 AND DATE '2025-01-01' = dt", [(1,)]),
        ("SELECT v FROM {d}.p WHERE dt = '2025-01-01' AND v = 1 OR dt IN ('2025-01-02')", [(1,), (2,)]),
        ("SELECT v FROM {d}.p WHERE dt BETWEEN DATE_SUB('2025-01-02', INTERVAL 0 DAY) AND '2025-02-01'", [(2,)]),
        ("SELECT v FROM {d}.p WHERE DATE_TRUNC(dt, MONTH) = '2025-01-01'", [(1,), (2,)]),
        ("SELECT v FROM {d}.p WHERE dt IS NULL", []),
        ("SELECT v FROM (SELECT * FROM {d}.p) WHERE dt = '2025-01-01'", [(1,)]),
        ("SELECT a.v FROM {d}.p AS a JOIN {d}.p AS b USING (dt) WHERE dt = '2025-01-01'", [(1,)]),
        ("SELECT v FROM (SELECT dt, SUM(v) AS v FROM {d}.p GROUP BY dt) WHERE dt = '2025-01-01'", [(1,)]),
    ],
)
def test_a_filter_over_partitions_opens_the_table(p: Database, sql: str, expected: list[tuple[object, ...]]) -> None:
    assert sorted(p.rows(sql)) == expected


def test_a_filter_that_a_parameter_completes_counts(p: Database) -> None:
    assert p.rows("SELECT v FROM {d}.p WHERE dt = @day", parameter("day", "DATE", "2025-01-02")) == [(2,)]


def test_filters_of_which_no_page_tells_are_refused_not_judged(p: Database) -> None:
    for sql in ("WHERE EXTRACT(YEAR FROM dt) = 2025", "WHERE dt IS NOT NULL", "WHERE dt != '2025-01-01'"):
        assert p.refused(f"SELECT v FROM {{d}}.p {sql}").status == 501


def test_changing_rows_needs_a_filter_and_adding_them_does_not(p: Database) -> None:
    p.run("INSERT INTO {d}.p (dt, v) VALUES ('2025-01-03', 3)")
    p.run("UPDATE {d}.p SET v = 4 WHERE dt = '2025-01-03'")
    p.run("DELETE FROM {d}.p WHERE dt < '2025-01-02'")
    p.run("MERGE {d}.p t USING (SELECT 2 AS v) s ON t.v = s.v AND t.dt = '2025-01-02' WHEN MATCHED THEN DELETE")

    assert p.rows("SELECT v FROM {d}.p WHERE dt > '2000-01-01'") == [(4,)]


def test_a_view_passes_the_filter_on(p: Database) -> None:
    p.run("CREATE VIEW {d}.seen AS SELECT v, dt FROM {d}.p")

    assert p.rows("SELECT v FROM {d}.seen WHERE dt = '2025-01-01'") == [(1,)]
    assert p.refused("SELECT v FROM {d}.seen").reason == "invalidQuery"


def test_a_duplicate_in_a_dry_run_is_refused_too(t: Database) -> None:
    config = bigquery.TableReference.from_string(f"{t.path}.out")
    refused = t.refused("SELECT 1 AS a, 2 AS a", destination=config, dry_run=True)

    assert "Found duplicate(s): a" in refused.message


# -- joins and correlated subqueries: query-syntax#join_types, subqueries#correlated_subquery_concepts ----------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a.x = b.y", [(0, None), (1, 0), (2, 1), (2, 2)]),
        ("a.x + 1 = b.x AND b.y > 1", [(0, 1), (1, 2), (2, None)]),
        ("1 = 1", [(x, y) for x in range(3) for y in range(3)]),
    ],
)
def test_an_outer_join_by_an_equality_or_of_all_rows(t: Database, condition: str, expected: list[object]) -> None:
    assert t.rows(f"SELECT a.x, b.x FROM {{d}}.t a LEFT JOIN {{d}}.t b ON {condition} ORDER BY 1, 2") == expected


@pytest.mark.parametrize("condition", ["a.x < b.x", "a.x = b.y OR a.x = b.x"])
def test_an_outer_join_without_an_equality_is_refused(t: Database, condition: str) -> None:
    refused = t.refused(f"SELECT 1 FROM {{d}}.t a FULL JOIN {{d}}.t b ON {condition}")

    assert refused.reason == "invalidQuery"
    assert refused.message == (
        "FULL OUTER JOIN cannot be used without a condition that is an equality of fields from both sides of the join."
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT (SELECT COUNT(*) FROM {d} b WHERE b.y = a.y) FROM {d} a ORDER BY x", [(1,), (2,), (2,)]),
        ("SELECT x FROM {d} a WHERE EXISTS (SELECT 1 FROM {d} b WHERE b.y = a.y AND b.x > a.x)", [(1,)]),
        ("SELECT x FROM {d} a WHERE x IN (SELECT b.x - 1 FROM {d} b WHERE b.y > a.y)", [(0,)]),
        (
            "SELECT (SELECT e FROM UNNEST([x, y]) e WHERE e > x ORDER BY e LIMIT 1) FROM {d} ORDER BY x",
            [(1,), (2,), (None,)],
        ),
        ("SELECT (SELECT MAX(x) FROM {d}) FROM {d} WHERE x = 0", [(2,)]),
    ],
)
def test_subqueries(t: Database, sql: str, expected: list[object]) -> None:
    assert t.rows(sql.replace("{d}", "{d}.t")) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT (SELECT COUNT(*) FROM {d} b WHERE b.x < a.x) FROM {d} a",
        "SELECT (SELECT b.s FROM {d} b WHERE b.y = a.y ORDER BY b.x LIMIT 1) FROM {d} a",
        "SELECT (SELECT COUNT(*) + a.x FROM {d} b) FROM {d} a",
    ],
)
def test_subqueries_that_may_be_no_join_are_refused(t: Database, sql: str) -> None:
    refused = t.refused(sql.replace("{d}", "{d}.t"))

    assert (refused.status, "correlated subquery over a table" in refused.message) == (501, True)
