"""GoogleSQL expressions: types, coercion, NULL and NaN; and what is refused.

Pages: docs/reference/standard-sql/lexical, …/operators, …/conversion_rules, …/data-types, …/arrays
(of https://cloud.google.com/bigquery).
"""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from emulators.tests.bigquery.database import Database

DAY = dt.date(2025, 11, 15)

EXPRESSIONS: list[tuple[str, Any]] = [
    # arithmetic
    ("7 / 2", 3.5),
    ("1 + NUMERIC '0.1'", Decimal("1.1")),
    ("NUMERIC '1' / NUMERIC '3'", Decimal("0.333333333")),
    ("NUMERIC '2' / NUMERIC '3'", Decimal("0.666666667")),
    ("NUMERIC '-2' / 3", Decimal("-0.666666667")),
    ("NUMERIC '0.000000001' * NUMERIC '0.5'", Decimal("0.000000001")),
    ("NUMERIC '99999999999999999999999999999.999999999' - 1", Decimal("99999999999999999999999999998.999999999")),
    ("NUMERIC '10' * 1.5", Decimal(15)),
    ("0.1 + 0.2", 0.1 + 0.2),
    ("-7", -7),
    ("5 & 6 | 1 ^ 2", 5 & 6 | 1 ^ 2),
    ("~1", -2),
    ("1 << 3", 8),
    ("-1 >> 60", 15),
    ("2 + 3 * 4 - 1", 13),
    ("0xFF", 255),
    ("1e3", 1000.0),
    (".5", 0.5),
    # text
    ("'a' || 'b'", "ab"),
    # CONCAT and its operator take all types that are cast to STRING (string_functions, CONCAT)
    ("'a' || 1 || TRUE || 1.5 || DATE '2026-01-02'", "a1true1.52026-01-02"),
    ("1 || 2", "12"),
    ("'a' || NULL", None),
    ("b'a' || b'b'", b"ab"),
    ("'it\\'s'", "it's"),
    ('"double"', "double"),
    ("'''tri\nple'''", "tri\nple"),
    (r"r'\n'", r"\n"),
    (r"'\x41\u00e9\U0001F600\101'", "Aé😀A"),
    ("b'\\xff'", b"\xff"),
    ("'%' LIKE '\\\\%'", True),
    ("FALSE AND 1 / 0 > 1", False),
    ("(SELECT x <> 0 AND 10 / x > 1 FROM UNNEST([0]) AS x)", False),
    ("(SELECT x = 0 OR 10 / x > 1 FROM UNNEST([0]) AS x)", True),
    ("GENERATE_ARRAY(0, 1, 0.5)", [0.0, 0.5, 1.0]),
    ("POW(2.0, 3)", 8.0),
    ("SAFE_DIVIDE(1, 0.5)", 2.0),
    ("MOD(5, 2.5)", Decimal(0)),
    ("SAFE_ADD(NUMERIC '1', 0.5)", Decimal("1.5")),
    ("'a_c' LIKE 'a\\\\_c'", True),
    ("'abc' LIKE 'a%c'", True),
    ("'abc' LIKE 'A%'", False),
    ("'x' NOT LIKE 'y'", True),
    ("'abc' LIKE ANY ('x', 'a%')", True),
    # comparison, NULL and NaN
    ("NULL = NULL", None),
    ("NULL IS NULL", True),
    ("1 = 1.0", True),
    ("CAST('nan' AS FLOAT64) = CAST('nan' AS FLOAT64)", False),
    ("CAST('nan' AS FLOAT64) > 1.0", False),
    ("CAST('nan' AS FLOAT64) != 1.0", True),
    ("NULL AND FALSE", False),
    ("NULL OR TRUE", True),
    ("NOT NULL", None),
    ("1 IN (1, NULL)", True),
    ("2 IN (1, NULL)", None),
    ("2 NOT IN (1, 3)", True),
    ("2 BETWEEN 1 AND 3", True),
    ("1 IS DISTINCT FROM NULL", True),
    ("TRUE IS TRUE", True),
    ("NULL IS NOT TRUE", True),
    ("(1, 'a') = (1, 'a')", True),
    ("(1, NULL) = (1, 2)", None),
    ("3 IN UNNEST([1, 2, 3])", True),
    ("NULL IN UNNEST([1])", None),
    ("1 IN UNNEST(CAST(NULL AS ARRAY<INT64>))", False),
    ("DATE '2025-11-15' = '2025-11-15'", True),
    ("TIMESTAMP '2025-11-15 00:00:00+00' < '2025-11-15 01:00:00'", True),
    # conditions
    ("CASE WHEN FALSE THEN 1 ELSE 2 END", 2),
    ("CASE 3 WHEN 1 THEN 'a' WHEN 3 THEN 'c' END", "c"),
    ("CASE WHEN NULL THEN 1 END", None),
    ("IF(TRUE, 1, 1 / 0)", 1.0),
    ("COALESCE(1, 1 / 0)", 1.0),
    # casts
    ("CAST('0x1F' AS INT64)", 31),
    ("CAST(2.5 AS INT64)", 3),
    ("CAST(-2.5 AS INT64)", -3),
    ("CAST(NUMERIC '2.5' AS INT64)", 3),
    ("CAST(1.5 AS STRING)", "1.5"),
    ("CAST(1e20 AS STRING)", "1e+20"),
    ("CAST(NUMERIC '100.50' AS STRING)", "100.5"),
    ("CAST(TRUE AS STRING)", "true"),
    ("CAST(TRUE AS INT64)", 1),
    ("CAST('TRUE' AS BOOL)", True),
    ("CAST(TIMESTAMP '2025-11-15 12:00:00.5+01' AS STRING)", "2025-11-15 11:00:00.500+00"),
    ("CAST(DATETIME '2025-11-15 12:00:00' AS STRING)", "2025-11-15 12:00:00"),
    ("CAST('2025-11-15' AS DATE)", DAY),
    ("CAST(1.0000000005 AS NUMERIC)", Decimal("1.000000001")),
    ("CAST(NULL AS STRING)", None),
    ("CAST([1, 2] AS ARRAY<FLOAT64>)", [1.0, 2.0]),
    ("CAST(b'abc' AS STRING)", "abc"),
    # arrays and structs
    ("[1, 2, 3][OFFSET(0)]", 1),
    ("[1, 2, 3][ORDINAL(3)]", 3),
    ("[1, 2][SAFE_OFFSET(9)]", None),
    ("ARRAY<STRING>[]", []),
    # an empty array has no element type of its own (arrays, constructing)
    ("IFNULL(CAST(NULL AS ARRAY<STRING>), [])", []),
    ("IF(FALSE, [], ['a'])", ["a"]),
    ("IF(TRUE, [STRUCT('a' AS k)], [])", [{"k": "a"}]),
    ("ARRAY_CONCAT([], [DATE '2025-11-15'])", [DAY]),
    ("ARRAY(SELECT x * 2 FROM UNNEST([3, 1, 2]) AS x ORDER BY x DESC)", [6, 4, 2]),
    ("STRUCT(1 AS a, 'x' AS b).b", "x"),
    ("STRUCT<a INT64, b STRING>(1, 'x')", {"a": 1, "b": "x"}),
    ("ARRAY_LENGTH(ARRAY(SELECT AS STRUCT 1 AS a, 2 AS b))", 1),
    ("(SELECT SUM(o * v) FROM UNNEST([5, 6]) AS v WITH OFFSET AS o)", 6),
    ("EXISTS(SELECT 1 FROM UNNEST([1]) AS x WHERE x = 2)", False),
    ('JSON \'{"a": {"b": [1, 2]}}\'.a.b[1]', 2),
]


