"""Run the suites of the ports a third time, on a real project; a plugin, because they are not below this folder.

    pytest -p tests.system.plugin tests/contract/ports emulators/tests/bigquery/test_functions.py tests/system

Off by default; `make test.system` runs it. The suites are those of `make test`, not copies: their fixture `cloud` is
the project here, and every test that knows the backends `fake` and `embedded` runs with `google`. What only the
embedded services do is marked `not_on_google`, with its reason, and skipped with it. `--stack FILE` puts the services
of a local stack, by its ready file, in the place of Google's, so that all this is tried where there is no cloud.

docs/testing.md, "Against Google's own services", says which variables it takes, what is left out, and why.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError

from emulators.tests.bigquery.database import OTHER_DATABASE, Clock, Database
from shared.adapters import bigquery
from tests.contract.ports.cloud import CLOUD
from tests.system import target as targets
from tests.system.project import Project
from tests.system.target import Target

TARGET = pytest.StashKey[Target]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", type=Path, help="ready file of a local stack that stands for the real project")


def pytest_configure(config: pytest.Config) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - the day of the demo run is a real one
    try:
        target = config.stash[TARGET] = targets.read(os.environ, stack=config.getoption("stack"), now=now)
    except targets.TargetInvalid as error:
        raise pytest.UsageError(str(error)) from error
    if target.is_googles:
        _find_credentials(target.project)
    config.stash[CLOUD] = "project"
    config.stash[OTHER_DATABASE] = "project_database"


def _find_credentials(project: str) -> None:
    """Once, before any test: each of them would end in the same error."""
    try:
        google.auth.default()
    except DefaultCredentialsError as error:
        said = " ".join(str(error).split())
        raise pytest.UsageError(
            f"no credentials for {project}; run: gcloud auth application-default login ({said})"
        ) from None


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        # As a mark, and before others look: then it takes the place of the fixture's own parameters.
        metafunc.definition.add_marker(pytest.mark.parametrize("backend", ["google"], indirect=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if mark := item.get_closest_marker("not_on_google"):
            item.add_marker(pytest.mark.skip(reason=mark.args[0]))


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    """What the tests run against."""
    return pytestconfig.stash[TARGET]


@pytest.fixture(scope="session")
def project(target: Target) -> Iterator[Project]:
    """The project, cleaned up before and after."""
    with Project(target) as project:
        yield project


@pytest.fixture(scope="session")
def project_database(project: Project) -> Iterator[Database]:
    """The project's BigQuery, for a suite that only asks: one dataset for all its tests."""
    with contextlib.closing(bigquery.client(project.project, project.location, project.bigquery)) as client:
        yield Database(client, project.bigquery, Clock(), project.name())
