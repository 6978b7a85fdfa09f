"""`GET /templates`: what can be run, for whom, and what is not shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from shared.adapters.template_files import TemplateFiles
from shared.wiring import instance
from tests.builders import KEY, put_record, tenant
from tests.edges.conftest import ADMIN_KEY
from tests.fakes import FakeServices

URL = "/api/v1/templates"
ADMIN = {"X-Admin-Key": ADMIN_KEY}
TENANT_KEY = {"X-API-Key": KEY}
MAIL = """
  - step_id: tell
    ps_type: shared.email_notification
    to_emails: ["{operator_email}"]
    subject: "x"
    message: "x"
"""
GOOD = (
    """\
pipeline_id: "{tenant_id}-vm"
description: "Virtual machines of {region}"
variables:
  region: {type: string, default: europe, enum: [europe, us], description: "Which part of the estate"}
  share: {type: float, min: 0, max: 1, default: 0.5}
  names: [a, b]
  table_name: {type: identifier, default: vm}
  secret_table: "{billing_export_table}"
  owner: {type: email}
  admin_email: {type: email}
  gone: {type: string}
steps:"""
    + MAIL
)
DATED = 'pipeline_id: "{tenant_id}-dated"\nvariables:\n  day: "{date}"\nsteps:' + MAIL.replace('"x"', '"{day}"')
NO_YAML = "pipeline_id: [\n"
NO_ENGINE = 'pipeline_id: "x"\nsteps:\n  - {step_id: a, ps_type: gcp.bq}\n'


@pytest.fixture
def put(world: FakeServices, tmp_path: Path) -> Callable[[str, str], None]:
    """Writes a template into a folder of its own, in place of the shipped ones."""
    vars(instance())["templates"] = TemplateFiles(tmp_path)

    def write(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    return write


def listed(api: Client, key: dict[str, str]) -> dict[str, Any]:
    response = api.get(URL, headers=key)
    assert response.status_code == 200
    return {
        f"{one['provider']}/{one['domain']}/{one['template_name']}": one for one in response.get_json()["templates"]
    }


def shown(api: Client, path: str, key: dict[str, str] = TENANT_KEY) -> dict[str, Any]:
    response = api.get(f"{URL}/{path}", headers=key)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.get_json()
    return found


def test_the_shipped_template_is_listed_and_onboarding_is_not(world: FakeServices, api: Client) -> None:
    for key in (TENANT_KEY, ADMIN):
        found = listed(api, key)
        assert "customer//onboarding" not in found
        assert found["gcp/cost/cost_billing"]["status"] == "ready"
        assert found["gcp/cost/cost_billing"]["needs_date"] is True


def test_a_tenant_sees_what_is_enabled_for_it(
    world: FakeServices, api: Client, put: Callable[[str, str], None]
) -> None:
    put("gcp/compute/vm.yml", GOOD)
    put("gcp/compute/dated.yml", DATED)
    put_record(world.warehouse, tenant(enabled_templates=("gcp/compute/vm",)))
    assert [*listed(api, TENANT_KEY)] == ["gcp/compute/vm"]
    assert [*listed(api, ADMIN)] == ["gcp/compute/dated", "gcp/compute/vm"]
    response = api.get(f"{URL}/gcp/compute/dated", headers=TENANT_KEY)
    assert (response.status_code, response.get_json()["code"]) == (404, "template_not_found")


def test_variables_say_what_a_request_may_set(
    world: FakeServices, api: Client, put: Callable[[str, str], None]
) -> None:
    put("gcp/compute/vm.yml", GOOD)
    variables = {one.pop("name"): one for one in shown(api, "gcp/compute/vm")["variables"]}
    assert variables["region"] == {
        "type": "string", "description": "Which part of the estate", "default": "europe", "overridable": True,
        "required": False, "pattern": None, "enum": ["europe", "us"], "min": None, "max": None,
    }  # fmt: skip
    assert (variables["share"]["min"], variables["share"]["max"], variables["share"]["default"]) == (0, 1, 0.5)
    assert (variables["names"]["type"], variables["names"]["default"]) == ("list[string]", ["a", "b"])
    assert [name for name, one in variables.items() if not one["overridable"]] == ["table_name"]
    assert [name for name, one in variables.items() if one["required"]] == ["owner", "gone"]


def test_steps_and_whether_a_date_is_needed_are_said(
    world: FakeServices, api: Client, put: Callable[[str, str], None]
) -> None:
    put("gcp/compute/vm.yml", GOOD)
    put("gcp/compute/dated.yml", DATED)
    found = shown(api, "gcp/compute/vm")
    assert [(one["step_id"], one["ps_type"], one["trigger"]) for one in found["steps"]] == [
        ("tell", "shared.email_notification", "on_success")
    ]
    assert found["pipeline_id"] == "{tenant_id}-vm"
    assert found["needs_date"] is False
    assert shown(api, "gcp/compute/dated")["needs_date"] is True


def test_what_operator_and_tenant_have_set_is_not_shown(
    world: FakeServices, api: Client, put: Callable[[str, str], None]
) -> None:
    put("gcp/compute/vm.yml", GOOD)
    put_record(world.warehouse, tenant(variables={"gone": "s3cr3t"}))
    tenants, admins = (api.get(f"{URL}/gcp/compute/vm", headers=key).text for key in (TENANT_KEY, ADMIN))
    for text in (tenants, admins):
        assert "s3cr3t" not in text
        assert "billing-project" not in text  # the operator's billing_export_table
        assert "convergence.example" not in text  # the operator's address
    required = {one["name"]: one["required"] for one in shown(api, "gcp/compute/vm")["variables"]}
    assert required["gone"] is False


@pytest.mark.parametrize("text", [NO_YAML, NO_ENGINE])
def test_a_broken_template_is_listed_and_only_the_operator_is_told_why(
    world: FakeServices, api: Client, put: Callable[[str, str], None], text: str
) -> None:
    put("gcp/compute/vm.yml", text)
    for_tenant, for_admin = (listed(api, key)["gcp/compute/vm"] for key in (TENANT_KEY, ADMIN))
    assert (for_tenant["status"], for_tenant["faults"]) == ("broken", [])
    assert for_admin["status"] == "broken"
    assert all("gcp/compute/vm.yml:" in fault["where"] for fault in for_admin["faults"])
    assert shown(api, "gcp/compute/vm", ADMIN)["faults"] == for_admin["faults"] != []
    assert shown(api, "gcp/compute/vm")["faults"] == []


@pytest.mark.parametrize("path", ["gcp/cost/cost_biling", "gcp/Cost/x", "customer/x/onboarding"])
def test_an_unknown_template_is_404_with_the_nearest_names(world: FakeServices, api: Client, path: str) -> None:
    response = api.get(f"{URL}/{path}", headers=TENANT_KEY)
    assert (response.status_code, response.get_json()["code"]) == (404, "template_not_found")
    if path == "gcp/cost/cost_biling":
        assert "'gcp/cost/cost_billing'" in response.get_json()["detail"]


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({}, 401),
        ({"X-API-Key": "x"}, 401),
        ({"X-API-Key": KEY + "x"}, 401),
        ({"X-Admin-Key": "wrong"}, 401),
        ({"X-Admin-Key": "wrong", "X-API-Key": KEY}, 401),
        ({"X-Admin-Key": ADMIN_KEY, "X-API-Key": "x"}, 200),
    ],
)
def test_whoever_shows_a_wrong_key_is_refused(
    world: FakeServices, api: Client, keys: dict[str, str], status: int
) -> None:
    assert api.get(URL, headers=keys).status_code == status
