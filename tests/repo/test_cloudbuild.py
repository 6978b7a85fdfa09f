"""cloudbuild.yaml: what Cloud Build takes, and what a build does, with stand-ins for the commands that it calls."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.settings import ROOT
from tests.repo.cloud_build import CONFIG, SUBSTITUTION, Build

# "Build configuration file schema" of Cloud Build; what is deprecated or only an answer of its API is left out.
OF_A_BUILD = {"artifacts", "availableSecrets", "images", "logsBucket", "options", "queueTtl", "serviceAccount", "steps"}
OF_A_BUILD |= {"substitutions", "tags", "timeout"}
OF_A_STEP = {"allowExitCodes", "allowFailure", "args", "automapSubstitutions", "dir", "entrypoint", "env", "id", "name"}
OF_A_STEP |= {"script", "secretEnv", "timeout", "volumes", "waitFor"}
OF_OPTIONS = {
    "automapSubstitutions",
    "defaultLogsBucketBehavior",
    "diskSizeGb",
    "dynamicSubstitutions",
    "env",
    "logging",
}
OF_OPTIONS |= {
    "logStreamingOption",
    "machineType",
    "pool",
    "requestedVerifyOption",
    "secretEnv",
    "sourceProvenanceHash",
}
OF_OPTIONS |= {"substitutionOption", "volumes"}
# Those that every build has, and those that a trigger adds; empty where it has none.
BUILT_IN = {"PROJECT_ID", "PROJECT_NUMBER", "BUILD_ID", "LOCATION", "COMMIT_SHA", "BRANCH_NAME", "SHORT_SHA"}
COMMIT = "1134ece0"
PLAN = f"acme-convergence-builds/plans/dev/{COMMIT}.tar.gz"

STEPS: dict[str, dict[str, Any]] = {step["id"]: step for step in CONFIG["steps"]}


def texts(value: Any) -> Iterator[str]:
    """All strings of a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def before(step: str) -> set[str]:
    """The steps that have ended when this one begins."""
    direct = set(STEPS[step]["waitFor"]) - {"-"}
    return direct.union(*(before(one) for one in direct))


@pytest.fixture
def build(tmp_path):
    return Build(tmp_path)


def pushed(build: Build, environment: str = "dev") -> Build:
    """The builds of a push to main that need no approval; their sources are gone, what they kept is there."""
    for action in ("check", "plan"):
        assert build.run(_ACTION=action, _ENVIRONMENT=environment, COMMIT_SHA=COMMIT) == 0, build.output
        build.checkout()
    return build


def keep(build: Build, folder: Path, *members: str) -> None:
    """Puts another tar in the place of the kept plan: `members` of `folder`."""
    kept = build.folder / "buckets" / PLAN
    subprocess.run(["tar", "-czf", str(kept), "-C", str(folder), *members], check=True)


# What Cloud Build takes


def test_every_key_is_one_of_cloud_builds():
    assert set(CONFIG) <= OF_A_BUILD
    assert set(CONFIG["options"]) <= OF_OPTIONS
    for step in STEPS.values():
        assert set(step) <= OF_A_STEP
        assert ("script" in step) != ("entrypoint" in step and "args" in step), "a script is a step's whole command"


def test_every_substitution_is_declared_and_used():
    elsewhere = {key: value for key, value in CONFIG.items() if key != "substitutions"}
    steps = [{key: value for key, value in step.items() if key != "script"} for step in CONFIG["steps"]]
    used = {
        found[1] or found[2] for text in texts([elsewhere | {"steps": steps}]) for found in SUBSTITUTION.finditer(text)
    }
    declared = set(CONFIG["substitutions"])

    assert used - BUILT_IN == declared
    assert all(re.fullmatch(r"_[A-Z0-9_]+", name) for name in declared)


def test_substitutions_stand_where_they_are_replaced():
    # Neither in options.env nor in a script: both would be taken as they are.
    assert "env" not in CONFIG["options"]
    for step in STEPS.values():
        environment = {line.partition("=")[0] for line in step.get("env", [])}
        assert set(re.findall(r"\$\{?([A-Z_]+)", step.get("script", ""))) <= environment


def test_each_step_waits_for_steps_before_it():
    known: set[str] = set()
    for name, step in STEPS.items():
        assert set(step["waitFor"]) == {"-"} or set(step["waitFor"]) <= known
        known.add(name)
    assert len(STEPS) == len(CONFIG["steps"])


