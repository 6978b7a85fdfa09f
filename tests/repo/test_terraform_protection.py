"""terraform/: what holds data is not lost, what is built is ours, and nobody reaches what is not for him."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from shared.settings import ROOT
from tests.repo.iam_conditions import reaches
from tests.repo.terraform_plan import LACKING, PROJECT, bundles, environments, made, plan, source
from tests.repo.test_bootstrap import bootstrap

pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)

DAY_S = 86_400
# The beginning of a resource's type → the API that makes it.
APIS = {
    "artifact_registry": "artifactregistry",
    "bigquery": "bigquery",
    "cloud_run_v2": "run",
    "cloud_scheduler": "cloudscheduler",
    "cloudfunctions2": "cloudfunctions",
    "compute": "compute",
    "kms": "cloudkms",
    "logging": "logging",
    "monitoring": "monitoring",
    "project_iam": "iam",
    "pubsub": "pubsub",
    "redis": "redis",
    "secret_manager": "secretmanager",
    "service_account": "iam",
    "storage": "storage",
    "vpc_access": "vpcaccess",
}
# Made by Service Usage, which has to be there before anything can be enabled.
ENABLES = {"project_service", "project_service_identity", "service_usage_consumer_quota_override"}


def protection(planned: Mapping[str, Any]) -> tuple[set[str], set[bool]]:
    """What Terraform says to destroying keys, dataset and tables."""
    keys = made(planned, "google_kms_crypto_key").values()
    datasets = made(planned, "google_bigquery_dataset").values()
    tables = made(planned, "google_bigquery_table").values()
    assert keys
    assert tables
    return {one["deletion_policy"] for one in (*keys, *datasets)}, {one["deletion_protection"] for one in tables}


def test_what_tenants_have_entrusted_is_destroyed_only_where_somebody_asks_for_it():
    production = plan("prod.tfvars")

    assert production["configuration"]["root_module"]["variables"]["protect_data"]["default"] is True
    assert protection(production) == ({"PREVENT"}, {True})
    assert protection(plan("dev.tfvars")) == ({"DELETE"}, {False})
    # What else an operator writes there is his.
    assert not re.search(
        r"^\s*protect_data\s*=\s*false", (ROOT / "terraform" / "prod.tfvars").read_text(), re.MULTILINE
    )


def test_a_dataset_with_tables_is_never_destroyed_in_passing(planned):
    assert [one["delete_contents_on_destroy"] for one in made(planned, "google_bigquery_dataset").values()] == [False]


def test_keys_are_rotated_each_quarter_and_can_be_had_back_for_a_month(planned):
    for address, one in made(planned, "google_kms_crypto_key").items():
        assert 0 < int(one["rotation_period"].removesuffix("s")) <= 90 * DAY_S, address
        assert int(one["destroy_scheduled_duration"].removesuffix("s")) >= 30 * DAY_S, address


def test_no_bucket_can_be_made_public_and_what_it_had_can_be_had_back(planned):
    for address, one in made(planned, "google_storage_bucket").items():
        assert one["public_access_prevention"] == "enforced", address
        assert one["uniform_bucket_level_access"] is True, address
        assert one["versioning"] == [{"enabled": True}], address


def test_behind_a_front_there_is_no_way_around_it(planned, functions):
    fronts = list(made(planned, "google_compute_backend_service"))

    ingress = functions["api"]["service_config"][0]["ingress_settings"]
    assert ingress == ("ALLOW_INTERNAL_AND_GCLB" if fronts else "ALLOW_ALL")
    for front in fronts:
        policy = source(planned, front, "security_policy")
        assert made(planned)[policy]["type"] == "CLOUD_ARMOR"


def test_those_alone_that_count_calls_in_the_network_have_a_way_into_it():
    modules = plan("prod.tfvars")["configuration"]["root_module"]["module_calls"]
    with_a_connector = {name for name, call in modules.items() if "connector" in call["expressions"]}

    assert with_a_connector == {"api", "admin"}


def test_a_functions_code_is_its_own_bundle_named_by_what_is_in_it(functions):
    for name, function in functions.items():
        [build] = function["build_config"]
        content = (bundles() / f"{build['entry_point']}.zip").read_bytes()
        [bundle] = build["source"][0]["storage_source"]
        assert bundle["object"] == f"{build['entry_point']}-{hashlib.sha256(content).hexdigest()}.zip", name


def test_nothing_is_built_before_the_builder_may(planned):
    root = planned["configuration"]["root_module"]
    builder = made(planned)["google_service_account.build"]["member"]
    [ready] = [one for one in root["resources"] if one["address"] == "time_sleep.build_is_ready"]

    for name, call in root["module_calls"].items():
        if call["source"] == "./modules/function":
            assert ready["address"] in call.get("depends_on", []), name
    rights = {address for address, one in made(planned).items() if "role" in one and one["member"] == builder}
    assert rights
    assert rights <= set(ready["depends_on"])


def leads_to(module: Mapping[str, Any], address: str, wanted: str) -> bool:
    """Whether Terraform makes a resource of this module after `wanted`: by depends_on, or by what it refers to."""
    named = {one["address"]: one for one in module["resources"]}
    # The functions' accounts come from modules, and these wait for what builds them.
    named["local.members"] = {"depends_on": ["time_sleep.build_is_ready"]}
    seen: set[str] = set()
    ahead = [address]
    while ahead:
        if (name := ahead.pop()) == wanted:
            return True
        if name in named and name not in seen:
            seen.add(name)
            said = json.dumps([named[name].get("expressions"), named[name].get("for_each_expression")])
            ahead += [*named[name].get("depends_on", []), *re.findall(r'"(\w+\.\w+)"', said)]
    return False


@pytest.mark.parametrize("where", ["terraform", "bootstrap"])
def test_what_an_api_makes_is_made_some_time_after_it_was_enabled(where):
    # A new project's APIs refuse calls for a minute or two after they were enabled (facts 43).
    module = (plan("prod.tfvars") if where == "terraform" else bootstrap("prod"))["configuration"]["root_module"]
    [pause] = [one for one in module["resources"] if one["address"] == "time_sleep.apis_are_ready"]

    assert pause["expressions"]["create_duration"] == {"constant_value": "120s"}
    assert set(pause["depends_on"]) == {"google_project_service.this", "google_project_service.data"}
    waiting = [
        one["address"]
        for one in module["resources"]
        if one["mode"] == "managed" and one["type"] != "google_project_service"
    ]
    assert [address for address in waiting if not leads_to(module, address, pause["address"])] == []


def test_the_builder_reads_what_cloud_functions_copied_for_it_and_no_other_bucket(planned):
    read = planned["prior_state"]["values"]["root_module"]["resources"]
    project = next(one["values"] for one in read if one["address"] == "data.google_project.this")
    right = made(planned)["google_project_iam_member.build_sources"]

    def may_read(bucket: str) -> bool:
        return reaches(right, f"projects/_/buckets/{bucket}/objects/one.zip")

    assert may_read(f"gcf-v2-sources-{project['number']}-us-central1")
    assert not may_read("gcf-v2-sources-1-us-central1")  # of another project
    assert not may_read(f"{PROJECT}-convergence-state")
    assert not may_read(f"{PROJECT}-convergence-bundles")


def test_the_apis_of_what_is_made_are_enabled_and_stay_so(planned):
    services = made(planned, "google_project_service").values()
    enabled = {(one["project"], one["service"].removesuffix(".googleapis.com")) for one in services}
    types = {re.sub(r"^google_", "", change["type"]) for change in planned["resource_changes"]}
    needed = {"cloudbuild"}  # which makes the functions' images
    for kind in types - ENABLES - {"time_sleep", "project"}:
        [api] = [api for beginning, api in APIS.items() if kind.startswith(beginning)] or [f"{kind}: none in APIS"]
        needed.add(api)
    data = {settings["DATA_PROJECT_ID"] for settings in environments(planned).values()}

    assert {(PROJECT, api) for api in needed} | {(project, "bigquery") for project in data} == enabled
    assert {one["disable_on_destroy"] for one in services} == {False}  # others in the project may use them


def test_who_has_rights_to_tenants_datasets_has_none_to_the_control_dataset_and_some_to_records_alone(planned):
    rights = {
        (one["member"], one["role"]): one
        for address, one in made(planned, "google_project_iam_member").items()
        if ".tenants[" in address
    }

    assert len(rights) == 8  # a function, a role
    for (member, role), one in rights.items():

        def may(name: str, one: Mapping[str, Any] = one) -> bool:
            return reaches(one, f"projects/{one['project']}/datasets/{name}")

        sees_datasets_alone = role.endswith("/convergenceTenantDatasets")
        any_table = sees_datasets_alone or re.search("-(run-pipeline|run-pipeline-bulk|admin)@", member) is not None
        assert may("acmeinc_23xv2/tables/x_meta_tenant"), member
        assert may("acmeinc_23xv2_gcp_silver_cost") is any_table, member
        assert may("acmeinc_23xv2_gcp_silver_cost/tables/billing_cost_daily") is any_table, member
        assert may("acmeinc_23xv2_gcp_silver_cost/tables/costs_x_meta_") is any_table, member
        if one["project"] == PROJECT:
            assert not may("convergence__control"), member
            assert not may("convergence__control/tables/x_meta_runs"), member
            assert may("convergence__control2/tables/x_meta_runs"), member
