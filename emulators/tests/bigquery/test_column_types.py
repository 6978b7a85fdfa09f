"""Parameterized types, and columns that change.

Pages: docs/reference/standard-sql/data-types#parameterized_data_types, …/data-definition-language
(ALTER TABLE … COLUMN), docs/managing-table-schemas, docs/reference/rest/v2/tables#TableFieldSchema (of
https://cloud.google.com/bigquery).
"""

import base64
from decimal import Decimal
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, refusal


@pytest.fixture
def narrow(db: Database) -> Database:
    db.run(
        "CREATE TABLE {d}.t (s STRING(3), b BYTES(2), n NUMERIC(5, 2), g BIGNUMERIC(39, 1), a ARRAY<STRING(2)>,"
        " r STRUCT<x NUMERIC(2), y STRING>)"
    )
    return db


def columns(db: Database, name: str = "t") -> dict[str, str]:
    return dict(
        db.rows(f"SELECT column_name, data_type FROM {{d}}.INFORMATION_SCHEMA.COLUMNS WHERE table_name = '{name}'")
    )


def test_parameters_are_in_the_rest_schema_and_in_the_information_schema(narrow: Database) -> None:
    fields = {f.name: f for f in narrow.client.get_table(f"{narrow.path}.t", **CALL).schema}

    assert (fields["s"].max_length, fields["b"].max_length, fields["a"].max_length) == (3, 2, 2)
    assert (fields["n"].precision, fields["n"].scale) == (5, 2)
    assert (fields["r"].fields[0].precision, fields["r"].fields[0].scale) == (2, None)
    assert columns(narrow) == {
        "s": "STRING(3)", "b": "BYTES(2)", "n": "NUMERIC(5, 2)", "g": "BIGNUMERIC(39, 1)", "a": "ARRAY<STRING(2)>",
        "r": "STRUCT<x NUMERIC(2), y STRING>",
    }  # fmt: skip


def test_a_table_of_the_api_has_them_too(db: Database) -> None:
    schema = [
        bigquery.SchemaField("s", "STRING", max_length=3),
        bigquery.SchemaField("n", "NUMERIC", precision=3, scale=1),
    ]
    made = db.client.create_table(bigquery.Table(f"{db.path}.t", schema=schema), **CALL)

    assert made.schema == schema
    assert db.refused("INSERT {d}.t (s) VALUES ('long')").reason == "invalidQuery"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("(s) VALUES ('äöüß')", "STRING(3) has maximum length 3 but got a value with length 4"),
        ("(b) VALUES (b'abc')", "BYTES(2) has maximum length 2 but got a value with length 3"),
        ("(n) VALUES (999.995)", "NUMERIC(5, 2) has precision 5 and scale 2"),
        ("(a) VALUES (['ab', 'abc'])", "STRING(2) has maximum length 2"),
        ("(r) VALUES ((100, 'y'))", "NUMERIC(2, 0) has precision 2 and scale 0"),
        ("(s) SELECT 'abcd'", "STRING(3)"),
    ],
)
def test_what_is_too_long_is_not_written(narrow: Database, values: str, message: str) -> None:
    refused = narrow.refused(f"INSERT {{d}}.t {values}")

    assert (refused.status, refused.reason) == (400, "invalidQuery")
    assert message in refused.message
    assert narrow.stored("t") == []


def test_what_fits_is_written_and_decimals_are_rounded(narrow: Database) -> None:
    narrow.run(
        "INSERT {d}.t VALUES ('äöü', b'ab', 999.994, BIGNUMERIC '1.25', ['ab', ''], (NUMERIC '9.5', 'long'));"
        "UPDATE {d}.t SET n = n / 3 WHERE TRUE"
    )

    assert narrow.stored("t") == [
        ("äöü", b"ab", Decimal("333.33"), Decimal("1.3"), ["ab", ""], {"x": Decimal(10), "y": "long"})
    ]


