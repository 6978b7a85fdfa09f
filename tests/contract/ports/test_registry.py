"""The registry's pages, as its query finds them."""

from datetime import timedelta

import pytest

from shared.tenants.registry import Registered, Registry
from tests.builders import schema, settings, tenant
from tests.contract.ports.cloud import Warehouse
from tests.fakes import START

IDS = ["beta_0002", "alpha_0001", "beta2_0001", "gamma_0003"]


@pytest.fixture
def registry(warehouse: Warehouse) -> Registry:
    warehouse.make_table(schema("x_meta_tenants"), "x_meta_tenants")
    made = Registry(
        warehouse.jobs, settings(gcp_project_id=warehouse.project, control_dataset=warehouse.dataset.dataset)
    )
    for number, tenant_id in enumerate(IDS):
        who = tenant(
            tenant_id=tenant_id,
            status="suspended" if number % 2 else "active",
            enabled_templates=("gcp/cost/cost_billing",) * number,
        )
        made.enter(who, onboarded_at=START + timedelta(hours=number), request=warehouse.job_id())
    return made


def test_pages_are_in_the_order_of_ids_and_each_tenant_is_in_one(registry: Registry) -> None:
    first = registry.page(limit=3)
    assert [one.tenant_id for one in first] == sorted(IDS)[:3]
    assert [one.tenant_id for one in registry.page(limit=3, after=first[-1].tenant_id)] == sorted(IDS)[3:]
    assert registry.page(limit=3, after="gamma_0003") == []


def test_a_page_is_of_those_that_stand_so(registry: Registry) -> None:
    assert [one.tenant_id for one in registry.page(limit=9, status="active")] == ["beta2_0001", "beta_0002"]
    assert registry.page(limit=9, status="suspended", after="alpha_0001") == [
        Registered(
            "gamma_0003",
            "suspended",
            "admin@acmeinc.example",
            ("gcp/cost/cost_billing",) * 3,
            START + timedelta(hours=3),
        )
    ]