@pytest.mark.parametrize(("expression", "expected"), EXPRESSIONS, ids=[e for e, _ in EXPRESSIONS])
def test_an_expression_has_the_documented_value(db: Database, expression: str, expected: Any) -> None:
    assert (got := db.one(expression)) == expected
    assert type(got) is type(expected)


FAILURES = [
    ("SELEC 1", 'Syntax error: Unexpected identifier "SELEC" at [1:1]'),
    ("SELECT 1 FROM", "Syntax error: Unexpected end of script at [1:14]"),
    ("SELECT (1", 'Syntax error: Expected ")" but got end of script at [1:10]'),
    ("SELECT 'abc", "Syntax error: Unclosed string literal at [1:8]"),
    ("SELECT DATE @p", "Syntax error:"),
    ("SELECT TIMESTAMP @p", "Syntax error:"),
    ("SELECT 1 SELECT 2", "Syntax error:"),
    ("SELECT 1 UNION SELECT 2", "Syntax error: Expected keyword ALL or keyword DISTINCT"),
    ("SELECT * FROM {d}.t WHERE", "Syntax error: Unexpected end of script"),
    ("SELECT nope FROM {d}.t", "Unrecognized name: nope at [1:8]"),
    ("SELECT nam FROM {d}.t", "Unrecognized name: nam; Did you mean name? at [1:8]"),
    ("SELECT t.nope FROM {d}.t AS t", "Name nope not found inside t at [1:10]"),
    ("SELECT name + 1 FROM {d}.t", "No matching signature for operator + for argument types: STRING, INT64"),
    ("SELECT name = 1 FROM {d}.t", "No matching signature for operator = for argument types: STRING, INT64"),
    ("WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n FROM r) SELECT n FROM r", "maximum number of iterations: 500"),
    ("SELECT a BETWEEN 'x' AND 'y' FROM {d}.t", "for operator BETWEEN for argument types: INT64, STRING, STRING"),
    ("SELECT 1 FROM {d}.t AS a, {d}.t AS a", "Duplicate table alias a in the same FROM clause"),
    ("SELECT 1 FROM {d}.t JOIN {d}.t AS u ON TRUE ON TRUE", "Syntax error: Expected end of input but got keyword ON"),
    ("SELECT '\\ud800'", "Illegal escape sequence"),
    ("SELECT 1 UNION ALL SELECT 2 EXCEPT DISTINCT SELECT 2", "Different set operations cannot be used in the same"),
    ("SELECT a AS n, d AS n FROM {d}.t GROUP BY n", "Name n in the GROUP BY clause is ambiguous"),
    ("SELECT SUM(a) OVER (ORDER BY d RANGE 1 PRECEDING) FROM {d}.t", "must be numeric in a RANGE-based window"),
    ("SELECT SUM(a) OVER (ORDER BY a ROWS -1 PRECEDING) FROM {d}.t", "cannot evaluate to a negative value"),
    ("SELECT SUM(a) OVER (ORDER BY a ROWS 1.5 PRECEDING) FROM {d}.t", "has type FLOAT64 that cannot coerce to INT64"),
    ("SELECT SUM(a) OVER (ROWS BETWEEN CURRENT ROW AND 1 PRECEDING) FROM {d}.t", "cannot end at PRECEDING"),
    ("SELECT 1 = '1'", "Input types for <T1>: {INT64, STRING} at [1:8]"),
    ("SELECT (1 + 2) = 'x'", "at [1:8]"),
    ("SELECT 'a' LIKE 'a\\\\'", "LIKE pattern ends with a backslash"),
    ("SELECT name LIKE CONCAT(name, '\\\\') FROM {d}.t", "LIKE pattern ends with a backslash"),
    ("SELECT a FROM {d}.t LIMIT -3", "LIMIT expects a non-negative integer literal or parameter"),
    ("SELECT a FROM {d}.t LIMIT 'x'", "LIMIT expects an integer literal or parameter"),
    ("SELECT a FROM {d}.t LIMIT 1 OFFSET 1.5", "OFFSET expects an integer literal or parameter"),
    ("SELECT a FROM {d}.t LIMIT CAST(NULL AS INT64)", "Limit requires non-null count and offset"),
    (
        "SELECT * FROM {d}.t WHERE name = DATE '2025-11-15'",
        "No matching signature for operator = for argument types: STRING, DATE",
    ),
    ("SELECT * FROM {d}.t WHERE d = name", "No matching signature for operator = for argument types: DATE, STRING"),
    ("SELECT DATE '2025-02-30'", "Invalid DATE literal at [1:8]"),
    ("SELECT d = '2025-02-30' FROM {d}.t", 'Could not cast literal "2025-02-30" to type DATE'),
    ("SELECT UPPER(1)", "No matching signature for function UPPER"),
    ("SELECT SUM(name) FROM {d}.t", "No matching signature for aggregate function SUM"),
    ("SELECT a, SUM(a) FROM {d}.t", "neither grouped nor aggregated"),
    ("SELECT SUM(SUM(a)) FROM {d}.t", "Aggregations of aggregations are not allowed"),
    ("SELECT a FROM {d}.t WHERE SUM(a) > 1", "Aggregate function SUM not allowed in WHERE clause"),
    ("SELECT a FROM {d}.t WHERE ROW_NUMBER() OVER () = 1", "Analytic function not allowed in WHERE clause"),
    ("SELECT a FROM {d}.t WHERE a", "WHERE clause should return type BOOL, but returns INT64"),
    ("SELECT x.a FROM {d}.t AS t", "Unrecognized name: x"),
    ("SELECT a FROM {d}.t, {d}.t AS u", "Column name a is ambiguous at [1:8]"),
    ("SELECT * EXCEPT (nope) FROM {d}.t", "Column nope in SELECT * EXCEPT list does not exist"),
    ("SELECT a FROM {d}.t ORDER BY 5", "out of range"),
    ("SELECT 1 UNION ALL SELECT 1, 2", "mismatched column count"),
    ("SELECT 1 UNION ALL SELECT 'x'", "incompatible types: INT64, STRING"),
    ("SELECT [1, 'a']", "do not have a common supertype"),
    ("SELECT (SELECT 1, 2)", "Scalar subquery cannot have more than one column"),
    ("SELECT * FROM UNNEST(5)", "must be arrays"),
    ("SELECT a FROM {d}.t LIMIT -1", "LIMIT"),
    ("SELECT a[OFFSET(0)] FROM {d}.t", "is not supported on values of type INT64"),
    ("SELECT a.b FROM {d}.t", "Cannot access field b on a value with type INT64"),
    ("SELECT @missing", "Query parameter 'missing' not found"),
    ("SELECT 1 FROM {d}.t JOIN {d}.t AS u", "must have an immediately following ON or USING clause"),
    ("SELECT DISTINCT a FROM {d}.t ORDER BY name", "not visible after SELECT DISTINCT"),
    ("SELECT IF(1, 2, 3)", "No matching signature for function IF"),
    ("SELECT CAST(DATE '2025-01-01' AS INT64)", "Invalid cast from DATE to INT64"),
]


