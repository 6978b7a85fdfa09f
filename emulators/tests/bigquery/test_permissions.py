"""Who may do what: each method asks for the permissions that its page names, and for nothing else.

Pages (of https://cloud.google.com/bigquery): docs/access-control, and the "Required permissions" of docs/datasets,
docs/managing-tables, docs/streaming-data-into-bigquery, docs/writing-results, docs/batch-loading-data,
docs/managing-jobs; docs/error-messages for accessDenied.
"""

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.bigquery.access import grants
from emulators.bigquery.access.resources import Resource
from emulators.tests.bigquery.database import CALL, Clock, Refusal, connect, field, refusal, request, serve

PROJECT, DATASET = "projects/p", "projects/p/datasets/d"
TABLES, TABLE = f"{DATASET}/tables/*", f"{DATASET}/tables/t"
JOB = ("bigquery.jobs.create", PROJECT)
CREATE = ("bigquery.tables.create", DATASET)
numbers = itertools.count()


def fresh() -> str:
    return f"x{next(numbers)}"


def of(what: str, resource: str = TABLES) -> tuple[str, str]:
    return f"bigquery.{what}", resource


@dataclass
class Case:
    """What somebody does in dataset d, with a table of their own, and what that takes."""

    needs: list[tuple[str, str]]
    act: Callable[[bigquery.Client, str], Any]


def run(client: bigquery.Client, sql: str, **options: Any) -> Any:
    config = bigquery.QueryJobConfig(**options)
    return client.query(sql, config, job_retry=None, **CALL).result(retry=None, job_retry=None, timeout=20)


def load(client: bigquery.Client, table: str, **options: Any) -> None:
    config = bigquery.LoadJobConfig(schema=[field("a INT64")], **options)
    client.load_table_from_json([{"a": 1}], f"p.d.{table}", job_config=config, num_retries=0).result(retry=None)


def write(client: bigquery.Client, table: str, disposition: str, sql: str = "SELECT 1 AS a", **more: Any) -> None:
    run(client, sql, destination=f"p.d.{table}", write_disposition=disposition, **more)


def copy(client: bigquery.Client, table: str) -> None:
    config = bigquery.CopyJobConfig(write_disposition="WRITE_APPEND")
    client.copy_table("p.d.t", f"p.d.{table}", job_config=config, **CALL).result(retry=None, timeout=20)


def describe(client: bigquery.Client, table: str) -> None:
    changed = bigquery.Table(f"p.d.{table}")
    changed.description = "new"
    client.update_table(changed, ["description"], **CALL)


def describe_dataset(client: bigquery.Client, table: str) -> None:
    changed = bigquery.Dataset("p.d")
    changed.description = table
    client.update_dataset(changed, ["description"], **CALL)


def view(client: bigquery.Client, table: str) -> None:
    made = bigquery.Table(f"p.d.{table}_view")
    made.view_query = "SELECT a FROM p.d.t"
    client.create_table(made, **CALL)


