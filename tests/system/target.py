"""What the system tests run against: a project of Google Cloud, or a local stack in its place."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

# What `make test.system` is called with.
NEEDS = (
    "make test.system SYSTEM_PROJECT=… [SYSTEM_LOCATION=US] [SYSTEM_REGION=us-central1], and for the demo run "
    "SYSTEM_API_URL, SYSTEM_ADMIN_URL, ADMIN_KEY, [IDENTITY_TOKEN, SYSTEM_TEMPLATE, SYSTEM_DATE]; or, to try it on a "
    "stack of make up, STACK=.local/stack.json"
)


class TargetInvalid(Exception):
    """The variables do not say what to run against; the message says which are missing."""


@dataclass(frozen=True)
class Platform:
    """A deployed platform, for the demo run. Its tenants' datasets are in `Target.project`."""

    api_url: str
    admin_url: str
    admin_key: str
    identity_token: str = ""


@dataclass(frozen=True)
class Target:
    """A project, where its datasets (`location`) and keys (`region`) are, and endpoints ('': Google's own)."""

    project: str
    location: str = "US"
    region: str = "us-central1"
    bigquery: str = ""
    pubsub: str = ""
    kms: str = ""
    secret_manager: str = ""
    platform: Platform | None = None
    template: str = "gcp/cost/cost_billing"
    date: str = ""

    @property
    def is_googles(self) -> bool:
        """Whether a service of Google's own is asked, which wants credentials."""
        return not all((self.bigquery, self.pubsub, self.kms, self.secret_manager))


def read(environment: Mapping[str, str], *, stack: Path | None, now: datetime) -> Target:
    """The target that the SYSTEM_ variables name, or the local stack of a ready file, which needs none of them.

    SYSTEM_DATE is yesterday in UTC where it is not set. Raises TargetInvalid.

    >>> read({"SYSTEM_PROJECT": "p"}, stack=None, now=datetime(2025, 11, 16, 1, tzinfo=UTC))
    Target(project='p', location='US', region='us-central1', ..., platform=None, ..., date='2025-11-15')
    """
    run = {
        "template": environment.get("SYSTEM_TEMPLATE") or "gcp/cost/cost_billing",
        "date": environment.get("SYSTEM_DATE") or str((now.astimezone(UTC) - timedelta(days=1)).date()),
    }
    if stack is not None:
        return _of_stack(stack, run)
    if not environment.get("SYSTEM_PROJECT"):
        raise TargetInvalid(
            "SYSTEM_PROJECT is not set: system tests make and remove datasets, topics and secrets in a real project, "
            f"which has to be named: {NEEDS}"
        )
    return Target(
        environment["SYSTEM_PROJECT"],
        environment.get("SYSTEM_LOCATION") or "US",
        environment.get("SYSTEM_REGION") or "us-central1",
        platform=_platform(environment),
        **run,
    )


def _platform(environment: Mapping[str, str]) -> Platform | None:
    """The deployed platform, or None where nothing of it is named."""
    names = ("SYSTEM_API_URL", "SYSTEM_ADMIN_URL", "ADMIN_KEY")
    missing = [name for name in names if not environment.get(name)]
    if {"SYSTEM_API_URL", "SYSTEM_ADMIN_URL"} <= set(missing):
        return None
    if missing:
        raise TargetInvalid(f"the demo run of a deployed platform also needs {', '.join(missing)}: {NEEDS}")
    api_url, admin_url, admin_key = (environment[name] for name in names)
    return Platform(api_url, admin_url, admin_key, environment.get("IDENTITY_TOKEN", ""))


def _of_stack(file: Path, run: Mapping[str, str]) -> Target:
    try:
        ready = json.loads(file.read_text())
        endpoints = {name: ready[name] for name in ("bigquery", "pubsub", "kms", "secret_manager")}
        platform = Platform(ready["api"], ready["api"], ready["admin_key"])
        return Target(ready["project"], **endpoints, platform=platform, **run)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TargetInvalid(f"{file} is no ready file of a stack; `make up` writes one") from error