def test_tests_come_before_bundles_before_the_plan_before_apply():
    assert {"test", "checkov"} <= before("bundle")
    assert {"bundle", "init", "terraform"} <= before("plan")
    assert "plan" in before("apply")
    assert "apply" in before("smoke")
    # What has no need to wait does not: Terraform is made ready while tests run.
    assert "test" not in before("init")


def test_no_image_is_whatever_is_latest():
    for step in STEPS.values():
        image, _, version = step["name"].partition(":")
        tag = CONFIG["substitutions"][version.removeprefix("$")]
        assert re.match(r"\d+\.\d+\.\d+", tag), f"{image}:{tag}"


def test_each_action_runs_as_an_account_of_its_own_that_bootstrap_makes():
    account = "projects/$PROJECT_ID/serviceAccounts/convergence-$_ACTION@$PROJECT_ID.iam.gserviceaccount.com"
    accounts = (ROOT / "terraform/bootstrap/accounts.tf").read_text()

    assert CONFIG["serviceAccount"] == account
    assert 'account_id   = "convergence-${each.key}"' in accounts
    assert all(re.search(rf"^    {action} +=", accounts, re.MULTILINE) for action in ("check", "plan", "apply"))
    # Of whom does no more than look, unless asked.
    assert CONFIG["substitutions"]["_ACTION"] == "check"


def test_no_project_is_named():
    buckets = [text for text in texts(CONFIG) if "-convergence-" in text or "gs://" in text]

    assert buckets
    assert all(text.startswith("${PROJECT_ID}-convergence-") for text in buckets)


def test_the_environment_has_to_be_said():
    # With one that is meant by default, a plan submitted to another one's project would be of the wrong values.
    assert CONFIG["substitutions"]["_ENVIRONMENT"] == ""


@pytest.mark.parametrize("script", [".ci/cache", ".ci/deploy", *(name for name in STEPS if "script" in STEPS[name])])
def test_scripts_parse_and_stop_at_the_first_error(script):
    text = STEPS[script]["script"] if script in STEPS else (ROOT / script).read_text()

    done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text


# What a build does


def test_a_push_is_tested_and_planned_and_its_check_leaves_nothing(build):
    status = build.run(_ACTION="check", COMMIT_SHA=COMMIT)

    assert status == 0, build.output
    assert build.calls("make") == ["test", "checkov", "bundle"]
    assert [call.split()[1] for call in build.calls("terraform")] == ["init", "fmt", "validate", "test", "plan"]
    assert build.kept() == set()


def test_on_main_a_plan_is_kept_by_a_build_that_runs_no_package(build):
    status = build.run(_ACTION="plan", COMMIT_SHA=COMMIT)

    assert status == 0, build.output
    assert build.calls("make") == [".venv/packages", "bundle"], "what is cached, and what needs Python alone"
    assert (build.workspace / ".venv" / "made-of").read_text() == ":all:\n", "wheels alone: installing runs no package"
    terraform = build.calls("terraform")
    assert [call.split()[1] for call in terraform] == ["init", "plan"]
    assert "-backend-config=bucket=acme-convergence-state" in terraform[0]
    assert "-var-file=dev.tfvars -var=project_id=acme -out=tfplan" in terraform[-1]
    assert {name for name in build.kept() if "/cache/" not in name} == {PLAN}


def test_a_cache_is_made_by_main_once_and_used_by_every_check(build):
    build.run(_ACTION="plan", COMMIT_SHA=COMMIT)
    [cache] = [name for name in build.kept() if "/cache/" in name]
    build.checkout()

    build.run(_ACTION="check", COMMIT_SHA="another")
    stamp = build.workspace / ".venv" / "packages"
    assert stamp.stat().st_mtime >= (build.workspace / "requirements.txt").stat().st_mtime, "make would begin anew"
    build.checkout()

    assert build.run(_ACTION="plan", COMMIT_SHA="another") == 0, build.output
    assert build.calls("make") == ["bundle"]
    assert not (build.workspace / ".venv").exists(), "what is restored is not for the build that keeps plans"
    assert [name for name in build.kept() if "/cache/" in name] == [cache]


def test_what_is_cached_is_everybody_elses_packages():
    # Installing ours runs setuptools, in a build that may keep plans; so it is another stamp.
    def recipe(target: str) -> str:
        command = ["make", "--dry-run", "--always-make", target]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "--editable" not in recipe(".venv/packages")
    assert "--editable" in recipe(".venv/stamp")


