"""Who may do what in a plan of `terraform/`, in an operator's words: the tables of docs/reference.md."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tests.repo.terraform_plan import PROJECT, made

# terraform/TARGET → how an operator calls it.
_PRINCIPALS = {
    f"convergence-{name}@{PROJECT}.iam.gserviceaccount.com": f"`{name}`"
    for name in ("api", "admin", "run-pipeline", "run-pipeline-bulk", "fan-out", "dead-letter", "push", "build")
}


def grants(plan: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Every right that is given: principal, role, and on what, in an operator's words."""
    found = []
    for address, one in made(plan).items():
        if "member" in one and "role" in one:
            found.append((_principal(one["member"]), _role(one["role"]), _on(address, one)))
        found += [
            (
                _principal(f"serviceAccount:{access['user_by_email']}"),
                _role(access["role"]),
                f"dataset `{one['dataset_id']}`",
            )
            for access in one.get("access") or []
            if access["user_by_email"]
        ]
    return sorted(found)


def grants_table(plan: Mapping[str, Any]) -> list[str]:
    """The rows of the table of rights: a principal, a role, all that it is for."""
    together: dict[tuple[str, str], set[str]] = defaultdict(set)
    for principal, role, on in grants(plan):
        together[principal, role].add(on)
    return [f"| {principal} | {role} | {_listed(on)} |" for (principal, role), on in sorted(together.items())]


def custom_roles(plan: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Permissions of each role of ours."""
    return {one["role_id"]: one["permissions"] for one in made(plan, "google_project_iam_custom_role").values()}


def _principal(member: str) -> str:
    _, _, name = member.partition(":")
    if agent := re.fullmatch(r"service-\d+@gcp-sa-(\w+)\.iam\.gserviceaccount\.com", name):
        return {"pubsub": "Pub/Sub's agent", "cloudscheduler": "Cloud Scheduler's agent"}[agent[1]]
    everybody = not name  # allUsers, allAuthenticatedUsers: of no kind
    return member if everybody else _PRINCIPALS.get(name, f"`{member}`")


def _role(role: str) -> str:
    return f"`{role.rpartition('/')[2]}`" if "/roles/convergence" in role else f"`{role}`"


def _on(address: str, one: Mapping[str, Any]) -> str:
    kind = re.search(r"(google_\w+?)_iam_member", address)
    assert kind, address
    match kind[1]:
        case "google_project":
            project = "the project" if one["project"] == PROJECT else "the data project"
            return f"{project}, {one['condition'][0]['title']}" if one.get("condition") else project
        case "google_bigquery_table":
            return f"table `{one['table_id']}`"
        case "google_bigquery_dataset":
            return f"source `{one['project']}.{one['dataset_id']}`"
        case "google_pubsub_topic":
            return f"topic `{one['topic']}`"
        case "google_pubsub_subscription":
            return f"subscription `{one['subscription']}`"
        case "google_cloud_run_v2_service":
            return f"function `{one['name']}`"
        case "google_kms_crypto_key":
            return f"key `{one['crypto_key_id'].rpartition('/')[2]}`"
        case "google_secret_manager_secret":
            return f"secret `{one['secret_id']}`"
        case "google_service_account":
            return "account `push`"
        case "google_artifact_registry_repository":
            return f"repository `{one['repository']}`"
    raise AssertionError(f"{address} is of a kind that the table of rights has no words for")


def _listed(on: set[str]) -> str:
    """Of one kind together: "table `a`, `b`"."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for one in sorted(on):
        kind, tick, name = one.partition(" `")
        kinds[kind].append(f"{tick.strip()}{name}" if tick else "")
    return "; ".join(f"{kind} {', '.join(names)}".strip() for kind, names in kinds.items())
