"""Load jobs of CSV files.

Page: docs/loading-data-cloud-storage-csv (of https://cloud.google.com/bigquery).
"""

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import Database, field, refusal
from emulators.tests.bigquery.files import load_file

PAIR = "a INT64,s STRING"


def load_csv(db: Database, text: str | bytes, columns: str = PAIR, **options: Any) -> bigquery.LoadJob:
    schema = [field(c) for c in columns.split(",")]
    content = text.encode() if isinstance(text, str) else text
    return load_file(db, "t", content, source_format="CSV", schema=schema, **options)


def test_csv_with_header_quotes_and_nulls(db: Database) -> None:
    load_csv(db, 'a,s\n1,"x, ""y"""\n,\n"",""\n3,NA\n', skip_leading_rows=1)

    assert db.stored("t") == [(1, 'x, "y"'), (None, None), (None, ""), (3, "NA")]


@pytest.mark.parametrize(
    ("text", "options", "rows"),
    [
        ("1;x\n", {"field_delimiter": ";"}, [(1, "x")]),
        ("1\tx\n", {"field_delimiter": "\t"}, [(1, "x")]),
        ("1\tx\n", {"field_delimiter": "tab"}, [(1, "x")]),
        ("1,'x,y'\n", {"quote_character": "'"}, [(1, "x,y")]),
        ('1,"x\n', {"quote_character": ""}, [(1, '"x')]),
        ("1,NA\nNA,\n", {"null_marker": "NA"}, [(1, None), (None, "")]),
        ('1,"x\ny"\n', {"allow_quoted_newlines": True}, [(1, "x\ny")]),
        ("1\n2,x\n", {"allow_jagged_rows": True}, [(1, None), (2, "x")]),
        ("1,x,more\n", {"ignore_unknown_values": True}, [(1, "x")]),
        ("1,x\r\n2,y\r\n", {}, [(1, "x"), (2, "y")]),
        ("1,x\n2,y", {}, [(1, "x"), (2, "y")]),
        ("1,ü\n".encode("latin-1"), {"encoding": "ISO-8859-1"}, [(1, "ü")]),
        ("\n\n1,x\n\n", {}, [(1, "x")]),
        ("", {}, []),
    ],
)
def test_csv_as_its_options_say(db: Database, text: str, options: dict[str, Any], rows: list[tuple[Any, ...]]) -> None:
    load_csv(db, text, **options)

    assert db.stored("t") == rows


def test_csv_that_is_not_in_its_encoding_is_refused(db: Database) -> None:
    assert refusal(lambda: load_csv(db, b"1,\xff\n")).status == 501


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("BOOL", "t", True),
        ("BOOL", "no", False),
        ("FLOAT64", "1e3", 1000.0),
        ("FLOAT64", "-inf", float("-inf")),
        ("DATE", "2024-02-29", dt.date(2024, 2, 29)),
        ("TIMESTAMP", "2024-01-01 00:00:00 UTC", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        ("TIMESTAMP", "2024-01-01T02:00:00+02:00", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        ("NUMERIC", "0.1", Decimal("0.1")),
        ("BYTES", "AP8=", b"\x00\xff"),
    ],
)
def test_csv_values_by_type(db: Database, kind: str, text: str, value: Any) -> None:
    load_csv(db, f"{text}\n", f"a {kind}")

    assert db.stored("t") == [(value,)]


def test_csv_cannot_hold_nested_columns(db: Database) -> None:
    refused = refusal(lambda: load_csv(db, "1\n", "a INT64 REPEATED"))

    assert (refused.status, refused.reason) == (400, "invalid")
    assert "nested schema" in refused.message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x,y", "Cannot convert value to integer (bad value): x"),
        ("1", "Too few columns: expected 2 column(s) but got 1 column(s)."),
        ("1,b,c", "Too many values in line. Found 3 column(s) while expected 2."),
        ('1,"b', 'Missing close quote character (").'),
        ('1,"b"c', 'Data between close quote character (") and field separator.'),
        ("1,b\0", "Bad character (ASCII 0) encountered."),
    ],
)
def test_a_bad_csv_row_fails_the_load(db: Database, line: str, message: str) -> None:
    db.table("t", "a INT64,s STRING")
    schema = [field("a INT64"), field("s STRING")]
    config = bigquery.LoadJobConfig(source_format="CSV", schema=schema)
    job = db.client.load_table_from_file(io.BytesIO(f"1,ok\n{line}\n".encode()), f"{db.path}.t", job_config=config)

    assert refusal(lambda: job.result(timeout=30)).reason == "invalid"
    assert message in job.errors[1]["message"]
    assert "row starting at position 5" in job.errors[1]["message"]
    assert db.stored("t") == []


def test_bad_csv_rows_within_the_limit_are_counted_and_reported(db: Database) -> None:
    job = load_csv(db, '1,x\nbad,y\n3,"z\n4,w\n', max_bad_records=2)

    assert db.stored("t") == [(1, "x"), (4, "w")]
    assert [e["message"].rpartition("position ")[2] for e in job.errors] == [
        "4: Cannot convert value to integer (bad value): bad",
        '10: Missing close quote character (").',
    ]
