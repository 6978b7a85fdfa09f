"""What `make test.system` runs on a real project: tried on the stack, so that it works on the day that it is needed."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from local.functions import ROOT
from local.sample_billing import DEMO_DAY
from local.stack import Ready
from shared.adapters import bigquery, pubsub, secret_manager
from shared.contracts.tables import DatasetRef
from shared.contracts.tenant import TENANT_LABEL
from tests.contract.ports.cloud import subscriber
from tests.fakes import START
from tests.system.admin_api import AdminApi
from tests.system.project import Project
from tests.system.settled import SYSTEM_LABEL
from tests.system.target import Target, read

SUITES = [f"tests/contract/ports/test_{name}.py" for name in ("secrets", "rows")]
LONG_AGO, ANOTHER_RUN = "convergencesystem20250101000000_abc123456789", "convergencesystem29990101000000_abc123456789"


@pytest.fixture
def ready_file(stack: Ready, tmp_path: Path) -> Path:
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(asdict(stack)))
    return file


@pytest.fixture
def target(ready_file: Path) -> Target:
    return read({}, stack=ready_file, now=START)


def is_of_system_tests(name: str) -> bool:
    return name.startswith("convergencesystem")


def pytest_of(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    named = {name: value for name, value in os.environ.items() if not name.startswith(("SYSTEM_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**named, **environment}, capture_output=True, text=True, timeout=100, check=False
    )


def test_suites_and_the_demo_run_pass_on_a_stack_and_leave_nothing(ready_file: Path, target: Target) -> None:
    done = pytest_of(
        "-p", "tests.system.plugin", f"--stack={ready_file}", "tests/system", *SUITES, SYSTEM_DATE=str(DEMO_DAY)
    )
    assert done.returncode == 0, done.stdout
    assert "rows by their insertId" in done.stdout  # what is left out is said
    assert Project(target).remove(is_of_system_tests) == []


def catalog(target: Target) -> bigquery.BigQueryCatalog:
    return bigquery.BigQueryCatalog(bigquery.client(target.project, target.location, target.bigquery))


def make_dataset(target: Target, name: str, labels: Mapping[str, str]) -> DatasetRef:
    ref = DatasetRef(target.project, name)
    assert catalog(target).create_dataset(ref, location=target.location, labels=labels, description="of a test")
    return ref


def make_one_of_each(target: Target, name: str) -> None:
    """A dataset, a topic with a subscription, and a secret of this name."""
    make_dataset(target, name, {SYSTEM_LABEL: "suite"})
    parent = f"projects/{target.project}"
    topic = pubsub.client(target.pubsub).create_topic(name=f"{parent}/topics/{name}").name
    subscriber(target.pubsub).create_subscription(name=f"{parent}/subscriptions/{name}", topic=topic)
    secret: dict[str, Any] = {"replication": {"automatic": {}}}
    secrets = secret_manager.client(target.secret_manager)
    secrets.create_secret(request={"parent": parent, "secret_id": name, "secret": secret})


def test_what_a_run_made_and_what_is_left_of_old_ones_goes_another_runs_stays(target: Target) -> None:
    for name in (LONG_AGO, ANOTHER_RUN):
        make_one_of_each(target, name)

    with Project(target) as project:
        make_one_of_each(target, project.name())

    left = Project(target).remove(is_of_system_tests)
    assert {name.rpartition("/")[2] for name in left} == {ANOTHER_RUN}
    assert len(left) == 4


def test_a_dataset_that_only_bears_such_a_name_stays(target: Target) -> None:
    ref = make_dataset(target, f"{LONG_AGO}_silver", {"whose": "somebodys"})

    with Project(target):
        found = catalog(target).get_dataset(ref)

    assert found is not None
    assert catalog(target).delete_dataset(found)


def test_a_tenant_of_a_killed_demo_run_is_off_boarded_also_where_its_dataset_is_gone(target: Target) -> None:
    assert target.platform is not None
    lost = LONG_AGO.replace("_abc", "_def")
    with AdminApi(target.platform) as admin:
        for tenant_id in (LONG_AGO, lost):
            admin.onboard(tenant_id)
        found = catalog(target).get_dataset(DatasetRef(target.project, lost))
        assert found is not None
        assert catalog(target).delete_dataset(found)

        with Project(target):
            assert not {LONG_AGO, lost} & set(admin.tenants())

    assert catalog(target).get_dataset(DatasetRef(target.project, LONG_AGO)) is None


def test_without_the_platform_a_tenant_stays_for_a_run_that_has_it(target: Target) -> None:
    ref = make_dataset(target, LONG_AGO, {TENANT_LABEL: LONG_AGO})

    with Project(replace(target, platform=None)):
        assert catalog(target).get_dataset(ref) is not None
    with Project(target):
        assert catalog(target).get_dataset(ref) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("-p", "tests.system.plugin"), "SYSTEM_PROJECT is not set"), ((), "off by default")],
    ids=["no project", "no plugin"],
)
def test_it_does_not_run_by_accident(arguments: tuple[str, ...], said: str) -> None:
    refused = pytest_of(*arguments, "tests/system")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in refused.stderr
    assert "make test.system SYSTEM_PROJECT=" in refused.stderr


def test_without_credentials_it_stops_before_the_first_test(tmp_path: Path) -> None:
    nobody = {"HOME": str(tmp_path), "NO_GCE_CHECK": "true", "GOOGLE_APPLICATION_CREDENTIALS": ""}
    refused = pytest_of("-p", "tests.system.plugin", "tests/system", SYSTEM_PROJECT="acme-test", **nobody)
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no credentials for acme-test; run: gcloud auth application-default login" in refused.stderr.splitlines()[0]