@pytest.mark.parametrize("changed", ["requirements.txt", "requirements-dev.txt"])
def test_other_requirements_are_another_cache(build, changed):
    build.run(_ACTION="plan", COMMIT_SHA=COMMIT)
    build.checkout()
    with (build.workspace / changed).open("a") as file:
        file.write("another==1.0\n")

    build.run(_ACTION="check", COMMIT_SHA="another")

    assert not (build.workspace / ".venv").exists()
    assert build.run(_ACTION="plan", COMMIT_SHA="another") == 0
    assert len([name for name in build.kept() if "/cache/" in name]) == 2


def test_a_plan_says_where_versions_of_providers_are_not_locked(build):
    build.run(_ACTION="plan", COMMIT_SHA=COMMIT)
    without = build.output
    build.checkout()
    (build.workspace / "terraform" / ".terraform.lock.hcl").write_text("committed\n")

    build.run(_ACTION="plan", COMMIT_SHA=COMMIT)

    assert "terraform/.terraform.lock.hcl is not committed" in without
    assert "not committed" not in build.output


def test_what_is_applied_is_the_kept_plan_with_its_bundles_and_its_lock_file(build):
    pushed(build, "prod")

    status = build.run(_ACTION="apply", COMMIT_SHA=COMMIT, _ENVIRONMENT="prod")

    assert status == 0, build.output
    assert build.calls("make") == []
    terraform = build.calls("terraform")
    assert [call.split()[1] for call in terraform] == ["init", "apply", "output", "output"]
    assert terraform[0].endswith("-lockfile=readonly")
    assert terraform[1] == "-chdir=terraform apply tfplan"
    made = build.workspace / "terraform"
    assert (made / "applied").read_text() == "kms_override.tf\n", "what only production has is in its plan"
    assert (made / ".terraform.lock.hcl").read_text() == "locked\n"
    assert (build.workspace / "dist" / "api.zip").read_text() == "bundle of plan\n"


@pytest.mark.parametrize("member", [".ci/deploy", "terraform/main.tf", "dist/sub/api.zip", "Makefile"])
def test_a_kept_plan_that_holds_anything_else_is_refused_and_replaces_nothing(build, member, tmp_path):
    pushed(build)
    forged = tmp_path / "forged"
    (forged / member).parent.mkdir(parents=True)
    (forged / member).write_text("#!/usr/bin/env bash\necho forged\n")
    (forged / "made-for").write_text("dev of acme\n")
    keep(build, forged, "made-for", member)

    status = build.run(_ACTION="apply", COMMIT_SHA=COMMIT)

    assert status != 0
    assert "has more than bundles, plan and lock file: -rw-r--r-- " in build.output
    assert member in build.output
    assert "forged" not in (build.workspace / ".ci" / "deploy").read_text()
    assert build.calls("terraform") == []


def test_a_kept_plan_with_a_link_is_refused(build, tmp_path):
    pushed(build)
    forged = tmp_path / "forged"
    (forged / "terraform").mkdir(parents=True)
    (forged / "terraform" / "tfplan").symlink_to("/etc/passwd")
    keep(build, forged, "terraform/tfplan")

    status = build.run(_ACTION="apply", COMMIT_SHA=COMMIT)

    assert status != 0
    assert "terraform/tfplan -> /etc/passwd" in build.output
    assert build.calls("terraform") == []


def test_what_has_not_passed_its_check_is_not_applied(build):
    build.failing = "checkov"
    build.run(_ACTION="check", COMMIT_SHA=COMMIT)
    build.failing = ""
    build.checkout()
    build.run(_ACTION="plan", COMMIT_SHA=COMMIT)
    build.checkout()

    status = build.run(_ACTION="apply", COMMIT_SHA=COMMIT)

    assert status != 0
    assert f"no build of convergence-check has succeeded for {COMMIT}" in build.output
    assert build.calls("terraform") == []
    (asked,) = build.calls("gcloud")
    assert "--region=us-central1 " in asked
    assert asked.endswith(
        f"status=SUCCESS AND substitutions.TRIGGER_NAME=convergence-check AND substitutions.COMMIT_SHA={COMMIT}"
    )


def test_a_plan_of_one_environment_is_not_applied_to_another(build):
    pushed(build, "dev")

    status = build.run(_ACTION="apply", COMMIT_SHA=COMMIT, _ENVIRONMENT="prod")

    assert status != 0
    assert f"no plan is kept as {COMMIT} for prod" in build.output
    assert build.calls("terraform") == []


