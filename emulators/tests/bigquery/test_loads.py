"""Load jobs of uploaded files: what is loaded, what is refused, which bad rows are reported.

Pages: docs/batch-loading-data, docs/loading-data-cloud-storage-json,
docs/reference/rest/v2/Job#JobConfigurationLoad (of https://cloud.google.com/bigquery).
"""

import io
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, field, refusal
from emulators.tests.bigquery.files import load_file


@pytest.mark.parametrize(("write", "left"), [("WRITE_APPEND", [1, 2]), ("WRITE_TRUNCATE", [2])])
def test_load_dispositions(db: Database, write: str, left: list[int]) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    db.load("t", [{"a": 2}], write_disposition=write)

    assert [a for (a,) in db.stored("t")] == left


def test_load_write_empty_refuses_a_table_with_rows(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    refused = refusal(lambda: db.load("t", [{"a": 2}], write_disposition="WRITE_EMPTY"))

    assert (refused.status, refused.reason) == (409, "duplicate")


def test_a_load_into_one_partition(db: Database) -> None:
    db.table(
        "t", "a INT64,d DATE", [{"a": 1, "d": "2025-01-01"}], time_partitioning=bigquery.TimePartitioning(field="d")
    )
    schema = [field("a INT64"), field("d DATE")]
    config = bigquery.LoadJobConfig(schema=schema, write_disposition="WRITE_TRUNCATE")
    rows = [{"a": 2, "d": "2025-01-02"}]
    db.client.load_table_from_json(rows, f"{db.path}.t$20250102", job_config=config).result(timeout=30)

    assert len(db.stored("t")) == 2
    wrong = db.client.load_table_from_json(rows, f"{db.path}.t$20250101", job_config=config)
    assert "different partitions" in refusal(lambda: wrong.result(timeout=30)).message


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"a": 1, "zzz": 2}, "no such field: zzz"),
        ({"a": "x"}, "Cannot convert value to integer (bad value): x"),
        ({"a": 1.5}, "Cannot convert value to integer"),
        ({"a": [1]}, "Array specified for non-repeated field: a"),
        ({"r": "x"}, "Non-array specified for repeated field: r"),
        ({"r": [None]}, "Only optional fields can be set to NULL"),
        ({"n": "0.0000000001"}, "Cannot convert value to numeric"),
        ({"q": None}, "Missing required field: q"),
        ({"s": {"k": 1, "nope": 2}}, "no such field: s.nope"),
    ],
)
def test_a_bad_row_fails_the_load_and_is_named(db: Database, row: dict[str, Any], message: str) -> None:
    schema = [field("a INT64"), field("r STRING REPEATED"), field("n NUMERIC"), field("q STRING REQUIRED")]
    schema.append(bigquery.SchemaField("s", "RECORD", fields=[field("k INT64")]))
    db.client.create_table(bigquery.Table(f"{db.path}.t", schema=schema), **CALL)
    config = bigquery.LoadJobConfig(schema=schema)
    rows = [{"q": "good"}, {"q": "x"} | row]
    job = db.client.load_table_from_json(rows, f"{db.path}.t", job_config=config)

    refused = refusal(lambda: job.result(timeout=30))

    assert refused.reason == "invalid"
    assert any(message in e["message"] for e in job.errors), job.errors
    assert db.stored("t") == []


def test_malformed_json_fails_the_load(db: Database) -> None:
    db.table("t", "a INT64")
    options = {"source_format": "NEWLINE_DELIMITED_JSON", "schema": [field("a INT64")]}

    assert refusal(lambda: load_file(db, "t", b'{"a": 1}\n{"a": \n', **options)).reason == "invalid"


def test_bad_rows_within_the_limit_are_counted_and_reported(db: Database) -> None:
    db.table("t", "a INT64")
    job = db.load("t", [{"a": 1}, {"a": "x"}, {"a": 3}], max_bad_records=1)

    assert db.stored("t") == [(1,), (3,)]
    assert job.output_rows == 2
    assert "bad value" in job.errors[0]["message"]


def test_unknown_values_are_ignored_only_if_asked(db: Database) -> None:
    db.table("t", "a INT64")
    db.load("t", [{"a": 1, "zzz": 2}], ignore_unknown_values=True)

    assert db.stored("t") == [(1,)]


def test_a_large_file_is_uploaded_in_pieces(db: Database) -> None:
    db.table("t", "a INT64,s STRING")
    content = b"".join(b'{"a": %d, "s": "%s"}\n' % (i, b"x" * 200) for i in range(12_000))
    config = bigquery.LoadJobConfig(
        schema=[field("a INT64"), field("s STRING")], source_format="NEWLINE_DELIMITED_JSON"
    )
    job = db.client.load_table_from_file(io.BytesIO(content), f"{db.path}.t", job_config=config)  # no size: resumable
    job.result(timeout=30)

    assert db.rows("SELECT COUNT(*), SUM(a) FROM {d}.t") == [(12_000, 12_000 * 11_999 // 2)]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"encoding": "UTF-16LE"}, "encoding UTF-16LE"),
        ({"field_delimiter": "||"}, "fieldDelimiter of more than one byte"),
        ({"quote_character": "''"}, "quote of more than one byte"),
        ({"autodetect": True, "schema": None}, "autodetection"),
        ({"source_format": "AVRO"}, "format AVRO"),
    ],
)
def test_load_options_that_are_not_served_are_refused_by_name(db: Database, options: dict[str, Any], what: str) -> None:
    given = {"source_format": "CSV", "schema": [field("a INT64")]} | options
    refused = refusal(lambda: load_file(db, "t", b"1\n", **{k: v for k, v in given.items() if v is not None}))

    assert (refused.status, refused.reason) == (501, "notImplemented")
    assert what in refused.message


