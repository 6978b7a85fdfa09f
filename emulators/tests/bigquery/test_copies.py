"""Copy jobs: dispositions, several sources, partitions, what is left behind.

Pages: docs/managing-tables#copy-table, docs/managing-partitioned-tables#copying_partitioned_tables,
docs/reference/rest/v2/Job#JobConfigurationTableCopy, docs/streaming-data-into-bigquery
(of https://cloud.google.com/bigquery).
"""

import datetime as dt
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, refusal

BY_DAY = bigquery.TimePartitioning(field="d")
BY_INGESTION = bigquery.TimePartitioning()


def copy(db: Database, sources: str | list[str], into: str, **options: Any) -> bigquery.CopyJob:
    listed = [f"{db.path}.{name}" for name in ([sources] if isinstance(sources, str) else sources)]
    config = bigquery.CopyJobConfig(**options)
    job = db.client.copy_table(listed, f"{db.path}.{into}", job_config=config, **CALL)
    job.result(timeout=30)
    return job


def test_a_copy_has_the_rows_schema_partitioning_and_clustering_of_its_source(db: Database) -> None:
    rows = [{"a": 1, "d": "2025-01-01"}, {"a": 2, "d": "2025-01-02"}]
    db.table("t", "a INT64 REQUIRED,d DATE", rows, time_partitioning=BY_DAY, clustering_fields=["a"])
    copy(db, "t", "u")
    made = db.client.get_table(f"{db.path}.u", **CALL)

    assert db.stored("u") == [(1, dt.date(2025, 1, 1)), (2, dt.date(2025, 1, 2))]
    assert made.schema == db.client.get_table(f"{db.path}.t", **CALL).schema
    assert (made.time_partitioning.field, made.clustering_fields) == ("d", ["a"])


def test_several_sources_are_appended_in_order(db: Database) -> None:
    for name, value in (("t", 1), ("u", 2)):
        db.table(name, "a INT64", [{"a": value}])
    copy(db, ["t", "u"], "both")

    assert db.stored("both") == [(1,), (2,)]


@pytest.mark.parametrize(
    "columns", ["a STRING", "a INT64,b STRING", "a INT64 REQUIRED", "b INT64"], ids=["type", "more", "mode", "name"]
)
def test_sources_of_different_schemas_are_refused(db: Database, columns: str) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    db.table("u", columns)
    refused = refusal(lambda: copy(db, ["t", "u"], "both"))

    assert (refused.status, refused.reason) == (400, "invalid")
    assert "same schema" in refused.message
    assert refusal(lambda: db.client.get_table(f"{db.path}.both", **CALL)).status == 404


@pytest.mark.parametrize(
    ("sources", "status", "reason", "message"),
    [
        ("never", 404, "notFound", "Not found: Table"),
        ("v", 400, "invalid", "it is a view"),
        ("t$2025", 400, "invalid", "Cannot read partition information from a table that is not partitioned"),
    ],
)
def test_what_cannot_be_copied(db: Database, sources: str, status: int, reason: str, message: str) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    db.run("CREATE VIEW {d}.v AS SELECT 1 AS a")
    refused = refusal(lambda: copy(db, sources, "out"))

    assert (refused.status, refused.reason) == (status, reason)
    assert message in refused.message


def test_a_copy_that_does_not_fit_changes_nothing(db: Database) -> None:
    db.table("t", "a INT64,b STRING", [{"a": 1}])
    db.table("u", "a INT64", [{"a": 5}])
    refused = refusal(lambda: copy(db, "t", "u", write_disposition="WRITE_APPEND"))

    assert refused.reason == "invalid"
    assert "Cannot add fields (field: b)" in refused.message
    assert db.stored("u") == [(5,)]


def test_one_partition_replaces_one_partition(db: Database) -> None:
    rows = [{"a": 1, "d": "2025-01-01"}, {"a": 2, "d": "2025-01-02"}]
    db.table("t", "a INT64,d DATE", rows, time_partitioning=BY_DAY)
    old = [{"a": 7, "d": "2025-01-01"}, {"a": 8, "d": "2025-01-02"}]
    db.table("u", "a INT64,d DATE", old, time_partitioning=BY_DAY)
    copy(db, "t$20250101", "u$20250101", write_disposition="WRITE_TRUNCATE")

    assert sorted(db.stored("u")) == [(1, dt.date(2025, 1, 1)), (8, dt.date(2025, 1, 2))]
    refused = refusal(lambda: copy(db, "t$20250101", "u$20250102", write_disposition="WRITE_TRUNCATE"))
    assert (refused.status, refused.reason) == (400, "invalid")
    assert "Some rows belong to different partitions" in refused.message


def test_rows_partitioned_by_ingestion_time_stay_in_their_partitions(db: Database) -> None:
    db.table("t", "a INT64", time_partitioning=BY_INGESTION)
    for part, value in (("20250101", 1), ("20250102", 2)):
        db.run(f"SELECT {value} AS a", destination=f"{db.path}.t${part}", write_disposition="WRITE_APPEND")
    copy(db, "t", "u")
    copy(db, "t$20250102", "w$20250301")

    sql = "SELECT a, FORMAT_DATE('%Y%m%d', _PARTITIONDATE) FROM {d}."
    assert db.rows(sql + "u ORDER BY a") == [(1, "20250101"), (2, "20250102")]
    assert db.rows(sql + "w") == [(2, "20250301")]


def test_a_table_of_another_partitioning_is_no_destination(db: Database) -> None:
    db.table("t", "a INT64,d DATE", [{"a": 1, "d": "2025-01-01"}], time_partitioning=BY_DAY)
    db.table("u", "a INT64,d DATE")
    refused = refusal(lambda: copy(db, "t", "u"))

    assert refused.reason == "invalid"
    assert "Incompatible table partitioning specification" in refused.message


def test_rows_in_the_streaming_buffer_are_left_behind(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    assert db.client.insert_rows_json(f"{db.path}.t", [{"a": 2}], **CALL) == []
    job = copy(db, "t", "u")

    assert db.stored("u") == [(1,)]
    assert db.call("GET", f"jobs/{job.job_id}?location=US")[1]["statistics"]["copy"]["copiedRows"] == "1"


def test_a_copy_into_another_location_is_refused(db: Database) -> None:
    dataset = bigquery.Dataset(f"{db.path}_eu")
    dataset.location = "EU"
    db.client.create_dataset(dataset, **CALL)
    db.table("t", "a INT64", [{"a": 1}])
    job = db.client.copy_table(f"{db.path}.t", f"{db.path}_eu.t", location="EU", **CALL)
    refused = refusal(lambda: job.result(timeout=30))

    assert refused.reason == "invalid"
    assert "Cannot read and write in different locations: source: US, destination: EU" in refused.message


@pytest.mark.parametrize("operation", ["SNAPSHOT", "CLONE", "RESTORE"])
def test_snapshots_and_clones_are_refused_by_name(db: Database, operation: str) -> None:
    db.table("t", "a INT64")
    refused = refusal(lambda: copy(db, "t", "u", operation_type=operation))

    assert (refused.status, refused.reason) == (501, "notImplemented")
    assert operation in refused.message
