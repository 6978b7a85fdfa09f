"""Datasets: what is kept, changed, listed, refused.

Pages: docs/reference/rest/v2/datasets, docs/labels-intro (of https://cloud.google.com/bigquery).
"""

import datetime as dt
import itertools
from typing import Any

import pytest
from google.cloud import bigquery
from google.cloud.bigquery.enums import DatasetView, UpdateMode

from emulators.tests.bigquery.database import CALL, Clock, Database, connect, refusal

_number = itertools.count()


def test_a_dataset_keeps_what_it_is_given(db: Database) -> None:
    dataset = bigquery.Dataset(f"{db.path}_x")
    dataset.location = "EU"
    dataset.labels = {"tenant": "acme"}
    dataset.description = "what it is"
    dataset.access_entries = [bigquery.AccessEntry("READER", "userByEmail", "a@example.com")]
    made = db.client.create_dataset(dataset, **CALL)
    seen = db.client.get_dataset(made.reference, **CALL)

    assert (seen.location, seen.labels, seen.description) == ("EU", {"tenant": "acme"}, "what it is")
    assert [(e.role, e.entity_id) for e in seen.access_entries] == [("READER", "a@example.com")]
    assert seen.etag
    assert abs(seen.created - db.clock()) < dt.timedelta(minutes=1)


def test_a_dataset_without_access_gets_the_projects_roles(db: Database) -> None:
    roles = {(e.role, e.entity_id) for e in db.client.get_dataset(db.path, **CALL).access_entries}

    assert {("WRITER", "projectWriters"), ("OWNER", "projectOwners"), ("READER", "projectReaders")} <= roles


def test_a_dataset_can_be_seen_and_labelled_without_who_may_open_it(db: Database) -> None:
    seen = db.client.get_dataset(db.path, dataset_view=DatasetView.METADATA, **CALL)
    before = db.client.get_dataset(db.path, **CALL).access_entries
    seen.labels = {"tenant": "acme"}
    db.client.update_dataset(seen, ["labels"], update_mode=UpdateMode.UPDATE_METADATA, **CALL)
    after = db.client.get_dataset(db.path, dataset_view=DatasetView.FULL, **CALL)

    assert not seen.access_entries
    assert after.labels == {"tenant": "acme"}
    assert after.access_entries == before


def test_who_may_open_a_dataset_is_not_changed_by_halves(db: Database) -> None:
    seen = db.client.get_dataset(db.path, **CALL)

    refused = refusal(
        lambda: db.client.update_dataset(seen, ["access_entries"], update_mode=UpdateMode.UPDATE_METADATA, **CALL)
    )

    assert (refused.status, refused.reason) == (501, "notImplemented")


def test_a_dataset_that_exists_is_not_created_again(db: Database) -> None:
    refused = refusal(lambda: db.client.create_dataset(db.path, **CALL))

    assert (refused.status, refused.reason) == (409, "duplicate")
    assert f"Already Exists: Dataset {db.project}:{db.dataset}" in refused.message


@pytest.mark.parametrize("bad", ["with-dash", "ümlaut", "x" * 1025, "a.b"])
def test_dataset_ids_are_letters_digits_and_underscores(db: Database, bad: str) -> None:
    body = {"datasetReference": {"projectId": db.project, "datasetId": bad}}
    status, answer = db.call("POST", "datasets", body)

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert "Invalid dataset ID" in answer["error"]["message"]


def test_a_missing_dataset_is_not_found(db: Database) -> None:
    refused = refusal(lambda: db.client.get_dataset(f"{db.project}.never", **CALL))

    assert (refused.status, refused.reason, refused.message) == (
        404,
        "notFound",
        f"Not found: Dataset {db.project}:never",
    )