# -- JSON: docs/loading-data-cloud-storage-json ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [b'{"a": NaN}', b'{"a": 1', b"[1]", b"1", b"null", b'{"a": 1} {"a": 2}', b'{"s": "\\ud800"}', b'{"s": "\xff"}',
     b"[" * 100_000],
)  # fmt: skip
def test_a_line_that_is_no_json_object_is_a_bad_row(db: Database, line: bytes) -> None:
    schema = [field("a FLOAT64"), field("s STRING")]
    job = load_file(
        db, "t", b'{"a": 1}\n' + line + b'\n{"a": 2}\n', source_format="NEWLINE_DELIMITED_JSON", schema=schema,
        max_bad_records=1,
    )  # fmt: skip

    assert [a for a, _ in db.stored("t")] == [1, 2]
    assert "row starting at position 9" in job.errors[0]["message"]


def test_json_blank_lines_and_windows_line_ends_are_no_rows(db: Database) -> None:
    content = b'{"a": 1}\r\n\r\n\n{"A": 2}'
    load_file(db, "t", content, source_format="NEWLINE_DELIMITED_JSON", schema=[field("a INT64")])

    assert db.stored("t") == [(1,), (2,)]


# -- schemas and destinations: docs/reference/rest/v2/Job#JobConfigurationLoad -----------------------------------------


def test_a_load_without_any_schema_is_refused(db: Database) -> None:
    refused = refusal(lambda: load_file(db, "t", b'{"a": 1}', source_format="NEWLINE_DELIMITED_JSON"))

    assert (refused.status, refused.reason) == (400, "invalid")
    assert "No schema specified" in refused.message


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ("a INT64 REQUIRED,b STRING", [], "Cannot add fields (field: b)"),
        ("a INT64 REQUIRED,b STRING REQUIRED", ["ALLOW_FIELD_ADDITION"], "Cannot add required fields"),
        ("a STRING", ["ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"], "Field a has changed type"),
        ("b STRING", ["ALLOW_FIELD_ADDITION"], "Field a is missing in new schema"),
        ("a INT64 NULLABLE", [], "Field a has changed mode from REQUIRED to NULLABLE"),
    ],
)
def test_a_load_whose_schema_does_not_fit_is_refused(
    db: Database, columns: str, options: list[str], message: str
) -> None:
    db.table("t", "a INT64 REQUIRED")
    schema = [field(c) for c in columns.split(",")]
    row = {"a": "1", "b": "x"} if "a INT64 REQUIRED,b" in columns else {columns[0]: "1"}
    refused = refusal(lambda: db.load("t", [row], schema, schema_update_options=options))

    assert refused.reason == "invalid"
    assert message in refused.message


def test_a_load_may_add_and_relax_columns(db: Database) -> None:
    db.table("t", "a INT64 REQUIRED", [{"a": 1}])
    options = ["ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"]
    db.load("t", [{"b": "x"}], [field("a INT64"), field("b STRING")], schema_update_options=options)

    assert db.stored("t") == [(1, None), (None, "x")]


def test_a_load_creates_a_partitioned_clustered_labelled_table(db: Database) -> None:
    schema = [field("a INT64"), field("d DATE")]
    db.load(
        "t", [{"a": 1, "d": "2025-01-01"}], schema, time_partitioning=bigquery.TimePartitioning(field="d"),
        clustering_fields=["a"], destination_table_description="what it is",
    )  # fmt: skip
    table = db.client.get_table(f"{db.path}.t", **CALL)

    assert (table.time_partitioning.field, table.clustering_fields, table.description) == ("d", ["a"], "what it is")


def test_create_never_refuses_a_missing_table(db: Database) -> None:
    refused = refusal(lambda: db.load("no", [{"a": 1}], [field("a INT64")], create_disposition="CREATE_NEVER"))

    assert (refused.status, refused.reason) == (404, "notFound")
    assert f"Not found: Table {db.project}:{db.dataset}.no" in refused.message


def test_a_load_into_a_missing_dataset_is_not_found(db: Database) -> None:
    job = db.client.load_table_from_json(
        [{"a": 1}], f"{db.project}.never.t", job_config=bigquery.LoadJobConfig(schema=[field("a INT64")])
    )
    refused = refusal(lambda: job.result(timeout=30))

    assert (refused.status, refused.reason) == (404, "notFound")
    assert f"Not found: Dataset {db.project}:never" in refused.message