@pytest.mark.parametrize(("sql", "message"), FAILURES, ids=[q for q, _ in FAILURES])
def test_wrong_sql_is_refused_in_bigquerys_words(db: Database, sql: str, message: str) -> None:
    db.table("t", "a INT64,name STRING,d DATE", [{"a": 1, "name": "x", "d": "2025-11-15"}])
    refused = db.refused(sql)

    assert (refused.status, refused.reason) == (400, "invalidQuery")
    assert message in refused.message


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("DECLARE x INT64", "DECLARE"),
        ("FROM {d}.t |> WHERE a = 1", "pipe syntax"),
        ("SELECT JSON_FLATTEN(JSON '[1]')", "JSON_FLATTEN"),
        ("BEGIN SELECT 1; END", "BEGIN"),
        ("CALL p()", "CALL"),
        ("EXECUTE IMMEDIATE 'SELECT 1'", "EXECUTE"),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION DISTINCT SELECT n FROM r) SELECT * FROM r", "UNION DISTINCT"),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT MAX(n) FROM r) SELECT * FROM r", "aggregates"),
        ("SELECT * FROM {d}.t FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()", "SYSTEM_TIME"),
        ("SELECT * FROM {d}.t TABLESAMPLE SYSTEM (10 PERCENT)", "TABLESAMPLE"),
        ("SELECT * FROM ML.PREDICT(MODEL {d}.m, TABLE {d}.t)", "ML.PREDICT"),
        ("CREATE FUNCTION {d}.f() AS (1)", "FUNCTION"),
        ("SELECT CAST('x' AS GEOGRAPHY)", "GEOGRAPHY"),
        ("SELECT a FROM {d}.t LIMIT 1 + 1", "LIMIT of an expression"),
        ("SELECT 'a' LIKE ANY UNNEST(['a'])", "LIKE ANY UNNEST"),
        ("SELECT DISTINCT a FROM {d}.t ORDER BY -a", "ORDER BY an expression over the columns of SELECT DISTINCT"),
        ("SELECT 1 INTERSECT ALL SELECT 1", "INTERSECT ALL"),
        ("CREATE TABLE {d}.copied CLONE {d}.t", "CLONE"),
    ],
)
def test_syntax_that_is_not_served_is_refused_by_name(db: Database, sql: str, what: str) -> None:
    db.table("t", "a INT64")
    refused = db.refused(sql)

    assert (refused.status, refused.reason) == (501, "notImplemented")
    assert what in refused.message
