"""Every scalar function of the allow-list with an answer from its documentation page.

Pages: docs/reference/standard-sql/string_functions, …/mathematical_functions, …/conditional_expressions,
…/array_functions, …/json_functions, …/date_functions, …/datetime_functions, …/time_functions,
…/timestamp_functions, …/conversion_functions, …/hash_functions, …/net_functions, …/numbering_functions
(of https://cloud.google.com/bigquery).
"""

import datetime as dt
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from emulators.bigquery.functions import calendar, date_formats, registry
from emulators.bigquery.sql.compile.calls import native_dates
from emulators.bigquery.sql.compile.calls.dates import DATE_FUNCTIONS
from emulators.bigquery.sql.compile.calls.function_table import FUNCTIONS
from emulators.bigquery.sql.compile.calls.special_functions import SPECIAL
from emulators.tests.bigquery.database import Database

UTC = dt.UTC


def civil(*parts: int) -> dt.datetime:
    """A DATETIME, which has no zone."""
    return dt.datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


CASES: list[tuple[str, Any]] = [
    # strings
    ("CONCAT('a', 'b', 'c')", "abc"),
    ("CONCAT('a', NULL)", None),
    ("CONCAT('Summer', ' ', 1923)", "Summer 1923"),
    ("CONCAT(b'a', b'b')", b"ab"),
    ("UPPER('Straße é')", "STRASSE É"),
    ("LOWER('CAFÉ')", "café"),
    ("LENGTH('日本語')", 3),
    ("LENGTH(b'\\xff\\x00')", 2),
    ("CHAR_LENGTH('абв')", 3),
    ("CHARACTER_LENGTH('абв')", 3),
    ("BYTE_LENGTH('абв')", 6),
    ("OCTET_LENGTH('абв')", 6),
    ("STARTS_WITH('bar', 'b')", True),
    ("STARTS_WITH(b'bar', b'x')", False),
    ("ENDS_WITH('apple', 'e')", True),
    ("STRPOS('foo@example.com', '@')", 4),
    ("STRPOS('abc', 'x')", 0),
    ("SUBSTR('apple', 2)", "pple"),
    ("SUBSTR('apple', 2, 2)", "pp"),
    ("SUBSTR('apple', -2)", "le"),
    ("SUBSTR('apple', 0, 2)", "ap"),
    ("SUBSTR('apple', 123)", ""),
    ("SUBSTR(b'apple', 2, 2)", b"pp"),
    ("SUBSTRING('apple', 3)", "ple"),
    ("LEFT('banana', 2)", "ba"),
    ("RIGHT('apple', 3)", "ple"),
    ("TRIM('  apple  ')", "apple"),
    ("TRIM('***apple***', '*')", "apple"),
    ("LTRIM('   apple   ')", "apple   "),
    ("RTRIM('***apple***', '*')", "***apple"),
    ("RTRIM('  apple  ')", "  apple"),
    ("LTRIM('xxx', 'x')", ""),
    ("REPLACE('apple pie', 'pie', 'cobbler')", "apple cobbler"),
    ("REPLACE('abc', '', 'x')", "abc"),
    ("REVERSE('abc')", "cba"),
    ("REPEAT('abc', 3)", "abcabcabc"),
    ("LPAD('abc', 5)", "  abc"),
    ("LPAD('abc', 2)", "ab"),
    ("LPAD('abc', 8, 'def')", "defdeabc"),
    ("RPAD('abc', 5, 'xy')", "abcxy"),
    ("SPLIT('a,b,,c')", ["a", "b", "", "c"]),
    ("SPLIT('a b', ' ')", ["a", "b"]),
    ("SPLIT('')", [""]),
    ("SPLIT('', '')", [""]),
    ("SPLIT(b'a,b', b',')", [b"a", b"b"]),
    ("UPPER(b'ab')", b"AB"),
    ("LPAD(b'abc', 5, b'-')", b"--abc"),
    ("INITCAP('tisisEisPisen', 'E')", "TisisEIspisen"),
    ("EDIT_DISTANCE('abcdefg', 'a', max_distance => 2)", 2),
    ("CONTAINS_SUBSTR((23, NULL, 41), '41')", True),
    ("CONTAINS_SUBSTR((23, NULL, 41), '35')", None),
    ("SPLIT('abc', '')", ["a", "b", "c"]),
    ("INITCAP('hello WORLD-everyone!')", "Hello World-Everyone!"),
    ("INSTR('banana', 'an')", 2),
    ("INSTR('banana', 'an', 1, 2)", 4),
    ("INSTR('banana', 'an', 3)", 4),
    ("INSTR('banana', 'ann')", 0),
    ("ASCII('abcd')", 97),
    ("ASCII('')", 0),
    ("CHR(255)", "ÿ"),
    ("UNICODE('âbcd')", 226),
    ("TRANSLATE('This is a cookie', 'sco', 'zku')", "Thiz iz a kuukie"),
    ("SOUNDEX('Ashcraft')", "A261"),
    ("EDIT_DISTANCE('abc', 'adb')", 2),
    ("CONTAINS_SUBSTR('the blue house', 'Blue house')", True),
    ("NORMALIZE('\\u0041\\u030A')", "Å"),
    ("NORMALIZE('Å', NFD)", "A\u030a"),
    ("NORMALIZE_AND_CASEFOLD('ŠABC')", "šabc"),
    ("TO_HEX(b'\\x00\\x01\\xAA')", "0001aa"),
    ("FROM_HEX('0fF')", b"\x00\xff"),
    ("TO_BASE64(b'\\377\\340')", "/+A="),
    ("FROM_BASE64('/+A=')", b"\xff\xe0"),
    ("TO_BASE32(b'abcde\\xFF')", "MFRGGZDF74======"),
    ("FROM_BASE32('MFRGGZDF74======')", b"abcde\xff"),
    ("TO_CODE_POINTS('foo')", [102, 111, 111]),
    ("CODE_POINTS_TO_STRING([65, 255, 513])", "Aÿȁ"),
    ("CODE_POINTS_TO_BYTES([65, 98])", b"Ab"),
    ("SAFE_CONVERT_BYTES_TO_STRING(b'\\xc2')", "\ufffd"),
    ("TO_HEX(MD5('Hello World'))", "b10a8db164e0754105b7a99be72e3fe5"),
    ("TO_HEX(SHA1('Hello World'))", "0a4d55a8d778e5022fab701977c5d840bbc486d0"),
    ("TO_HEX(SHA256('a'))", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    ("LENGTH(SHA512(b'a'))", 64),
    ("REGEXP_CONTAINS('foo@example.com', r'@[a-z]+\\.com')", True),
    ("REGEXP_CONTAINS('héllo', r'\\pL+')", True),
    ("REGEXP_EXTRACT('foo@example.com', r'^[a-z]+')", "foo"),
    ("REGEXP_EXTRACT('a=1', r'=(\\d)')", "1"),
    ("REGEXP_EXTRACT('ab', 'x')", None),
    ("REGEXP_EXTRACT('Hello Helloo', 'H?ello+', 2)", "ello"),
    ("REGEXP_EXTRACT('Hello Helloo', 'H?ello+', 1, 2)", "Helloo"),
    ("REGEXP_SUBSTR('Hello World', 'W.')", "Wo"),
    ("REGEXP_EXTRACT_ALL('a1b2', r'\\d')", ["1", "2"]),
    ("REGEXP_REPLACE('# Heading', r'^# (.*)$', r'<h1>\\1</h1>')", "<h1>Heading</h1>"),
    ("REGEXP_REPLACE('abc', 'x*', '-')", "-a-b-c-"),
    ("REGEXP_REPLACE('axc', 'x*', '-')", "-a-c-"),
    ("REGEXP_EXTRACT(b'abc', b'b.')", b"bc"),
    ("REGEXP_INSTR('ab@cd-ef', '@[^-]*')", 3),
    ("FARM_FINGERPRINT(CONCAT('1', 'foo', 'true'))", -1541654101129638711),
    ("FARM_FINGERPRINT(b'3true')", -4880158226897771312),
    ("NET.HOST('mailto:?to=&subject=&body=')", "mailto"),
    ("NET.HOST('    www.Example.Co.UK    ')", "www.Example.Co.UK"),
    ("NET.IP_FROM_STRING('48.49.50.51')", b"0123"),
    ("NET.SAFE_IP_FROM_STRING('48.49.50')", None),
    ("NET.IP_TO_STRING(b'0123456789@ABCDE')", "3031:3233:3435:3637:3839:4041:4243:4445"),
    ("NET.IP_NET_MASK(4, 20)", b"\xff\xff\xf0\x00"),
    ("NET.IP_TRUNC(b'\\xAA\\xBB\\xCC\\xDD', 11)", b"\xaa\xa0\x00\x00"),
    ("NET.IPV4_FROM_INT64(-11259376)", b"\xff\x54\x32\x10"),
    ("NET.IPV4_TO_INT64(b'\\x00\\xAB\\xCD\\xEF')", 11259375),
    ("NET.HOST('http://user@www.Example.co.uk:80/p?q=1')", "www.Example.co.uk"),
    ("LENGTH(GENERATE_UUID())", 36),
    ("FORMAT('%d apples', 10)", "10 apples"),
    ("FORMAT('%05.1f|%-5s|%x', 2.25, 'ab', 255)", "002.2|ab   |ff"),
    ("FORMAT('%t', DATE '2024-01-02')", "2024-01-02"),
    ("FORMAT('%T', 'x')", '"x"'),
    ("FORMAT('%s', NULL)", None),
    ("FORMAT(\"%'d|%'.2f\", 123456789, 1234567.891)", "123,456,789|1,234,567.89"),
    ("FORMAT('%*d|%-*d|%.*f', 6, 42, 6, 42, 3, 2.25)", "    42|42    |2.250"),
    ("FORMAT('%t %T', ['a', NULL], ['a', 'b'])", '[a, NULL] ["a", "b"]'),
    ("FORMAT('%t %T %T', (1, 'a'), (1, b'\\x01'), STRUCT(1 AS x))", '(1, a) (1, b"\\x01") STRUCT(1)'),
    ("FORMAT('%T %t', CAST('nan' AS FLOAT64), NUMERIC '5')", 'CAST("nan" AS FLOAT64) 5.0'),
    ("FORMAT('%p', JSON '{\"a\": 1}')", '{"a":1}'),
    ("FORMAT('%e %g', NUMERIC '2.25', NUMERIC '392.65')", "2.250000e+00 392.65"),
    ("SESSION_USER()", "anonymous@embedded.invalid"),
    # numbers
    ("ABS(-5)", 5),
    ("ABS(NUMERIC '-1.5')", Decimal("1.5")),
    ("SIGN(-3)", -1),
    ("SIGN(-2.5)", -1.0),
    ("ROUND(2.5)", 3.0),
    ("ROUND(-2.5)", -3.0),
    ("ROUND(2)", 2.0),
    ("ROUND(123.7, -1)", 120.0),
    ("ROUND(1.235, 2)", 1.24),
    ("ROUND(NUMERIC '2.5')", Decimal(3)),
    ("ROUND(NUMERIC '-1.005', 2)", Decimal("-1.01")),
    ("ROUND(NUMERIC '2.25', 1, 'ROUND_HALF_EVEN')", Decimal("2.2")),
    ("PARSE_NUMERIC('  -  12.34 ')", Decimal("-12.34")),
    ("PARSE_NUMERIC('1,2,3,.45-')", Decimal("-123.45")),
    ("CAST(PARSE_BIGNUMERIC('1e-30') AS STRING)", "0.000000000000000000000000000001"),
    ("TRUNC(2.8)", 2.0),
    ("TRUNC(-2.8)", -2.0),
    ("TRUNC(NUMERIC '1.999', 1)", Decimal("1.9")),
    ("CEIL(2.3)", 3.0),
    ("CEILING(NUMERIC '-1.5')", Decimal(-1)),
    ("FLOOR(-2.3)", -3.0),
    ("FLOOR(NUMERIC '-1.5')", Decimal(-2)),
    ("MOD(25, 12)", 1),
    ("MOD(-7, 3)", -1),
    ("MOD(NUMERIC '5.5', NUMERIC '2')", Decimal("1.5")),
    ("DIV(20, 4)", 5),
    ("DIV(-7, 2)", -3),
    ("IEEE_DIVIDE(20.0, 4.0)", 5.0),
    ("IEEE_DIVIDE(1, 0)", math.inf),
    ("SAFE_DIVIDE(1, 0)", None),
    ("SAFE_DIVIDE(1, 4)", 0.25),
    ("SAFE_DIVIDE(NUMERIC '1', NUMERIC '3')", Decimal("0.333333333")),
    ("SAFE_MULTIPLY(9223372036854775807, 2)", None),
    ("SAFE_ADD(5, 4)", 9),
    ("SAFE_SUBTRACT(5, 4)", 1),
    ("SAFE_NEGATE(-9223372036854775808)", None),
    ("SAFE_NEGATE(1)", -1),
    ("POW(2, 3)", 8.0),
    ("POWER(2.0, 0.5)", 2**0.5),
    ("POW(NUMERIC '2', 3)", Decimal(8)),
    ("POW(NUMERIC '2', NUMERIC '0.5')", Decimal("1.414213562")),
    ("SQRT(NUMERIC '25')", Decimal(5)),
    ("CBRT(NUMERIC '-27')", Decimal(-3)),
    ("EXP(NUMERIC '1')", Decimal("2.718281828")),
    ("LN(NUMERIC '2')", Decimal("0.693147181")),
    ("LOG(NUMERIC '8', NUMERIC '2')", Decimal(3)),
    ("LOG10(NUMERIC '1000')", Decimal(3)),
    ("CAST('inf' AS FLOAT64) + 1", math.inf),
    ("CAST(-0.0 AS STRING)", "0"),
    ("SQRT(25)", 5.0),
    ("CBRT(27)", 3.0),
    ("EXP(0)", 1.0),
    ("LN(1)", 0.0),
    ("LOG(100, 10)", 2.0),
    ("LOG10(1000)", 3.0),
    ("IS_NAN(CAST('nan' AS FLOAT64))", True),
    ("IS_INF(CAST('inf' AS FLOAT64))", True),
    ("RAND() < 1", True),
    ("BIT_COUNT(-1)", 64),
    ("RANGE_BUCKET(20, [0, 10, 20, 30, 40])", 3),
    ("SIN(0)", 0.0),
    ("COS(0)", 1.0),
    ("TAN(0)", 0.0),
    ("ASIN(0)", 0.0),
    ("ACOS(1)", 0.0),
    ("ATAN(0)", 0.0),
    ("SINH(0)", 0.0),
    ("COSH(0)", 1.0),
    ("TANH(0)", 0.0),
    ("ASINH(0)", 0.0),
    ("ACOSH(1)", 0.0),
    ("ATANH(0)", 0.0),
    ("ROUND(COT(1), 6)", 0.642093),
    ("ROUND(COTH(1), 6)", 1.313035),
    ("ROUND(CSC(1), 6)", 1.188395),
    ("ROUND(CSCH(1), 6)", 0.850918),
    ("SEC(0)", 1.0),
    ("SECH(0)", 1.0),
    ("ATAN2(0.0, 1.0)", 0.0),
    ("GREATEST(3, 5, 1)", 5),
    ("GREATEST(1, NULL)", None),
    ("LEAST(3, 5, 1)", 1),
    # conditions
    ("COALESCE(NULL, 'B', 'C')", "B"),
    ("IFNULL(NULL, 0)", 0),
    ("IF(1 < 2, 'yes', 'no')", "yes"),
    ("IF(TRUE, 'a', ERROR('never'))", "a"),
    ("CASE WHEN FALSE THEN ERROR('never') ELSE DATE '2024-01-01' END", dt.date(2024, 1, 1)),
    ("CAST(BIGNUMERIC '1.5' AS INT64)", 2),
    ("CAST(0.25 AS BIGNUMERIC)", Decimal("0.25")),
    ("(SELECT MAX_BY(a, b) FROM UNNEST([STRUCT('x' AS a, NULL AS b), ('y', 2)]))", "y"),
    ("NULLIF(0, 0)", None),
    ("NULLIF(10, 0)", 10),
    # arrays
    ("ARRAY_LENGTH([1, 2, 3])", 3),
    ("ARRAY_LENGTH(NULL)", None),
    ("ARRAY_REVERSE([1, 2])", [2, 1]),
    ("ARRAY_CONCAT([1, 2], [3], [4])", [1, 2, 3, 4]),
    ("ARRAY_FIRST(['a', 'b'])", "a"),
    ("ARRAY_LAST(['a', 'b'])", "b"),
    ("ARRAY_SLICE(['a', 'b', 'c', 'd', 'e'], 1, 3)", ["b", "c", "d"]),
    ("ARRAY_SLICE(['a', 'b', 'c'], -2, -1)", ["b", "c"]),
    ("ARRAY_TO_STRING(['a', NULL, 'c'], '-')", "a-c"),
    ("ARRAY_TO_STRING(['a', NULL], '-', '?')", "a-?"),
    ("ARRAY_INCLUDES([1, 2], 2)", True),
    ("ARRAY_IS_DISTINCT([1, 2, 1])", False),
    ("GENERATE_ARRAY(1, 5)", [1, 2, 3, 4, 5]),
    ("GENERATE_ARRAY(10, 0, -3)", [10, 7, 4, 1]),
    ("GENERATE_ARRAY(1, 2, 0.5)", [1.0, 1.5, 2.0]),
    ("GENERATE_DATE_ARRAY('2016-10-05', '2016-10-07')", [dt.date(2016, 10, d) for d in (5, 6, 7)]),
    (
        "GENERATE_DATE_ARRAY('2016-01-31', '2016-03-31', INTERVAL 1 MONTH)",
        [dt.date(2016, 1, 31), dt.date(2016, 2, 29), dt.date(2016, 3, 31)],
    ),
    (
        "GENERATE_TIMESTAMP_ARRAY('2016-10-05 00:00:00', '2016-10-05 00:00:02', INTERVAL 1 SECOND)",
        [dt.datetime(2016, 10, 5, 0, 0, s, tzinfo=UTC) for s in (0, 1, 2)],
    ),
    # JSON
    (
        "TO_JSON_STRING(STRUCT(1 AS id, [10, 20] AS co, NULL AS n, 'x' AS s, TRUE AS b))",
        '{"id":1,"co":[10,20],"n":null,"s":"x","b":true}',
    ),
    ("TO_JSON_STRING(9007199254740993)", '"9007199254740993"'),
    ("TO_JSON(STRUCT(DATE '2024-01-02' AS d, 1.5 AS f))", {"d": "2024-01-02", "f": 1.5}),
    ("PARSE_JSON('{\"a\": [1, 2]}')", {"a": [1, 2]}),
    ('JSON_VALUE(\'{"a": {"b": "x"}}\', \'$.a.b\')', "x"),
    ("JSON_VALUE(JSON '{\"a\": [1]}', '$.a')", None),
    ("JSON_QUERY('{\"a\": [1, 2]}', '$.a')", "[1,2]"),
    ("JSON_QUERY(JSON '{\"a\": {\"b\": 1}}', '$.a')", {"b": 1}),
    ("JSON_EXTRACT('{\"a\": 1}', '$.a')", "1"),
    ('JSON_EXTRACT_SCALAR(\'{"a": "x"}\', "$[\'a\']")', "x"),
    ("JSON_QUERY_ARRAY('[1, \"a\"]')", ["1", '"a"']),
    ("JSON_EXTRACT_ARRAY('[1, 2]')", ["1", "2"]),
    ("JSON_VALUE_ARRAY('[\"a\", 1]')", ["a", "1"]),
    ("JSON_TYPE(JSON '3.5')", "number"),
    ('JSON_KEYS(JSON \'{"b": {"c": 1}, "a": 2}\')', ["a", "b", "b.c"]),
    ("JSON_OBJECT('k', 1, 'l', 'x')", {"k": 1, "l": "x"}),
    ("JSON_ARRAY(10, 'a', NULL)", [10, "a", None]),
    ("JSON_SET(JSON '{\"a\": 1}', '$.b', 2)", {"a": 1, "b": 2}),
    ("JSON_ARRAY_INSERT(JSON '[1, 3]', '$[1]', 2)", [1, 2, 3]),
    ("JSON_ARRAY_APPEND(JSON '[1]', '$', 2)", [1, 2]),
    ("JSON_REMOVE(JSON '{\"a\": 1, \"b\": 2}', '$.a')", {"b": 2}),
    ('JSON_STRIP_NULLS(JSON \'{"a": null, "b": 1}\')', {"b": 1}),
    ("LAX_INT64(JSON '\"10\"')", 10),
    ("LAX_STRING(JSON '1')", "1"),
    ("LAX_BOOL(JSON '\"true\"')", True),
    ("LAX_FLOAT64(JSON '\"1.5\"')", 1.5),
    ("INT64(JSON '2005')", 2005),
    ("FLOAT64(JSON '9.8')", 9.8),
    ("BOOL(JSON 'true')", True),
    ("STRING(JSON '\"purple\"')", "purple"),
    ("JSON_VALUE('{\"a\": 1, \"a\": 2}', '$.a')", "1"),
    ("JSON_QUERY('{\"b\": 1.50, \"a\": 1e2}', '$')", '{"b":1.50,"a":1e2}'),
    ('TO_JSON_STRING(PARSE_JSON(\'{"b": 1.50, "a": [1], "b": 2}\'))', '{"a":[1],"b":1.5}'),
    ("TO_JSON_STRING(TO_JSON(STRUCT(1 AS id, [10, 20] AS coordinates)))", '{"coordinates":[10,20],"id":1}'),
    ("PARSE_JSON('{\"id\": 922337203685477580701}', wide_number_mode => 'round')", {"id": 9.223372036854776e20}),
    ("TO_JSON(9007199254740993)", 9007199254740993),
    ("TO_JSON(9007199254740993, stringify_wide_numbers => TRUE)", "9007199254740993"),
    ("TO_JSON_STRING([NUMERIC '123.56', NUMERIC '5'])", '["123.56",5]'),
    (
        "TO_JSON_STRING(STRUCT('é' AS s, JSON '{\"k\": null}' AS j), TRUE)",
        '{\n  "s": "é",\n  "j": {\n    "k": null\n  }\n}',
    ),
    ("JSON_EXTRACT_STRING_ARRAY('[\"a\", 1]')", ["a", "1"]),
    ("INT64_ARRAY(JSON '[1, 2]')", [1, 2]),
    ("FLOAT64_ARRAY(JSON '[1.5, 2]')", [1.5, 2.0]),
    ("BOOL_ARRAY(JSON '[true]')", [True]),
    ("STRING_ARRAY(JSON '[\"a\"]')", ["a"]),
    ("LAX_INT64_ARRAY(JSON '[1, \"2\"]')", [1, 2]),
    ("LAX_FLOAT64_ARRAY(JSON '[\"1.5\"]')", [1.5]),
    ("LAX_BOOL_ARRAY(JSON '[0, \"true\"]')", [False, True]),
    ("LAX_STRING_ARRAY(JSON '[1, true]')", ["1", "true"]),
    ('JSON_KEYS(JSON \'{"a": {"b": 1}}\', 1)', ["a"]),
    ('JSON_KEYS(JSON \'{"a": [{"b": 1}, {"c": 2}], "d": 3}\', mode => \'lax\')', ["a", "a.b", "a.c", "d"]),
    ("JSON_OBJECT(['a', 'b'], [10, 20])", {"a": 10, "b": 20}),
    ("JSON_SET(JSON '{\"a\": 1}', '$.b', 999, create_if_missing => FALSE)", {"a": 1}),
    ("JSON_SET(JSON 'null', '$[1].a', 2)", [None, {"a": 2}]),
    ("JSON_SET(JSON '{\"a\": 1}', '$.a.c', 5)", {"a": 1}),
    ("JSON_ARRAY_APPEND(JSON '[\"a\"]', '$', [1, 2])", ["a", 1, 2]),
    ("JSON_ARRAY_APPEND(JSON '[\"a\"]', '$', [1, 2], append_each_element => FALSE)", ["a", [1, 2]]),
    ("JSON_ARRAY_APPEND(JSON '{\"a\": null}', '$.a', 2)", {"a": [2]}),
    ("JSON_ARRAY_INSERT(JSON '[\"a\", \"b\"]', '$[1]', [1, 2])", ["a", 1, 2, "b"]),
    ("JSON_ARRAY_INSERT(JSON '{\"a\": null}', '$.a[2]', 10)", {"a": [None, None, 10]}),
    ('JSON_STRIP_NULLS(JSON \'{"a": {"b": null}, "c": [null]}\', remove_empty => TRUE)', {}),
    ('JSON_STRIP_NULLS(JSON \'{"a": null, "d": [null]}\', include_arrays => FALSE)', {"d": [None]}),
    ('JSON_STRIP_NULLS(JSON \'{"a": {"b": null}, "c": null}\', \'$.a\')', {"a": {}, "c": None}),
    # dates and times
    ("CAST(DATE '2018-01-30' AS STRING FORMAT 'Day, DD MON YYYY')", "Tuesday, 30 JAN 2018"),
    (
        "CAST(TIMESTAMP '2008-12-25 00:00:00+00:00' AS STRING FORMAT 'YYYY-MM-DD HH24:MI:SS TZH:TZM')",
        "2008-12-25 00:00:00 +00:00",
    ),
    ("CAST(TIME '15:04:05.678' AS STRING FORMAT 'HH12:MI:SS.FF3 AM')", "03:04:05.678 PM"),
    ("CAST('2018-12-03' AS DATE FORMAT 'YYYY-MM-DD')", dt.date(2018, 12, 3)),
    (
        "CAST('03/Dec/2018 22:30:00 +05:30' AS TIMESTAMP FORMAT 'DD/MON/YYYY HH24:MI:SS TZH:TZM')",
        dt.datetime(2018, 12, 3, 17, 0, tzinfo=UTC),
    ),
    ("SAFE_CAST('x' AS DATE FORMAT 'YYYY-MM-DD')", None),
    ("CAST(b'\\x00\\xff' AS STRING FORMAT 'HEX')", "00ff"),
    ("CAST('/+A=' AS BYTES FORMAT 'BASE64')", b"\xff\xe0"),
    ("DATE(2016, 12, 25)", dt.date(2016, 12, 25)),
    ("DATE(TIMESTAMP '2016-12-25 05:30:00+07', 'America/Los_Angeles')", dt.date(2016, 12, 24)),
    ("DATE(DATETIME '2016-12-25 23:59:59')", dt.date(2016, 12, 25)),
    ("DATE_ADD(DATE '2008-12-25', INTERVAL 5 DAY)", dt.date(2008, 12, 30)),
    ("DATE_SUB(DATE '2024-03-31', INTERVAL 1 MONTH)", dt.date(2024, 2, 29)),
    ("DATE_DIFF(DATE '2010-07-07', DATE '2008-12-25', DAY)", 559),
    ("DATE_DIFF('2017-10-15', '2017-10-14', WEEK)", 1),
    ("DATE_DIFF('2017-12-18', '2017-12-17', WEEK(MONDAY))", 1),
    ("DATE_TRUNC(DATE '2008-12-25', MONTH)", dt.date(2008, 12, 1)),
    ("DATE_TRUNC(DATE '2017-11-05', WEEK(MONDAY))", dt.date(2017, 10, 30)),
    ("DATE_TRUNC(DATE '2015-06-15', ISOYEAR)", dt.date(2014, 12, 29)),
    ("FORMAT_DATE('%x', DATE '2008-12-25')", "12/25/08"),
    ("FORMAT_DATE('%b-%d-%Y', DATE '2008-12-25')", "Dec-25-2008"),
    ("PARSE_DATE('%Y%m%d', '20081225')", dt.date(2008, 12, 25)),
    ("PARSE_DATE('%A %b %e %Y', 'Thursday Dec 25 2008')", dt.date(2008, 12, 25)),
    ("LAST_DAY(DATE '2008-11-25')", dt.date(2008, 11, 30)),
    ("LAST_DAY(DATE '2008-11-10', WEEK(MONDAY))", dt.date(2008, 11, 16)),
    ("UNIX_DATE(DATE '2008-12-25')", 14238),
    ("DATE_FROM_UNIX_DATE(14238)", dt.date(2008, 12, 25)),
    ("EXTRACT(ISOWEEK FROM DATE '2015-12-31')", 53),
    ("EXTRACT(DAYOFWEEK FROM DATE '2024-01-07')", 1),
    ("CURRENT_DATE() >= DATE '2024-01-01'", True),
    ("CURRENT_TIMESTAMP() = CURRENT_TIMESTAMP", True),
    ("CURRENT_DATETIME('UTC') = DATETIME(CURRENT_TIMESTAMP())", True),
    ("CURRENT_TIME() >= TIME '00:00:00'", True),
    ("DATETIME(2008, 12, 25, 5, 30, 0)", civil(2008, 12, 25, 5, 30)),
    ("DATETIME(TIMESTAMP '2008-12-25 05:30:00+00', 'America/Los_Angeles')", civil(2008, 12, 24, 21, 30)),
    ("DATETIME_ADD(DATETIME '2008-12-25 15:30:00', INTERVAL 10 MINUTE)", civil(2008, 12, 25, 15, 40)),
    ("DATETIME_SUB(DATETIME '2008-12-25 15:30:00', INTERVAL 1 YEAR)", civil(2007, 12, 25, 15, 30)),
    ("DATETIME_DIFF(DATETIME '2017-10-15 00:00:00', DATETIME '2017-10-14 23:59:59', DAY)", 1),
    ("DATETIME_TRUNC(DATETIME '2008-12-25 15:30:00', DAY)", civil(2008, 12, 25)),
    ("FORMAT_DATETIME('%c', DATETIME '2008-12-25 15:30:00')", "Thu Dec 25 15:30:00 2008"),
    ("PARSE_DATETIME('%m/%d/%Y %I:%M:%S %p', '8/30/2018 2:23:38 PM')", civil(2018, 8, 30, 14, 23, 38)),
    ("TIME(15, 30, 0)", dt.time(15, 30)),
    ("TIME_ADD(TIME '15:30:00', INTERVAL 10 MINUTE)", dt.time(15, 40)),
    ("TIME_SUB(TIME '00:30:00', INTERVAL 1 HOUR)", dt.time(23, 30)),
    ("TIME_DIFF(TIME '15:30:00', TIME '14:35:00', MINUTE)", 55),
    ("TIME_TRUNC(TIME '15:30:00', HOUR)", dt.time(15)),
    ("FORMAT_TIME('%R', TIME '15:30:00')", "15:30"),
    ("PARSE_TIME('%H:%M', '15:30')", dt.time(15, 30)),
    ("TIMESTAMP('2008-12-25 15:30:00', 'America/Los_Angeles')", dt.datetime(2008, 12, 25, 23, 30, tzinfo=UTC)),
    ("TIMESTAMP(DATE '2008-12-25')", dt.datetime(2008, 12, 25, tzinfo=UTC)),
    (
        "TIMESTAMP_ADD(TIMESTAMP '2008-12-25 15:30:00+00', INTERVAL 10 MINUTE)",
        dt.datetime(2008, 12, 25, 15, 40, tzinfo=UTC),
    ),
    (
        "TIMESTAMP_SUB(TIMESTAMP '2008-12-25 15:30:00+00', INTERVAL 1 DAY)",
        dt.datetime(2008, 12, 24, 15, 30, tzinfo=UTC),
    ),
    ("TIMESTAMP_DIFF(TIMESTAMP '2018-08-14', TIMESTAMP '2018-10-14', DAY)", -61),
    ("TIMESTAMP_DIFF('2001-02-01 01:00:00', '2001-02-01 00:00:01', HOUR)", 0),
    (
        "TIMESTAMP_TRUNC(TIMESTAMP '2008-12-25 15:30:00+00', DAY, 'America/Los_Angeles')",
        dt.datetime(2008, 12, 25, 8, tzinfo=UTC),
    ),
    ("FORMAT_TIMESTAMP('%FT%H:%M:%E3S%Ez', TIMESTAMP '2024-01-02 03:04:05.678+00')", "2024-01-02T03:04:05.678+00:00"),
    (
        "PARSE_TIMESTAMP('%a %b %e %I:%M:%S %Y', 'Thu Dec 25 07:30:00 2008')",
        dt.datetime(2008, 12, 25, 7, 30, tzinfo=UTC),
    ),
    ("UNIX_SECONDS(TIMESTAMP '1969-12-31 23:59:59.5+00')", -1),
    ("UNIX_MILLIS(TIMESTAMP '2008-12-25 15:30:00+00')", 1230219000000),
    ("UNIX_MICROS(TIMESTAMP '2008-12-25 15:30:00+00')", 1230219000000000),
    ("TIMESTAMP_SECONDS(1230219000)", dt.datetime(2008, 12, 25, 15, 30, tzinfo=UTC)),
    ("TIMESTAMP_MILLIS(1230219000000)", dt.datetime(2008, 12, 25, 15, 30, tzinfo=UTC)),
    ("TIMESTAMP_MICROS(1230219000000000)", dt.datetime(2008, 12, 25, 15, 30, tzinfo=UTC)),
    ("STRING(TIMESTAMP '2008-12-25 15:30:00+00', 'America/Los_Angeles')", "2008-12-25 07:30:00-08"),
    ("DATE_BUCKET(DATE '1949-12-31', INTERVAL 2 DAY)", dt.date(1949, 12, 30)),
    ("DATE_BUCKET(DATE '2024-01-10', INTERVAL 1 WEEK, DATE '2024-01-01')", dt.date(2024, 1, 8)),
    ("DATETIME_BUCKET(DATETIME '1949-12-30 13:00:00', INTERVAL 12 HOUR)", civil(1949, 12, 30, 12)),
    (
        "TIMESTAMP_BUCKET(TIMESTAMP '2024-01-01 10:07:00', INTERVAL 5 MINUTE)",
        dt.datetime(2024, 1, 1, 10, 5, tzinfo=UTC),
    ),
    ("FORMAT_DATE('%J', DATE '2015-01-01')", "004"),
    ("FORMAT_TIMESTAMP('%Z %z %s', TIMESTAMP '2050-12-25 15:30:55', '+05:30')", "UTC+5:30 +0530 2555595055"),
    ("FORMAT_TIMESTAMP('%Z', TIMESTAMP '2021-01-20 21:47:00', 'America/New_York')", "UTC-5"),
    ("FORMAT_TIMESTAMP('%Z', TIMESTAMP '2021-01-20 21:47:00', 'Europe/London')", "UTC"),
    ("HLL_COUNT.EXTRACT(HLL_COUNT.INIT(1))", 1),
]

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


_MOMENTS = [
    civil(year, month, day, *clock)
    for year in (1, 99, 1582, 1899, 1900, 1969, 1970, 2000, 2015, 2016, 2024, 9998)
    for month, day in ((1, 1), (1, 3), (1, 8), (2, 28), (6, 30), (12, 28), (12, 31))
    for clock in ((0, 0, 0, 0), (23, 59, 59, 999_999))
    if (year, month, day) >= (1, 1, 8)
]
_PARTS = ["YEAR", "ISOYEAR", "QUARTER", "MONTH", "WEEK", "WEEK(FRIDAY)", "ISOWEEK", "DAY"]
_CLOCK_PARTS = ["HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"]


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        registry.install(connection)
        connection.execute("CREATE TABLE m (t TIMESTAMP)")
        connection.executemany("INSERT INTO m VALUES (?)", [[m] for m in _MOMENTS])
        yield connection


@pytest.mark.parametrize("part", [*_PARTS, "DAYOFWEEK", "DAYOFYEAR", *_CLOCK_PARTS])
def test_duckdb_extracts_what_python_does(duck: duckdb.DuckDBPyConnection, part: str) -> None:
    rows = duck.execute(f"SELECT t, {native_dates.part_number('DATETIME', 't', part)} FROM m").fetchall()

    assert [number for _, number in rows] == [calendar.extract(moment, part) for moment, _ in rows]


@pytest.mark.parametrize("part", [*_PARTS, *_CLOCK_PARTS])
def test_duckdb_truncates_as_python_does(duck: duckdb.DuckDBPyConnection, part: str) -> None:
    rows = duck.execute(f"SELECT t, {native_dates.truncated('DATETIME', 't', part)} FROM m").fetchall()

    assert [cut for _, cut in rows] == [calendar.datetime_trunc(moment, part) for moment, _ in rows]


@pytest.mark.parametrize("part", [*_PARTS, *_CLOCK_PARTS])
def test_duckdb_counts_boundaries_as_python_does(duck: duckdb.DuckDBPyConnection, part: str) -> None:
    sql = native_dates.difference("DATETIME", "a.t", "b.t", part)
    rows = duck.execute(f"SELECT a.t, b.t, {sql} FROM m a, m b WHERE hash(a.t, b.t) % 9 = 0").fetchall()

    assert [n for _, _, n in rows] == [calendar.datetime_diff(a, b, part) for a, b, _ in rows]


def test_duckdb_prints_as_python_does(duck: duckdb.DuckDBPyConnection) -> None:
    pattern = "%F %T|%Y%m%d %H:%M:%S|%y %j %b %B %a %A %R%%"
    sql = native_dates.printed("DATETIME", pattern, "t", f"bq_format_timestamp('{pattern}', t, 'UTC', 'DATETIME')")
    rows = duck.execute(f"SELECT t, {sql} FROM m").fetchall()

    assert [text for _, text in rows] == [date_formats.write(pattern, m, "UTC", "DATETIME") for m, _ in rows]


@pytest.mark.parametrize("part", ["DAY", "HOUR", "SECOND", "MONTH"])
@pytest.mark.parametrize("count", [0, 1, -40, 2_000_000])
def test_duckdb_adds_as_python_does(duck: duckdb.DuckDBPyConnection, part: str, count: int) -> None:
    sql = f"SELECT t, TRY(bq_datetime_add(t, {count}, '{part}')) FROM m"

    for moment, moved in duck.execute(sql).fetchall():
        try:
            expected = calendar.datetime_add(moment, count, part)
        except ValueError:
            expected = None
        assert moved == expected