def test_an_update_with_an_old_etag_is_refused_with_412(db: Database) -> None:
    first, second = (db.client.get_dataset(db.path, **CALL) for _ in range(2))
    first.labels = {"a": "1"}
    db.client.update_dataset(first, ["labels"], **CALL)

    second.labels = {"a": "2"}
    refused = refusal(lambda: db.client.update_dataset(second, ["labels"], **CALL))

    assert (refused.status, refused.reason) == (412, "conditionNotMet")
    assert db.client.get_dataset(db.path, **CALL).labels == {"a": "1"}


def test_a_delete_with_an_old_etag_is_refused_with_412(db: Database) -> None:
    """googleapis/google-cloud-java, issue 468: Dataset.delete fails if If-Match does not match."""
    old = db.client.get_dataset(db.path, **CALL)
    db.call("PATCH", f"datasets/{db.dataset}", {"labels": {"a": "1"}})

    def delete() -> None:
        db.client._call_api(None, method="DELETE", path=old.path, headers={"If-Match": old.etag})

    refused = refusal(delete)

    assert (refused.status, refused.reason) == (412, "conditionNotMet")
    assert db.client.get_dataset(db.path, **CALL).labels == {"a": "1"}


def test_a_patch_keeps_what_it_does_not_name(db: Database) -> None:
    dataset = db.client.get_dataset(db.path, **CALL)
    dataset.labels, dataset.description = {"a": "1"}, "d"
    db.client.update_dataset(dataset, ["labels", "description"], **CALL)
    dataset = db.client.get_dataset(db.path, **CALL)
    dataset.labels = {"a": None, "b": "2"}
    db.client.update_dataset(dataset, ["labels"], **CALL)

    seen = db.client.get_dataset(db.path, **CALL)
    assert (seen.labels, seen.description) == ({"b": "2"}, "d")


def test_an_update_replaces_and_a_patch_merges(db: Database) -> None:
    """docs/reference/rest/v2/datasets: update replaces the whole resource, patch only what is submitted."""
    path = f"datasets/{db.dataset}"
    db.call("PATCH", path, {"labels": {"a": "1"}, "description": "d", "friendlyName": "f"})
    patched = db.call("PATCH", path, {"labels": {"b": "2"}, "friendlyName": None})[1]
    assert (patched["labels"], patched["description"], "friendlyName" in patched) == ({"a": "1", "b": "2"}, "d", False)
    assert db.call("PATCH", path, {"labels": None})[1].get("labels") is None

    replaced = db.call("PUT", path, {"labels": {"c": "3"}})[1]
    assert (replaced["labels"], "description" in replaced) == ({"c": "3"}, False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"location": "EU"}, "location cannot be changed"),
        ({"datasetReference": {"datasetId": "other"}}, "must match the URL"),
        ({"labels": {"Upper": "x"}}, "Label key 'Upper' has invalid format"),
        ({"access": [{"role": "KING", "userByEmail": "a@example.com"}]}, "Invalid value for role: KING"),
        ({"access": [{"role": "READER"}]}, "Exactly one of the members of an access entry"),
        ({"maxTimeTravelHours": "47"}, "Invalid value for maxTimeTravelHours: 47"),
        ({"storageBillingModel": "FREE"}, "Invalid value for storageBillingModel: FREE"),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_changes_of_a_dataset_that_are_refused(
    db: Database, method: str, changes: dict[str, Any], message: str
) -> None:
    status, answer = db.call(method, f"datasets/{db.dataset}", changes)

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert message in answer["error"]["message"]


@pytest.mark.parametrize(
    "extra",
    [
        {"defaultTableExpirationMs": "3600000"},
        {"defaultPartitionExpirationMs": "3600000"},
        {"defaultEncryptionConfiguration": {"kmsKeyName": "k"}},
        {"isCaseInsensitive": True},
    ],
)
def test_dataset_properties_that_would_do_nothing_are_refused(db: Database, extra: dict[str, Any]) -> None:
    status, answer = db.call("PATCH", f"datasets/{db.dataset}", extra)

    assert (status, answer["error"]["errors"][0]["reason"]) == (501, "notImplemented")
    assert next(iter(extra)) in answer["error"]["message"]