def test_update_merge_query_load_and_streaming_are_held_to_them(narrow: Database) -> None:
    narrow.run("INSERT {d}.t (s) VALUES ('a')")

    assert "STRING(3)" in narrow.refused("UPDATE {d}.t SET s = 'abcd' WHERE TRUE").message
    merge = "MERGE {d}.t USING (SELECT 'abcd' AS x) ON FALSE WHEN NOT MATCHED THEN INSERT (s) VALUES (x)"
    assert "STRING(3)" in narrow.refused(merge).message
    append: dict[str, Any] = {"destination": f"{narrow.path}.t", "write_disposition": "WRITE_APPEND"}
    assert "STRING(3)" in narrow.refused("SELECT 'abcd' AS s", **append).message
    assert refusal(lambda: narrow.load("t", [{"s": "abcd"}])).reason == "invalid"
    (error,) = narrow.client.insert_rows_json(f"{narrow.path}.t", [{"s": "abcd"}], timeout=30)
    assert error["errors"][0]["reason"] == "invalid"
    narrow.load("t", [{"n": 1.005, "b": base64.b64encode(b"ab").decode()}])
    assert narrow.rows("SELECT n, b FROM {d}.t WHERE b IS NOT NULL") == [(Decimal("1.01"), b"ab")]


def test_expressions_know_nothing_of_them(narrow: Database) -> None:
    narrow.run("INSERT {d}.t (s) VALUES ('abc')")

    assert narrow.rows("SELECT CONCAT(s, s) FROM {d}.t") == [("abcabc",)]
    narrow.run("CREATE TABLE {d}.u AS SELECT s, n FROM {d}.t")
    assert columns(narrow, "u") == {"s": "STRING", "n": "NUMERIC"}
    narrow.run("CREATE TABLE {d}.v LIKE {d}.t")
    assert columns(narrow, "v") == columns(narrow)
    assert "STRING(1)" in narrow.refused("CREATE TABLE {d}.w (s STRING(1)) AS SELECT 'ab'").message


def test_casts_are_held_to_them(db: Database) -> None:
    assert db.rows(
        "SELECT CAST('ab' AS STRING(2)), SAFE_CAST('abc' AS STRING(2)), CAST(1.25 AS NUMERIC(3, 1)),"
        " SAFE_CAST(100 AS NUMERIC(2)), CAST(NULL AS STRING(1)), CAST('1.26' AS BIGNUMERIC(3, 1)),"
        " SAFE_CAST(b'abc' AS BYTES(2)), SAFE_CAST(CONCAT('a', 'b') AS STRING(1)), CAST('long' AS STRING(MAX))"
    ) == [("ab", None, Decimal("1.3"), None, None, Decimal("1.3"), None, None, "long")]
    assert "STRING(2) has maximum length 2" in db.refused("SELECT CAST('abc' AS STRING(2))").message


@pytest.mark.parametrize(
    "kind",
    ["STRING(0)", "INT64(3)", "NUMERIC(39)", "NUMERIC(30, 0)", "NUMERIC(10, 10)", "NUMERIC(1, 2)", "NUMERIC(3, 1, 1)",
     "STRING('a')", "BIGNUMERIC(39, 0)"],
)  # fmt: skip
def test_parameters_that_a_type_cannot_have(db: Database, kind: str) -> None:
    assert db.refused(f"CREATE TABLE {{d}}.t (x {kind})").reason == "invalidQuery"


# -- columns that change -----------------------------------------------------------------------------------------------


@pytest.fixture
def t(db: Database) -> Database:
    db.run(
        "CREATE TABLE {d}.t (id INT64 NOT NULL, s STRING(3), n NUMERIC(5, 2), day DATE) PARTITION BY day CLUSTER BY id;"
        "INSERT {d}.t VALUES (1, 'abc', 1.5, '2025-01-01'), (2, NULL, 2.25, '2025-01-02')"
    )
    return db


def test_a_column_is_renamed_with_what_it_holds(t: Database) -> None:
    t.run("ALTER TABLE {d}.t RENAME COLUMN s TO text, RENAME COLUMN IF EXISTS nope TO never")

    assert t.rows("SELECT id, text FROM {d}.t ORDER BY id") == [(1, "abc"), (2, None)]
    parts = "SELECT partition_id FROM {d}.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 't' ORDER BY 1"
    assert t.rows(parts) == [("20250101",), ("20250102",)]
    t.run("INSERT {d}.t (id, text) VALUES (3, 'new')")
    assert t.rows("SELECT text FROM {d}.t WHERE id = 3") == [("new",)]