@pytest.mark.parametrize(("environment", "project"), [("prod", "acme"), ("dev", "globex")])
def test_a_plan_that_was_copied_is_not_applied_elsewhere(build, environment, project):
    pushed(build)
    copy = build.folder / "buckets" / PLAN.replace("acme", project).replace("/dev/", f"/{environment}/")
    copy.parent.mkdir(parents=True)
    copy.write_bytes((build.folder / "buckets" / PLAN).read_bytes())

    status = build.run(_ACTION="apply", COMMIT_SHA=COMMIT, _ENVIRONMENT=environment, PROJECT_ID=project)

    assert status != 0
    assert f"the plan {COMMIT} was made for dev of acme, not for {environment} of {project}" in build.output
    assert build.calls("terraform") == []


def test_after_an_apply_that_failed_halfway_one_plans_and_applies_again(build):
    pushed(build)
    build.failing = "apply"

    status = build.run(_ACTION="apply", COMMIT_SHA=COMMIT)

    assert status != 0
    assert "plan and apply again" in build.output
    assert build.calls("curl") == []


def test_only_production_has_productions_overrides(build):
    build.run(_ACTION="check", _ENVIRONMENT="dev")

    assert (build.workspace / "terraform" / "tfplan").read_text() == "no overrides\n"


def test_a_plan_that_is_not_there_is_not_applied(build):
    build.run(_ACTION="check", COMMIT_SHA=COMMIT)
    build.checkout()

    status = build.run(_ACTION="apply", COMMIT_SHA=COMMIT)

    assert status != 0
    assert f"no plan is kept as {COMMIT} for dev" in build.output
    assert build.calls("terraform") == []


def test_by_hand_a_plan_is_named_by_its_build(build):
    build.run(_ACTION="plan", BUILD_ID="build-7")
    build.checkout()

    status = build.run(_ACTION="apply", BUILD_ID="build-8", _PLAN="build-7")

    assert status == 0, build.output
    assert "-chdir=terraform apply tfplan" in build.calls("terraform")


@pytest.mark.parametrize(
    ("substitutions", "message"),
    [
        (
            {"_ENVIRONMENT": "production"},
            "_ENVIRONMENT is production; there is a terraform/_ENVIRONMENT.tfvars for: dev prod",
        ),
        ({"_ENVIRONMENT": ""}, "_ENVIRONMENT is not set; there is a terraform/_ENVIRONMENT.tfvars for: dev prod"),
        ({"_ACTION": "destroy"}, "_ACTION is check, plan or apply, not destroy"),
    ],
)
def test_what_is_not_known_is_refused(build, substitutions, message):
    status = build.run(**substitutions)

    assert status != 0
    assert message in build.output
    assert build.calls("terraform") == []


@pytest.mark.parametrize(
    ("public", "health", "passes"),
    [(True, "200", True), (True, "503", False), (False, "403", True), (False, "200", False)],
)
def test_after_apply_the_api_answers_and_one_that_is_not_public_lets_nobody_in(build, public, health, passes):
    pushed(build)
    build.public, build.health = public, health

    status = build.run(_ACTION="apply", COMMIT_SHA=COMMIT)

    assert (status == 0) is passes
    assert all(call.endswith("https://api.example/api/v1/healthz") for call in build.calls("curl"))


def test_a_public_api_that_lets_nobody_in_is_told_how_to_open_it_where_all_users_are_refused(build):
    pushed(build)
    build.public, build.health = True, "403"

    status = build.run(_ACTION="apply", COMMIT_SHA=COMMIT)

    assert status != 0
    assert "answers 403, not 200" in build.output
    assert "gcloud run services update api --no-invoker-iam-check" in build.output


def test_a_build_by_hand_shows_its_log():
    # Logs of builds go to Cloud Logging alone, which `gcloud builds submit` does not show (facts 45).
    assert CONFIG["options"]["logging"] == "CLOUD_LOGGING_ONLY"
    places = ["cloudbuild.yaml", "docs/deploy.md", "terraform/bootstrap/outputs.tf"]
    said = {place: re.findall(r"gcloud (?:\w+ )?builds submit", (ROOT / place).read_text()) for place in places}

    assert said == {place: ["gcloud beta builds submit"] for place in places}