WRITE = [JOB, CREATE, of("tables.updateData")]
GROW: dict[str, Any] = {"schema_update_options": ["ALLOW_FIELD_ADDITION"]}
CASES: dict[str, Case] = {
    "datasets.insert": Case([of("datasets.create", PROJECT)], lambda c, t: c.create_dataset(f"p.{t}", **CALL)),
    "datasets.get": Case([of("datasets.get", DATASET)], lambda c, _: c.get_dataset("p.d", **CALL)),
    "datasets.patch": Case([of("datasets.update", DATASET)], describe_dataset),
    "tables.insert": Case([CREATE], lambda c, t: c.create_table(bigquery.Table(f"p.d.{t}_new"), **CALL)),
    "tables.insert of a view": Case([CREATE, of("tables.getData", TABLE)], view),
    "tables.get": Case([of("tables.get")], lambda c, t: c.get_table(f"p.d.{t}", **CALL)),
    "tables.list": Case([of("tables.list", DATASET)], lambda c, _: list(c.list_tables("p.d", **CALL))),
    "tables.patch": Case([of("tables.get"), of("tables.update")], describe),
    "tables.delete": Case(
        [of("tables.get"), of("tables.delete")], lambda c, t: c.delete_table(f"p.d.{t}", **CALL)
    ),
    "tabledata.list": Case(
        [of("tables.getData")], lambda c, t: list(c.list_rows(f"p.d.{t}", selected_fields=[field("a INT64")], **CALL))
    ),
    "tabledata.insertAll": Case(
        [of("tables.updateData"), of("tables.get"), of("datasets.get", DATASET)],
        lambda c, t: c.insert_rows_json(f"p.d.{t}", [{"a": 1}], **CALL),
    ),
    "a query": Case([JOB, of("tables.getData")], lambda c, t: run(c, f"SELECT a FROM p.d.{t}")),
    "a query of two tables": Case(
        [JOB, of("tables.getData", TABLE), of("tables.getData", f"{DATASET}/tables/x*")],
        lambda c, t: run(c, f"SELECT a FROM p.d.{t} JOIN p.d.t USING (a)"),
    ),
    "a query through a view": Case(
        [JOB, of("tables.getData", TABLE), of("tables.getData", f"{DATASET}/tables/v")],
        lambda c, _: run(c, "SELECT a FROM p.d.v"),
    ),
    "a dry run": Case([JOB, of("tables.getData")], lambda c, t: run_dry(c, f"SELECT a FROM p.d.{t}")),
    "a query of nothing": Case([JOB], lambda c, _: run(c, "SELECT 1")),
    "jobs.query": Case([JOB, of("tables.getData")], lambda c, t: list(c.query_and_wait(
        f"SELECT a FROM p.d.{t}"))),
    "a query into a table": Case(WRITE, lambda c, t: write(c, t, "WRITE_APPEND")),
    "a query into a new table": Case(WRITE, lambda c, t: write(c, f"{t}_new", "WRITE_EMPTY")),
    "a query into a table that it never creates": Case(
        [JOB, of("tables.updateData")], lambda c, t: write(c, t, "WRITE_APPEND", create_disposition="CREATE_NEVER")
    ),
    "a query that replaces a table": Case(
        [*WRITE, of("tables.update")], lambda c, t: write(c, t, "WRITE_TRUNCATE")
    ),
    "a query that replaces rows": Case(WRITE, lambda c, t: write(c, t, "WRITE_TRUNCATE_DATA")),
    "a query that adds a column": Case(
        [*WRITE, of("tables.update")], lambda c, t: write(c, t, "WRITE_APPEND", "SELECT 1 AS a, 2 AS b", **GROW)
    ),
    "a load": Case(WRITE, load),
    "a load that replaces a table": Case(
        [*WRITE, of("tables.update")], lambda c, t: load(c, t, write_disposition="WRITE_TRUNCATE")
    ),
    "a copy": Case(
        [JOB, CREATE, of("tables.update"), of("tables.get"), of("tables.getData")], copy
    ),
    "INSERT": Case([JOB, of("tables.updateData")], lambda c, t: run(c, f"INSERT p.d.{t} (a) VALUES (1)")),
    "INSERT of a query": Case(
        [JOB, of("tables.updateData"), of("tables.getData", TABLE)],
        lambda c, t: run(c, f"INSERT p.d.{t} (a) SELECT a FROM p.d.t"),
    ),
    "UPDATE": Case(
        [JOB, of("tables.updateData"), of("tables.getData")],
        lambda c, t: run(c, f"UPDATE p.d.{t} SET a = 1 WHERE TRUE"),
    ),
    "DELETE": Case(
        [JOB, of("tables.updateData"), of("tables.getData")], lambda c, t: run(c, f"DELETE FROM p.d.{t} WHERE TRUE")
    ),
    "MERGE": Case(
        [JOB, of("tables.updateData"), of("tables.getData")],
        lambda c, t: run(c, f"MERGE p.d.{t} USING p.d.t AS s ON {t}.a = s.a WHEN MATCHED THEN DELETE"),
    ),
    "TRUNCATE": Case([JOB, of("tables.updateData")], lambda c, t: run(c, f"TRUNCATE TABLE p.d.{t}")),
    "CREATE TABLE": Case([JOB, CREATE], lambda c, t: run(c, f"CREATE TABLE p.d.{t}_new (a INT64)")),
    "CREATE TABLE AS": Case(
        [JOB, CREATE, of("tables.getData", TABLE)], lambda c, t: run(c, f"CREATE TABLE d.{t}_new AS SELECT a FROM d.t")
    ),
    "CREATE TABLE LIKE": Case(
        [JOB, CREATE, of("tables.get", TABLE)], lambda c, t: run(c, f"CREATE TABLE p.d.{t}_new LIKE p.d.t")
    ),
    "CREATE OR REPLACE TABLE": Case(
        [JOB, CREATE, of("tables.update"), of("tables.updateData")],
        lambda c, t: run(c, f"CREATE OR REPLACE TABLE p.d.{t} (a INT64)"),
    ),
    "CREATE VIEW": Case(
        [JOB, CREATE, of("tables.getData", TABLE)], lambda c, t: run(c, f"CREATE VIEW p.d.{t}_new AS SELECT a FROM d.t")
    ),
    "ALTER TABLE": Case(
        [JOB, of("tables.get"), of("tables.update")], lambda c, t: run(c, f"ALTER TABLE p.d.{t} ADD COLUMN b INT64")
    ),
    "DROP TABLE": Case(
        [JOB, of("tables.get"), of("tables.delete")], lambda c, t: run(c, f"DROP TABLE p.d.{t}")
    ),
    "CREATE SCHEMA": Case(
        [JOB, of("datasets.create", PROJECT)], lambda c, t: run(c, f"CREATE SCHEMA p.{t}")
    ),
    "INFORMATION_SCHEMA": Case(
        [JOB, of("tables.get", DATASET), of("tables.list", DATASET)],
        lambda c, _: run(c, "SELECT table_name FROM d.INFORMATION_SCHEMA.TABLES"),
    ),
    "jobs.list": Case([of("jobs.list", PROJECT)], lambda c, _: list(c.list_jobs(**CALL))),
    "jobs.list of all": Case([of("jobs.listAll", PROJECT)], lambda c, _: list(c.list_jobs(all_users=True, **CALL))),
    "jobs.get of another": Case([of("jobs.get", PROJECT)], lambda c, _: c.get_job("others", location="US", **CALL)),
    "jobs.cancel of another": Case(
        [of("jobs.update", PROJECT)], lambda c, _: c.cancel_job("others", location="US", **CALL)
    ),
}  # fmt: skip


