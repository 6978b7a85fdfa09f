"""Read the file of grants: which bearer token is whose, and what each account may do where.

    {"TOKEN": {"account": "run@p.iam.gserviceaccount.com", "grants": [
        {"resource": "projects/p", "role": "roles/bigquery.jobUser"},
        {"resource": "projects/data", "permissions": ["bigquery.tables.get", "bigquery.tables.getData"],
         "condition": "resource.name.extract(\\"/tables/{table}\\").startsWith(\\"x_meta_\\")"},
        {"resource": "projects/p/datasets/control/tables/x_meta_runs", "permission": "bigquery.tables.updateData"}]}}

A grant covers its resource and what is in it, as IAM's do; `*` in a name stands for any text. `permission`,
`permissions` and a predefined `role` are three ways to say what is granted; `condition` is an IAM condition. So each
`google_project_iam_member`, `google_bigquery_dataset_iam_member` and `google_bigquery_table_iam_member` of a Terraform
plan becomes one grant, a custom role the `permissions` that it lists.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from emulators.bigquery.access import conditions
from emulators.bigquery.access.resources import Resource
from emulators.bigquery.access.roles import ROLES

_RESOURCE = re.compile(r"projects/[^/]+(/datasets/[^/]+(/tables/[^/]+)?)?")
_PERMISSION = re.compile(r"bigquery\.[A-Za-z]+\.[A-Za-z]+")
_WAYS = ("permission", "permissions", "role")


@dataclass(frozen=True)
class Grant:
    """Permissions in a resource and in all that is in it."""

    permissions: frozenset[str]
    pattern: tuple[str, ...]
    condition: conditions.Condition

    def covers(self, permission: str, resource: Resource) -> bool:
        """Whether it permits that."""
        names = resource.name.split("/")
        return (
            permission in self.permissions
            and len(names) >= len(self.pattern)
            and all(fnmatchcase(name, pattern) for name, pattern in zip(names, self.pattern, strict=False))
            and self.condition(resource)
        )


@dataclass(frozen=True)
class Account:
    """Somebody who calls, and what is granted to them."""

    email: str
    grants: tuple[Grant, ...]

    def may(self, permission: str, resource: Resource) -> bool:
        """Whether any grant permits that."""
        return any(grant.covers(permission, resource) for grant in self.grants)


def read(path: Path) -> dict[str, Account]:
    """Accounts by bearer token; raises ValueError saying what is wrong and where, OSError for a file not readable."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once_each)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: it is not JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(given, dict):
        raise ValueError(f"{path}: expected an object: bearer token → account and grants")
    accounts = {}
    for number, (token, entry) in enumerate(given.items(), 1):
        where = f"{path}: account {number}"  # a token is a secret: it is in no message
        if not isinstance(entry, dict) or set(entry) != {"account", "grants"} or not isinstance(entry["grants"], list):
            raise ValueError(f'{where}: expected {{"account": "…", "grants": […]}}')
        if not isinstance(entry["account"], str) or not entry["account"]:
            raise ValueError(f"{where}: account must be an e-mail address")
        grants = tuple(_grant(one, f"{where}, grant {i}") for i, one in enumerate(entry["grants"], 1))
        accounts[token] = Account(entry["account"], grants)
    return accounts


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _grant(given: Any, where: str) -> Grant:
    known = {"resource", "condition", *_WAYS}
    if not isinstance(given, dict) or set(given) - known:
        raise ValueError(f"{where}: expected an object of {', '.join(sorted(known))}")
    ways = [way for way in _WAYS if way in given]
    if len(ways) != 1:
        raise ValueError(f"{where}: exactly one of {', '.join(_WAYS)} must be given")
    resource = given.get("resource")
    if not isinstance(resource, str) or not _RESOURCE.fullmatch(resource):
        raise ValueError(f"{where}: resource must be projects/P, projects/P/datasets/D or …/tables/T, not {resource!r}")
    try:
        condition = conditions.parse(given["condition"]) if given.get("condition") else _always
        return Grant(_permissions(given, ways[0]), tuple(resource.split("/")), condition)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _always(resource: Resource) -> bool:
    del resource
    return True


def _permissions(given: dict[str, Any], way: str) -> frozenset[str]:
    if way == "role":
        if given["role"] not in ROLES:
            raise ValueError(f"no role {given['role']!r}; known: {', '.join(sorted(ROLES))}")
        return ROLES[given["role"]]
    listed = given[way] if way == "permissions" else [given[way]]
    if not isinstance(listed, list) or not all(isinstance(p, str) and _PERMISSION.fullmatch(p) for p in listed):
        raise ValueError(f"{way} must be like bigquery.tables.getData, not {given[way]!r}")
    return frozenset(listed)
