"""A query without a destination has one all the same.

Pages: docs/cached-results ("How cached results are stored"), docs/writing-results#temporary_and_permanent_tables,
docs/reference/rest/v2/Job#JobConfigurationQuery (of https://cloud.google.com/bigquery).
"""

from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, refusal


def test_a_query_without_a_destination_names_an_anonymous_table(db: Database) -> None:
    job = db.run("SELECT 1 AS id, 'a' AS s UNION ALL SELECT 2, NULL ORDER BY id")

    assert job.destination is not None
    assert job.destination.dataset_id.startswith("_")
    assert job.destination.table_id.startswith("anon")
    _, body = db.call("GET", f"jobs/{job.job_id}")
    assert body["configuration"]["query"]["destinationTable"] == job.destination.to_api_repr()


def test_its_rows_are_listed_as_those_of_a_table(db: Database) -> None:
    job = db.run("SELECT id, CONCAT('n', id) AS s FROM UNNEST(GENERATE_ARRAY(1, 5)) AS id ORDER BY id")

    table = db.client.get_table(job.destination, **CALL)

    assert (table.num_rows, [f.name for f in table.schema], table.table_type) == (5, ["id", "s"], "TABLE")
    assert table.expires is not None
    assert table.num_bytes == 5 * (8 + 4)
    assert [tuple(r) for r in db.client.list_rows(job.destination, selected_fields=table.schema, page_size=2)] == [
        (n, f"n{n}") for n in range(1, 6)
    ]
    assert [tuple(r) for r in db.client.list_rows(table, selected_fields=table.schema[1:], max_results=1)] == [("n1",)]


def test_two_queries_share_the_dataset_and_not_the_table(db: Database) -> None:
    first, second = db.run("SELECT 1 AS x"), db.run("SELECT 2 AS x")

    assert first.destination.dataset_id == second.destination.dataset_id
    assert first.destination.table_id != second.destination.table_id


def test_the_dataset_is_not_listed(db: Database) -> None:
    hidden = db.run("SELECT 1 AS x").destination.dataset_id

    assert hidden not in [d.dataset_id for d in db.client.list_datasets(**CALL)]


def test_it_lives_for_a_day(db: Database) -> None:
    job = db.run("SELECT 1 AS x")

    with db.clock.later(hours=25):
        gone = refusal(lambda: db.client.get_table(job.destination, **CALL))

    assert (gone.status, gone.reason) == (404, "notFound")


def test_a_name_that_no_query_left_is_not_found(db: Database) -> None:
    job = db.run("SELECT 1 AS x")
    other = bigquery.TableReference(bigquery.DatasetReference(db.project, job.destination.dataset_id), "anonnever_ran")

    assert refusal(lambda: db.client.get_table(other, **CALL)).reason == "notFound"
    assert refusal(lambda: list(db.client.list_rows(other, selected_fields=[], **CALL))).reason == "notFound"


def test_what_else_could_be_done_with_it_is_refused_by_name(db: Database) -> None:
    table = db.run("SELECT 1 AS x").destination

    refused = db.refused(f"SELECT * FROM `{table.project}.{table.dataset_id}.{table.table_id}`")
    deleting = refusal(lambda: db.client.delete_table(table, **CALL))

    assert (refused.status, refused.reason) == (501, "notImplemented")
    assert "anonymous table" in refused.message
    assert (deleting.status, deleting.reason) == (501, "notImplemented")


def test_a_query_with_a_destination_a_script_and_dml_have_none(db: Database) -> None:
    db.run("CREATE TABLE {d}.t (x INT64)")

    assert db.run("SELECT 1 AS x", destination=f"{db.path}.kept").destination.table_id == "kept"
    assert db.run("INSERT {d}.t VALUES (1)").destination is None
    assert db.run("SELECT 1 AS x; SELECT 2 AS x").destination is None