def run_dry(client: bigquery.Client, sql: str) -> None:
    client.query(sql, bigquery.QueryJobConfig(dry_run=True), job_retry=None, **CALL)


def account(needs: list[tuple[str, str]], name: str) -> dict[str, Any]:
    listed = [{"permission": permission, "resource": resource} for permission, resource in needs]
    return {"account": f"{name}@p.iam.gserviceaccount.com", "grants": listed}


OF_TABLES = 'resource.type == "bigquery.googleapis.com/Table"'
RECORDS = 'resource.name.extract("/tables/{table}").startsWith("x_meta_")'
MAKER = [JOB, of("datasets.create", PROJECT)]


def everybody() -> dict[str, Any]:
    found = {
        "admin": {"account": "admin@p", "grants": [{"resource": PROJECT, "role": "roles/bigquery.admin"}]},
        "maker": account(MAKER, "maker"),
        "jobs only": account([JOB], "jobs-only"),
        "records": {
            "account": "records@p",
            "grants": [
                {"resource": PROJECT, "role": "roles/bigquery.jobUser"},
                {"resource": "projects/*", "permissions": ["bigquery.tables.getData"], "condition": RECORDS},
            ],
        },
    }
    for number, case in enumerate(CASES.values()):
        found[f"{number}"] = account(case.needs, f"case-{number}")
        for without in range(len(case.needs)):
            kept = [need for i, need in enumerate(case.needs) if i != without]
            found[f"{number} without {without}"] = account(kept, f"case-{number}-without-{without}")
    return found


