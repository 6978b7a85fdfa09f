"""The onboarding engine checks its template before it makes anything."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.tables import DatasetRef
from shared.engines.customer.onboarding import Onboarding, OnboardingFields
from shared.errors import IsolationRefused, OnboardingInProgress, TemplateInvalid
from shared.tenants.claim import LEASE_LABEL
from tests.builders import DATA, OTHER, RUN, TENANT, context, run, services, tenant
from tests.fakes import FakeServices

NEEDED = (
    "x_meta_api_keys", "x_meta_cloud_credentials", "x_meta_pipeline_runs", "x_meta_step_logs", "x_meta_tenant",
)  # fmt: skip


@pytest.fixture
def world() -> FakeServices:
    return services()


def fields(*tables: str, **config: Any) -> OnboardingFields:
    listed = [{"table_name": name, "schema_file": f"{name}.json"} for name in tables or NEEDED]
    defaults = {"gcp_project_id": DATA, "dataset_id": TENANT, "metadata_tables": listed}
    return OnboardingFields.model_validate({"config": defaults | config})


def test_a_template_that_lists_what_is_needed_passes(world: FakeServices) -> None:
    Onboarding().check(fields(), context(world))


@pytest.mark.parametrize(
    "where", [{"dataset_id": OTHER}, {"dataset_id": f"{TENANT}_silver"}, {"gcp_project_id": "other-project"}]
)
def test_a_tenant_is_onboarded_into_its_own_dataset_only(world: FakeServices, where: dict[str, str]) -> None:
    with pytest.raises(IsolationRefused):
        Onboarding().check(fields(**where), context(world))


def test_what_the_platform_needs_is_made_also_where_the_template_does_not_list_it() -> None:
    world = services()
    world.warehouse.put(DatasetRef(DATA, OTHER), {LEASE_LABEL: f"1-{RUN}"})
    fresh = context(world, run=run(tenant_id=OTHER), tenant=tenant(tenant_id=OTHER))

    made = Onboarding().run(fields("x_meta_dq_results", dataset_id=OTHER), fresh)

    assert made.outputs["tables_created"] == ["x_meta_dq_results", *NEEDED]


@pytest.mark.parametrize("file", ["no_such.json", "../../control/x_meta_runs.json", ""])
def test_a_schema_file_that_is_not_there_is_answered_with_the_known_ones(world: FakeServices, file: str) -> None:
    tables = [{"table_name": "x_meta_tenant", "schema_file": file}]
    with pytest.raises(TemplateInvalid, match=r"known: .*x_meta_tenant\.json"):
        Onboarding().check(fields(metadata_tables=tables), context(world))


@pytest.mark.parametrize("name", ["costs", "x_meta_", "X_META_A", "x_meta_a`b", ""])
def test_only_metadata_tables_are_made(name: str) -> None:
    with pytest.raises(ValidationError):
        fields(name)


def test_without_the_claim_no_key_is_made(world: FakeServices) -> None:
    world.warehouse.put(DatasetRef(DATA, OTHER), {LEASE_LABEL: f"1-{'a' * 32}"})
    overtaken = context(world, run=run(tenant_id=OTHER), tenant=tenant(tenant_id=OTHER))

    with pytest.raises(OnboardingInProgress, match="taken over"):
        Onboarding().run(fields(dataset_id=OTHER), overtaken)

    assert world.warehouse.events(DatasetRef(DATA, OTHER).table("x_meta_api_keys")) == []
