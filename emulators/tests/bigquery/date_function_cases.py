"""What documentation pages say that functions of dates and times answer.

Pages: docs/reference/standard-sql/date_functions, …/datetime_functions, …/time_functions, …/timestamp_functions
(of https://cloud.google.com/bigquery).
"""

import datetime as dt
from typing import Any

UTC = dt.UTC


def civil(*parts: int) -> dt.datetime:
    """A DATETIME, which has no zone."""
    return dt.datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


CASES: list[tuple[str, Any]] = [
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