def test_a_dataset_of_another_project_is_not_created(db: Database) -> None:
    body = {"datasetReference": {"projectId": "somebody-else", "datasetId": "x"}}
    status, answer = db.call("POST", "datasets", body)

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")


def test_a_dataset_with_tables_is_deleted_only_with_its_contents(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    refused = refusal(lambda: db.client.delete_dataset(db.path, **CALL))

    assert (refused.status, refused.reason) == (400, "resourceInUse")
    assert f"Dataset {db.project}:{db.dataset} is still in use" in refused.message
    db.client.delete_dataset(db.path, delete_contents=True, **CALL)
    assert refusal(lambda: db.client.get_dataset(db.path, **CALL)).status == 404


def test_datasets_are_listed_in_pages_and_by_label(url: str) -> None:
    client = connect(url, f"listing-{next(_number)}")
    for i in range(23):
        dataset = bigquery.Dataset(f"{client.project}.d{i:02}")
        dataset.labels = {"even": str(i % 2 == 0).lower(), "n": str(i)}
        client.create_dataset(dataset, **CALL)

    assert [d.dataset_id for d in client.list_datasets(page_size=5, **CALL)] == [f"d{i:02}" for i in range(23)]
    assert len(list(client.list_datasets(filter="labels.even:true", page_size=3, **CALL))) == 12
    assert [d.dataset_id for d in client.list_datasets(filter="labels.even:true labels.n:4", **CALL)] == ["d04"]
    client.close()  # type: ignore[no-untyped-call]  # it has no types


def test_ten_thousand_datasets_are_listed_in_pages(url: str) -> None:
    """docs/reference/rest/v2/datasets/list: maxResults, pageToken, filter."""
    client = connect(url, f"many-{next(_number)}")
    for start in range(0, 10_000, 500):
        client.query_and_wait("".join(f"CREATE SCHEMA d{i:05};" for i in range(start, start + 500)))
    for i in range(0, 10_000, 400):
        dataset = client.get_dataset(f"{client.project}.d{i:05}", **CALL)
        dataset.labels = {"every": "400"}
        client.update_dataset(dataset, ["labels"], **CALL)

    pages = [[d.dataset_id for d in page] for page in client.list_datasets(page_size=900, **CALL).pages]
    assert [len(page) for page in pages] == [900] * 11 + [100]
    assert [name for page in pages for name in page] == [f"d{i:05}" for i in range(10_000)]
    assert [d.dataset_id for d in client.list_datasets(filter="labels.every:400", page_size=7, **CALL)] == [
        f"d{i:05}" for i in range(0, 10_000, 400)
    ]
    client.close()  # type: ignore[no-untyped-call]  # it has no types


@pytest.mark.parametrize("filter_", ["tenth:3", "labels.", "labels.a.b:c", "labels.a:b:c", "name:x"])
def test_a_filter_of_another_form_is_refused(db: Database, filter_: str) -> None:
    refused = refusal(lambda: list(db.client.list_datasets(filter=filter_, **CALL)))

    assert (refused.status, refused.reason) == (400, "invalid")
    assert "filters are of the form labels.name[:value]" in refused.message


def test_another_project_is_denied(db: Database) -> None:
    refused = db.refused("SELECT * FROM `somebody-elses.d.t`")

    assert (refused.status, refused.reason) == (403, "accessDenied")


def test_times_follow_the_injected_clock(db: Database, clock: Clock) -> None:
    with clock.later(days=400):
        db.table("t", "a INT64")
        (now,) = db.rows("SELECT CURRENT_TIMESTAMP()")[0]

    assert now - dt.datetime.now(dt.UTC) > dt.timedelta(days=399)  # noqa: TID251 - compared with the injected one
    assert db.client.get_table(f"{db.path}.t", **CALL).created > clock() + dt.timedelta(days=399)