class Service:
    """A BigQuery whose callers have the grants of `everybody`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._clients: dict[str, bigquery.Client] = {}

    def client(self, token: str) -> bigquery.Client:
        if token not in self._clients:
            self._clients[token] = connect(self.url, "p", token)
        return self._clients[token]

    def table(self, name: str = "") -> str:
        """A table of one row."""
        name = name or fresh()
        self.client("admin").create_table(bigquery.Table(f"p.d.{name}", [field("a INT64")]), **CALL)
        load(self.client("admin"), name)
        return name

    def used(self, account: str) -> list[dict[str, Any]]:
        status, answer = request("GET", f"{self.url}/emulator/permissions")
        assert status == 200
        return [use for use in answer["used"] if use["account"].partition("@")[0] == account]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("permissions")
    file = directory / "permissions.json"
    file.write_text(json.dumps(everybody()))
    with serve(directory / "data", Clock(), file) as url:
        found = Service(url)
        found.client("admin").create_dataset("p.d", **CALL)
        found.table("t")
        run(found.client("admin"), "CREATE VIEW p.d.v AS SELECT a FROM p.d.t")
        found.client("admin").query("SELECT a FROM p.d.t", job_id="others", job_retry=None, **CALL).result()
        yield found


# -- each method -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_a_method_takes_what_its_page_names_and_nothing_else(service: Service, name: str) -> None:
    number, case = list(CASES).index(name), CASES[name]

    case.act(service.client(f"{number}"), service.table())

    uses = service.used(f"case-{number}")
    assert all(use["granted"] and use["by"] == "grant" for use in uses)
    assert {use["permission"] for use in uses} == {permission for permission, _ in case.needs}


@pytest.mark.parametrize(
    ("name", "without"), [(name, i) for name, case in CASES.items() for i in range(len(case.needs))]
)
def test_a_method_is_denied_without_any_of_them(service: Service, name: str, without: int) -> None:
    number, case = list(CASES).index(name), CASES[name]
    permission, _ = case.needs[without]

    refused = refusal(lambda: case.act(service.client(f"{number} without {without}"), service.table()))

    assert (refused.status, refused.reason) == (403, "accessDenied")
    assert refused.message.startswith("Access Denied: ")
    assert permission in refused.message
    denied = [use for use in service.used(f"case-{number}-without-{without}") if not use["granted"]]
    assert {use["permission"] for use in denied} == {permission}


# -- how it is worded ------------------------------------------------------------------------------------


def denied(service: Service, act: Callable[[bigquery.Client], Any], token: str = "jobs only") -> Refusal:
    return refusal(lambda: act(service.client(token)))


WORDED: list[tuple[Callable[[bigquery.Client], Any], str]] = [
    (
        lambda c: run(c, "SELECT a FROM p.d.t"),
        "Table p:d.t: Permission bigquery.tables.getData denied on table p:d.t (or it may not exist).",
    ),
    (
        lambda c: c.get_dataset("p.d", **CALL),
        "Dataset p:d: Permission bigquery.datasets.get denied on dataset p:d (or it may not exist).",
    ),
    (
        lambda c: c.create_dataset("p.other", **CALL),
        "Project p: User does not have bigquery.datasets.create permission in project p.",
    ),
    (
        lambda c: c.get_job("others", location="US", **CALL),
        "Job p:US.others: Permission bigquery.jobs.get denied on job p:US.others (or it may not exist).",
    ),
    (
        lambda c: write(c, "t$20250101", "WRITE_APPEND", create_disposition="CREATE_NEVER"),
        "Table p:d.t: Permission bigquery.tables.updateData denied on table p:d.t (or it may not exist).",
    ),
]


@pytest.mark.parametrize(("act", "message"), WORDED)
def test_a_refusal_is_worded_as_the_service_words_it(
    service: Service, act: Callable[[bigquery.Client], Any], message: str
) -> None:
    assert denied(service, act).message == f"Access Denied: {message}"


@pytest.mark.parametrize("path", ["p.d.none", "p.none.t"])
def test_what_one_may_not_see_is_denied_whether_it_is_there_or_not(service: Service, path: str) -> None:
    for act in (
        lambda c: c.get_table(path, **CALL),
        lambda c: list(c.list_rows(path, selected_fields=[field("a INT64")], **CALL)),
        lambda c: run(c, f"SELECT a FROM {path}"),
    ):
        assert denied(service, act).status == 403
    assert denied(service, lambda c: c.get_table(path, **CALL), "admin").status == 404


def test_a_query_without_rights_is_a_job_that_failed(service: Service) -> None:
    job = service.client("jobs only").query("SELECT a FROM p.d.t", job_retry=None, **CALL)

    seen = service.client("jobs only").get_job(job.job_id, location="US", **CALL)
    assert (seen.state, seen.error_result["reason"]) == ("DONE", "accessDenied")


@pytest.mark.parametrize(
    ("header", "reason"), [(None, "required"), ("Bearer nope", "authError"), ("Basic x", "required")]
)
def test_nobody_and_an_unknown_token_are_401(service: Service, header: str | None, reason: str) -> None:
    headers = {} if header is None else {"authorization": header}
    status, answer = request("GET", f"{service.url}/bigquery/v2/projects/p/datasets/d", headers=headers)

    assert (status, answer["error"]["status"]) == (401, "UNAUTHENTICATED")
    (error,) = answer["error"]["errors"]
    assert (error["reason"], error["location"], error["locationType"]) == (reason, "Authorization", "header")


# -- whose jobs ------------------------------------------------------------------------------------------


def test_whoever_made_a_job_sees_it_without_more_rights(service: Service) -> None:
    client = service.client("jobs only")
    job = client.query("SELECT 1 AS a", job_retry=None, **CALL)

    assert [r.a for r in job.result(timeout=20)] == [1]
    seen = client.get_job(job.job_id, location="US", **CALL)
    assert (seen.state, seen.user_email) == ("DONE", "jobs-only@p.iam.gserviceaccount.com")
    client.cancel_job(job.job_id, location="US", **CALL)


def test_the_results_of_anothers_query_are_denied(service: Service) -> None:
    path = f"{service.url}/bigquery/v2/projects/p/queries/others?location=US"
    status, answer = request("GET", path, headers={"authorization": "Bearer jobs only"})
    assert (status, answer["error"]["errors"][0]["reason"]) == (403, "accessDenied")

    job = service.client("admin").get_job("others", location="US", **CALL)
    assert isinstance(job, bigquery.QueryJob)
    reference = job.destination
    assert denied(service, lambda c: c.get_table(reference, **CALL)).status == 403
    assert service.client("admin").get_table(reference, **CALL).num_rows == 1


def test_a_list_of_jobs_shows_ones_own(service: Service) -> None:
    number = list(CASES).index("jobs.list")

    assert list(service.client(f"{number}").list_jobs(**CALL)) == []
    assert "others" in [job.job_id for job in service.client("admin").list_jobs(all_users=True, **CALL)]


def test_deleting_a_job_takes_a_right_of_its_own(service: Service) -> None:
    job = service.client("jobs only").query("SELECT 1", job_retry=None, **CALL)

    refused = denied(service, lambda c: c.delete_job_metadata(job.job_id, location="US", **CALL))
    assert "bigquery.jobs.delete" in refused.message
    service.client("admin").delete_job_metadata(job.job_id, location="US", **CALL)


# -- grants ----------------------------------------------------------------------------------------------


def test_a_condition_narrows_a_grant_to_tables_by_their_names(service: Service) -> None:
    """terraform/tenant_datasets.tf: project-wide, table ids that begin with x_meta_."""
    service.table("x_meta_runs")

    assert [tuple(r.values()) for r in run(service.client("records"), "SELECT a FROM p.d.x_meta_runs")] == [(1,)]
    assert denied(service, lambda c: run(c, "SELECT a FROM p.d.t"), "records").status == 403


def test_whoever_made_a_dataset_owns_it(service: Service) -> None:
    """docs/reference/rest/v2/datasets: without `access` the creator is an owner."""
    client, name = service.client("maker"), fresh()
    client.create_dataset(f"p.{name}", **CALL)
    client.create_table(bigquery.Table(f"p.{name}.t", [field("a INT64")]), **CALL)

    assert list(run(client, f"SELECT a FROM p.{name}.t")) == []
    assert {use["by"] for use in service.used("maker")} == {"grant", "dataset access"}
    assert denied(service, lambda c: c.get_dataset(f"p.{name}", **CALL)).status == 403


def test_a_list_of_datasets_shows_what_one_may_see(service: Service) -> None:
    number = list(CASES).index("datasets.get")

    assert [d.dataset_id for d in service.client(f"{number}").list_datasets(**CALL)] == ["d"]
    assert list(service.client("jobs only").list_datasets(**CALL)) == []


def test_what_was_used_can_be_forgotten(service: Service) -> None:
    denied(service, lambda c: c.get_dataset("p.d", **CALL))
    assert service.used("jobs-only")

    assert request("DELETE", f"{service.url}/emulator/permissions") == (200, {"used": []})
    assert service.used("jobs-only") == []


def grant(**more: Any) -> dict[str, Any]:
    return {"t": {"account": "a", "grants": [{"resource": PROJECT, "permission": "bigquery.jobs.create"} | more]}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "it is not JSON"),
        ("[]", "expected an object"),
        ('{"t": {}, "t": {}}', "a key twice"),
        (json.dumps({"t": {"account": "a"}}), 'account 1: expected {"account": "…", "grants": […]}'),
        (json.dumps(grant(resource="p")), "account 1, grant 1: resource must be projects/P"),
        (json.dumps(grant(role="roles/bigquery.jobUser")), "exactly one of permission, permissions, role"),
        (json.dumps(grant(permission="jobs.create")), "permission must be like bigquery.tables.getData"),
        (json.dumps(grant(condition="true")), "a term that is not understood: 'true'"),
        (json.dumps(grant(condition='resource.name == "a" || resource.name == "b"')), "something else than &&"),
        (
            json.dumps({"t": {"account": "a", "grants": [{"resource": PROJECT, "role": "roles/x"}]}}),
            "no role 'roles/x'",
        ),
    ],
)
def test_a_file_that_says_something_else_is_refused_with_its_place(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "permissions.json"
    file.write_text(content)

    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        grants.read(file)

    assert str(refused.value).startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("condition", "name", "holds"),
    [
        ('resource.name != "projects/p/datasets/d"', "projects/p/datasets/d", False),
        ('!resource.name.startsWith("projects/p/datasets/d/")', "projects/p/datasets/d/tables/t", False),
        ('!resource.name.startsWith("projects/p/datasets/d/")', "projects/p/datasets/e/tables/t", True),
        (f'{OF_TABLES} && resource.name.endsWith("/t")', "projects/p/datasets/d/tables/t", True),
        (f'{OF_TABLES} && resource.name.endsWith("/d")', "projects/p/datasets/d", False),
        ('resource.name.extract("/datasets/{d}/") == "d"', "projects/p/datasets/d/tables/t", True),
        ('resource.name.extract("/datasets/{d}/") == "d"', "projects/p/datasets/d", False),
        ('resource.name.extract("projects/{p}") == ""', "projects/p", False),
    ],
)  # fmt: skip
def test_conditions_are_those_of_iam(tmp_path: Path, condition: str, name: str, holds: bool) -> None:
    file = tmp_path / "permissions.json"
    file.write_text(json.dumps(grant(condition=condition)))
    (found,) = grants.read(file).values()
    _, project, *rest = name.split("/")

    resource = Resource(project, *rest[1::2])

    assert (resource.name, found.may("bigquery.jobs.create", resource)) == (name, holds)


def test_the_server_does_not_start_with_a_file_that_says_something_else(tmp_path: Path) -> None:
    file = tmp_path / "permissions.json"
    file.write_text("[]")
    options = ["--port", "0", "--data-dir", str(tmp_path / "data"), "--permissions", str(file)]

    ended = subprocess.run(
        [sys.executable, "-m", "emulators.bigquery", *options], capture_output=True, text=True, check=False, timeout=60
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"cannot use --permissions: {file}: expected an object")