def test_two_columns_change_their_names(db: Database) -> None:
    db.run("CREATE TABLE {d}.u AS SELECT 1 AS a, 'b' AS b")
    db.run("ALTER TABLE {d}.u RENAME COLUMN a TO b, RENAME COLUMN b TO a")

    assert db.rows("SELECT a, b FROM {d}.u") == [("b", 1)]


def test_a_column_that_was_dropped_does_not_come_back_with_its_values(t: Database) -> None:
    t.run("ALTER TABLE {d}.t DROP COLUMN s")
    t.run("ALTER TABLE {d}.t ADD COLUMN s INT64")

    assert t.rows("SELECT id, s FROM {d}.t ORDER BY id") == [(1, None), (2, None)]


@pytest.mark.parametrize(
    ("old", "new", "value", "found"),
    [
        ("INT64", "NUMERIC", "3", Decimal(3)),
        ("INT64", "FLOAT64", "3", 3.0),
        ("INT64", "BIGNUMERIC", "3", Decimal(3)),
        ("NUMERIC", "BIGNUMERIC", "3.50", Decimal("3.5")),
        ("NUMERIC(5, 2)", "FLOAT64", "3.5", 3.5),
        ("NUMERIC(5, 2)", "NUMERIC(7, 3)", "3.5", Decimal("3.5")),
        ("NUMERIC(5, 2)", "NUMERIC", "3.5", Decimal("3.5")),
        ("STRING(3)", "STRING(5)", "'a'", "a"),
        ("STRING(3)", "STRING", "'a'", "a"),
    ],
)
def test_a_type_that_takes_every_value_replaces_another(
    db: Database, old: str, new: str, value: str, found: Any
) -> None:
    db.run(f"CREATE TABLE {{d}}.u (x {old}); INSERT {{d}}.u VALUES ({value}), (NULL)")
    db.run(f"ALTER TABLE {{d}}.u ALTER COLUMN x SET DATA TYPE {new}")

    assert columns(db, "u") == {"x": new}
    assert db.stored("u") == [(found,), (None,)]
    assert db.rows("SELECT x FROM {d}.u WHERE x IS NOT NULL") == [(found,)]


@pytest.mark.parametrize(
    ("old", "new"),
    [("STRING", "STRING(5)"), ("STRING(3)", "STRING(2)"), ("STRING", "INT64"), ("NUMERIC", "INT64"),
     ("FLOAT64", "NUMERIC"), ("NUMERIC(5, 2)", "NUMERIC(6, 4)"), ("INT64", "NUMERIC(5)"), ("DATE", "TIMESTAMP")],
)  # fmt: skip
def test_a_type_that_does_not_is_refused(db: Database, old: str, new: str) -> None:
    db.run(f"CREATE TABLE {{d}}.u (x {old})")
    refused = db.refused(f"ALTER TABLE {{d}}.u ALTER COLUMN x SET DATA TYPE {new}")

    assert refused.reason == "invalidQuery"
    assert "requires that the existing column type" in refused.message


def test_not_null_is_dropped_once(t: Database) -> None:
    t.run("ALTER TABLE {d}.t ALTER COLUMN id DROP NOT NULL")

    assert t.client.get_table(f"{t.path}.t", **CALL).schema[0].mode == "NULLABLE"
    t.run("INSERT {d}.t (s) VALUES ('x')")
    assert "NOT NULL" in t.refused("ALTER TABLE {d}.t ALTER COLUMN id DROP NOT NULL").message


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("RENAME COLUMN day TO d", "partitioning or clustering"),
        ("RENAME COLUMN id TO d", "partitioning or clustering"),
        ("ALTER COLUMN id SET DATA TYPE NUMERIC", "partitioning or clustering"),
        ("RENAME COLUMN nope TO d", "Column not found: nope"),
        ("RENAME COLUMN s TO n", "already exists"),
        ("RENAME COLUMN s TO _partition_x", "reserved prefix"),
    ],
)
def test_what_cannot_be_done_to_a_column(t: Database, action: str, message: str) -> None:
    assert message in t.refused(f"ALTER TABLE {{d}}.t {action}").message
