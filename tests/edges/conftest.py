"""The functions as functions-framework serves them, over an instance that is made of fakes."""

from collections.abc import Iterator

import functions_framework
import pytest
from flask.testing import FlaskClient
from werkzeug.test import Client

from shared import wiring
from shared.adapters.template_files import TemplateFiles
from shared.wiring import Instance
from tests.builders import (
    ADMIN_SECRET,
    KEY,
    OTHER,
    OTHER_KEY,
    ROOT,
    make_control,
    make_tenant,
    settings,
    tenant,
)
from tests.edges.conformance import ConformingClient
from tests.fakes import FakeSecrets, FakeServices

ADMIN_KEY = "admin-key-of-this-test"


class FakeInstance(Instance):
    """The real wiring of everything that is ours, over fakes of everything that is Google's."""

    def __init__(self, world: FakeServices) -> None:
        super().__init__(world.settings)
        # They take the place of the late ports, and of what `made_once` would make.
        vars(self).update(
            clock=world.clock,
            catalog=world.catalog,
            rows=world.rows,
            jobs=world.jobs,
            bus=world.bus,
            api_keys_cipher=world.api_keys_cipher,
            credentials_cipher=world.credentials_cipher,
            secrets=FakeSecrets({ADMIN_SECRET: f"{ADMIN_KEY}\n"}),
            mailer=world.mailer,
            rate_limits=world.rate_limits,
            templates=TemplateFiles(ROOT / "configs"),
        )


@pytest.fixture
def world() -> Iterator[FakeServices]:
    """Two onboarded tenants and the shipped templates; what the functions do is seen in its fakes."""
    made = FakeServices(settings())
    make_control(made.warehouse)
    make_tenant(made.warehouse, tenant(), KEY)
    make_tenant(made.warehouse, tenant(tenant_id=OTHER, admin_email="admin@bytefactory.example"), OTHER_KEY)
    serve(made)
    yield made
    wiring.serve_with(None)


def serve(world: FakeServices) -> None:
    wiring.serve_with(FakeInstance(world))


@pytest.fixture(scope="session")
def api() -> Client:
    """The API; every answer that a test sees has to be one that the OpenAPI document describes."""
    return client("api", ConformingClient)


@pytest.fixture(scope="session")
def run_pipeline() -> Client:
    return client("run_pipeline")


def client(function: str, kind: type[FlaskClient] = FlaskClient) -> Client:
    """A test client of a function, loaded as in the cloud: from its file."""
    source = str(ROOT / "functions" / function / "main.py")
    app = functions_framework.create_app(function, source)  # type: ignore[no-untyped-call]  # it has no types
    app.test_client_class = kind
    made: Client = app.test_client()
    return made
