"""Date parts in DuckDB's own words say what the Python functions say."""

from collections.abc import Iterator

import duckdb
import pytest

from emulators.bigquery.functions import calendar, date_formats, registry
from emulators.bigquery.sql.compile.calls import native_dates
from emulators.tests.bigquery.date_function_cases import civil

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
