"""terraform/bootstrap: the accounts of the builds may do what terraform/ needs, and no more."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from shared.settings import ROOT
from tests.repo.iam_conditions import reaches
from tests.repo.terraform_plan import LACKING, PROJECT, made, plan, tfcheck

TERRAFORM = ROOT / "terraform"
CORE = [*TERRAFORM.glob("*.tf"), *TERRAFORM.glob("modules/*/*.tf")]
CASES: dict[str, dict[str, Any]] = {
    # As dev.tfvars and prod.tfvars have it.
    "dev": {"source_datasets": ["acme-billing.billing_export"]},
    "prod": {
        "environment": "prod",
        "data_project_id": "acme-convergence-data",
        "source_datasets": ["acme-billing.billing_export", f"{PROJECT}.exports"],
        "repository": f"projects/{PROJECT}/locations/us-central1/connections/github/repositories/convergence",
        "approvers": ["group:platform@example.com"],
    },
}
needs_a_plan = pytest.mark.skipif(bool(LACKING), reason=LACKING)


def permissions() -> dict[str, set[str]]:
    """What applying a type of resource needs, by type, as permissions.tf has it."""
    text = (TERRAFORM / "bootstrap" / "permissions.tf").read_text()
    return {
        kind: set(re.findall(r'"([\w.]+)"', ones)) for kind, ones in re.findall(r"(google_\w+) *= \[([^\]]*)\]", text)
    }


@cache
def bootstrap(case: str) -> dict[str, Any]:
    """Its plan, checked strictly and applied with made-up values."""
    folder = ROOT / ".local"
    folder.mkdir(exist_ok=True)
    variables, planned = folder / f"bootstrap-{case}.tfvars.json", folder / f"bootstrap-{case}.json"
    variables.write_text(json.dumps(CASES[case]))
    options = ["--var", f"project_id={PROJECT}", "--var-file", str(variables), "--plan-json", str(planned)]
    done = tfcheck("check", "terraform/bootstrap", "--root", "terraform/bootstrap", *options, "--strict", "--apply")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(planned.read_text())
    return found


@pytest.fixture(params=CASES)
def case(request):
    return request.param


def roles(case: str) -> dict[str, set[str]]:
    """Permissions of each role of the builds, by key."""
    found = made(bootstrap(case), "google_project_iam_custom_role")
    return {re.sub(r'.*\["(.*)"\]', r"\1", address): set(one["permissions"]) for address, one in found.items()}


def test_what_terraform_makes_and_what_may_be_made_are_the_same_types():
    declared = re.compile(r'^(?:resource|data) "(google_\w+)"', re.MULTILINE)

    assert {kind for file in CORE for kind in declared.findall(file.read_text())} == set(permissions())


def test_no_build_reads_a_secret_a_row_or_what_a_key_encrypted_or_deletes_what_holds_them():
    needed = set().union(*permissions().values())

    forbidden = re.compile(
        r"secretmanager\.(versions\.|secrets\.delete)|\.use(ToDecrypt|ToEncrypt)|cryptoKeyVersions|getData|updateData"
        r"|bigquery\.(jobs|datasets\.delete|tables\.delete)|storage\.buckets\.delete|getAccessToken|implicitDelegation"
        r"|getOpenIdToken|signBlob|signJwt|serviceAccountKeys|resourcemanager\.projects\.setIamPolicy|\*"
    )
    assert [permission for permission in needed if forbidden.search(permission)] == []


def account(one: Mapping[str, Any]) -> str:
    """check, plan or apply."""
    member: str = one["member"]
    return member.removeprefix("serviceAccount:convergence-").partition("@")[0]


def held(case: str) -> dict[str, set[str]]:
    """Our own roles, by the account that holds them anywhere."""
    found: dict[str, set[str]] = {}
    for one in made(bootstrap(case)).values():
        if "/roles/convergence" in (one.get("role") or ""):
            found.setdefault(account(one), set()).add(one["role"].rpartition("/")[2])
    return found


@needs_a_plan
def test_what_a_branch_can_run_changes_nothing(case):
    reading = {permission for key, ones in roles(case).items() if key.startswith("read/") for permission in ones}

    assert reading
    assert all(permission.endswith((".get", ".list", ".getIamPolicy", ".fullView")) for permission in reading)
    for who, ones in held(case).items():
        changing = {role for role in ones if role.startswith(("convergenceApply", "convergenceGrant"))}
        assert bool(changing) is (who == "apply"), f"{who} has {changing}"


@needs_a_plan
def test_no_role_is_a_basic_one_or_an_admins(case):
    given = {one["role"] for one in made(bootstrap(case)).values() if one.get("role")}

    assert {role for role in given if not role.startswith("projects/")} == {
        "roles/logging.logWriter",
        "roles/storage.objectViewer",
        "roles/storage.objectUser",
    } | ({"roles/cloudbuild.builds.approver"} if case == "prod" else set())


@needs_a_plan
@pytest.mark.parametrize("case", CASES)
def test_applying_may_grant_in_a_project_what_terraform_grants_there_and_nothing_else(case):
    granted: dict[str, set[str]] = {}
    for one in made(plan(f"{case}.tfvars"), "google_project_iam_member").values():
        granted.setdefault(one["project"], set()).add(one["role"])

    held_to = {
        one["project"]: set(json.loads(one["condition"][0]["expression"].partition("hasOnly(")[2].removesuffix(")")))
        for address, one in made(bootstrap(case), "google_project_iam_member").items()
        if ".grant[" in address
    }

    assert held_to == granted
    assert all(len(names) <= 10 for names in held_to.values())


@needs_a_plan
def test_only_what_was_approved_is_applied():
    triggers = {one["name"]: one for one in made(bootstrap("prod"), "google_cloudbuild_trigger").values()}

    assert set(triggers) == {"convergence-check", "convergence-plan", "convergence-apply"}
    for name, one in triggers.items():
        action = name.removeprefix("convergence-")
        assert one["substitutions"] == {"_ACTION": action, "_ENVIRONMENT": "prod"}
        assert one["approval_config"][0]["approval_required"] is (action == "apply")
        push = one["repository_event_config"][0]["push"][0]
        assert push["branch"] == (".*" if action == "check" else "^main$"), "what is planned was tested on main, too"


@needs_a_plan
def test_applying_asks_for_builds_of_a_trigger_that_there_is_and_may_ask():
    asked = re.findall(r"TRIGGER_NAME=([\w-]+)", (ROOT / ".ci" / "deploy").read_text())
    role = next(
        one
        for one in made(bootstrap("prod"), "google_project_iam_custom_role").values()
        if one["role_id"] == "convergenceBuilds"
    )

    assert asked == ["convergence-check"]
    assert asked[0] in {one["name"] for one in made(bootstrap("prod"), "google_cloudbuild_trigger").values()}
    assert {"cloudbuild.builds.get", "cloudbuild.builds.list"} <= set(role["permissions"])
    assert "convergenceBuilds" in held("prod")["apply"]


@needs_a_plan
def test_without_a_repository_there_are_no_triggers():
    assert made(bootstrap("dev"), "google_cloudbuild_trigger") == {}


@needs_a_plan
def test_an_account_reaches_its_own_folders_and_no_other(case):
    environment = CASES[case].get("environment", "dev")
    state, builds = f"{PROJECT}-convergence-state", f"{PROJECT}-convergence-builds"
    ours, submitted = f"{state}/objects/convergence/default.tfstate", f"{builds}/objects/source/1.tgz"
    kept, cached = f"{builds}/objects/plans/{environment}/1.tfplan", f"{builds}/objects/cache/venv-1.tar.gz"
    others = (f"{state}/objects/bootstrap/default.tfstate", f"{builds}/objects/plans/{environment}2/1.tfplan")

    found: dict[str, set[str]] = {}
    for one in made(bootstrap(case), "google_storage_bucket_iam_member").values():
        there = [name for name in (ours, submitted, kept, cached, *others) if name.startswith(f"{one['bucket']}/")]
        found.setdefault(account(one), set()).update(
            name for name in there if reaches(one, f"projects/_/buckets/{name}")
        )

    assert found == {
        "check": {ours, submitted, cached},
        "plan": {ours, submitted, cached, kept},
        "apply": {ours, submitted, kept},
    }


@needs_a_plan
@pytest.mark.parametrize(
    ("scope", "within", "beyond"),
    [
        (
            "datasets",
            [f"projects/{PROJECT}/datasets/convergence__control/tables/x_meta_runs", f"projects/{PROJECT}"],
            [
                f"projects/{PROJECT}/datasets/acmeinc_23xv2",
                f"projects/{PROJECT}/datasets/acmeinc_23xv2/tables/x_meta_tenant",
            ],
        ),
        (
            "bundles",
            [f"projects/_/buckets/{PROJECT}-convergence-bundles/objects/api.zip", f"projects/{PROJECT}"],
            [f"projects/_/buckets/{PROJECT}-convergence-state/objects/convergence/default.tfstate"],
        ),
        (
            "secrets",
            ["projects/1/secrets/admin-key", "projects/1/secrets/sendgrid-key", f"projects/{PROJECT}"],
            ["projects/1/secrets/github-token", "projects/1/secrets/admin-key-of-others"],
        ),
    ],
)
def test_rights_in_the_project_are_held_to_what_terraform_makes(case, scope, within, beyond):
    bindings = [
        one
        for address, one in made(bootstrap(case), "google_project_iam_member").items()
        if address.endswith(f'/{scope}"]')
    ]

    assert {account(one) for one in bindings} == {"check", "plan", "apply"}
    for one in bindings:
        assert [name for name in (*within, *beyond) if reaches(one, name)] == within


@needs_a_plan
def test_the_state_and_what_builds_leave_are_private_and_a_state_can_be_had_back(case):
    buckets = {one["name"]: one for one in made(bootstrap(case), "google_storage_bucket").values()}

    assert set(buckets) == {f"{PROJECT}-convergence-state", f"{PROJECT}-convergence-builds"}
    for one in buckets.values():
        assert (one["public_access_prevention"], one["uniform_bucket_level_access"]) == ("enforced", True)
    state = buckets[f"{PROJECT}-convergence-state"]
    assert state["versioning"] == [{"enabled": True}]
    assert not state["force_destroy"]


@needs_a_plan
def test_what_a_build_with_packages_writes_nobody_runs_and_plans_are_of_this_environment(case):
    environment = CASES[case].get("environment", "dev")
    writers = {
        re.findall(r'"(.*)"', address)[0]: one["condition"][0]["expression"].partition("/objects/")[2]
        for address, one in made(bootstrap(case), "google_storage_bucket_iam_member").items()
        if one["role"] == "roles/storage.objectUser"
    }

    assert writers == {
        "apply": 'convergence/")',
        "plan/cache": 'cache/")',
        f"plan/plans/{environment}": f'plans/{environment}/")',
    }


@needs_a_plan
@pytest.mark.parametrize("case", CASES)
def test_builds_are_held_to_the_secrets_that_terraform_makes(case):
    secrets = {one["secret_id"] for one in made(plan(f"{case}.tfvars"), "google_secret_manager_secret").values()}

    found = {
        address: set(re.findall(r'endsWith\("/secrets/([\w-]+)"\)', one["condition"][0]["expression"]))
        for address, one in made(bootstrap(case), "google_project_iam_member").items()
        if '/secrets"]' in address
    }

    assert len(found) == 3, "of each account"
    assert all(held_to == secrets for held_to in found.values())
    elsewhere = {key for key, ones in roles(case).items() if any(one.startswith("secretmanager.") for one in ones)}
    assert elsewhere == {"apply/secrets", "read/secrets"}


@needs_a_plan
@pytest.mark.parametrize("var_file", ["dev.tfvars", "prod.tfvars"])
def test_what_a_build_asks_of_the_state_is_what_terraform_puts_there(var_file):
    deploy = (ROOT / ".ci" / "deploy").read_text()
    asked, outputs = set(re.findall(r"output -raw (\w+)", deploy)), plan(var_file)["planned_values"]["outputs"]

    assert asked == {"api_url", "api_is_public"}
    assert asked <= set(outputs)
    opened = any('invoker["everybody"]' in address for address in made(plan(var_file)))
    assert outputs["api_is_public"]["value"] is opened, "the smoke test would take a public api for a closed one"
