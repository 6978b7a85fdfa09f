"""Count the calls that accepting and running cost_billing make of each Google API, by proxies before the services."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Self

from bench.platform import Bench
from local.functions import Function
from local.stack import Ready
from tests.e2e.client import COST_BILLING, Platform, Tenant
from tests.e2e.faulty import Faults, grpc_proxy, http_proxy

# What a run may cost when nothing is new to the instance; of accepting it, one publish and one append.
MOST_APPENDS = 4
_METHODS = (
    (r"POST .*/insertAll$", "tabledata.insertAll"),
    (r"GET .*/data$", "tabledata.list"),
    (r"POST .*/jobs$", "jobs.insert"),
    (r"GET .*/jobs/[^/]+$", "jobs.get"),
    (r"POST .*/queries$", "jobs.query"),
    (r"GET .*/queries/[^/]+$", "jobs.getQueryResults"),
    (r"(GET|POST|PATCH|PUT) .*/tables(/[^/]+)?$", "tables.get, insert, patch"),
    (r"(GET|POST|PATCH|PUT) .*/datasets(/[^/]+)?$", "datasets.get, insert, patch"),
)
_DRY_RUN = "jobs.insert, dry run"
_APPEND, _INSERT = "bigquery tabledata.insertAll", "bigquery jobs.insert"


class _Counted(Faults):
    """Lets everything pass, and knows a dry run by its body."""

    def counted(self, name: str, path: str = "", body: bytes = b"") -> None:
        dry = name.endswith("/jobs") and b'"dryRun": true' in body
        super().counted(f"bigquery {_DRY_RUN}" if dry else name, path, body)


def _kinds(names: list[str]) -> Counter[str]:
    """Calls by method: `bigquery GET /bigquery/v2/…/data` is `bigquery tabledata.list`."""
    kinds: Counter[str] = Counter()
    for name in names:
        service, _, call = name.partition(" ")
        method = next((known for pattern, known in _METHODS if re.fullmatch(pattern, call)), call)
        kinds[f"{service} {method}"] += 1
    return kinds


class Watched:
    """A function whose services are behind proxies that count; they pass nothing on before the stack is `ready`."""

    def __init__(self, cleanup: ExitStack) -> None:
        self.counts = _Counted()
        self._settings = {
            "BIGQUERY_ENDPOINT": cleanup.enter_context(http_proxy(self.counts, "bigquery")),
            "SENDGRID_ENDPOINT": cleanup.enter_context(http_proxy(self.counts, "sendgrid")),
            "PUBSUB_EMULATOR_HOST": cleanup.enter_context(grpc_proxy(self.counts, "pubsub")),
            "KMS_ENDPOINT": cleanup.enter_context(grpc_proxy(self.counts, "kms")),
            "SECRET_MANAGER_ENDPOINT": cleanup.enter_context(grpc_proxy(self.counts, "secret_manager")),
        }

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Self]:
        """With its proxies, until the end of the block."""
        with ExitStack() as cleanup:
            yield cls(cleanup)

    def function(self, one: Function) -> Function:
        """The function, with its services behind the proxies."""
        return replace(one, settings={**one.settings, **self._settings})

    def ready(self, stack: Ready) -> None:
        """Pass calls on to the services of this stack."""
        self.counts.upstream.update(
            bigquery=stack.bigquery.removeprefix("http://"),
            sendgrid=stack.sendgrid.removeprefix("http://"),
            pubsub=stack.pubsub,
            kms=stack.kms,
            secret_manager=stack.secret_manager,
        )


def calls(bench: Bench, api: Watched, runs: Watched) -> tuple[list[dict[str, Any]], list[str]]:
    """A row for each method with the calls of each case, and which promises are not kept.

    The stack has the sample billing export, and its api and run_pipeline are the two that are watched.
    """
    first, second = (bench.platform.onboard(one) for one in ("acmeinc_23xv2", "techcorp_99zx4"))
    cases = {
        "function just started": _ran(bench.platform, first, "2025-11-13", api, runs),
        "another tenant's first": _ran(bench.platform, second, "2025-11-13", api, runs),
        "all known": _ran(bench.platform, first, "2025-11-14", api, runs),
    }
    counted = {f"run: {case}": by_kind[1] for case, by_kind in cases.items()}
    counted["accept: all known"] = cases["all known"][0]
    kinds = sorted(set().union(*counted.values()))
    rows = [{"API and method": kind, **{case: by_kind[kind] for case, by_kind in counted.items()}} for kind in kinds]
    return rows, _broken(*cases["all known"], {case: by_kind[1] for case, by_kind in cases.items()})


def _ran(
    platform: Platform, tenant: Tenant, day: str, api: Watched, runs: Watched
) -> tuple[Counter[str], Counter[str]]:
    """The calls of accepting a run, and of running it."""
    for watched in (api, runs):
        watched.counts.arm()
    accepted = platform.start(tenant, COST_BILLING, date=day)
    of_accepting = _kinds(list(api.counts.names))
    ended = platform.ended(tenant, accepted.json())
    if ended["status"] != "SUCCEEDED" or platform.unacknowledged():
        raise SystemExit(f"the run of {tenant.tenant_id} ended {ended['status']}: {ended.get('error_message')}")
    return of_accepting, _kinds(list(runs.counts.names))


def _broken(accept: Counter[str], run: Counter[str], runs: dict[str, Counter[str]]) -> list[str]:
    """What is promised of calls and not kept."""
    said = []
    if accept["pubsub Publish"] > 1 or accept[_APPEND] > 1:
        said.append(f"accepting makes more than a publish and an append: {dict(accept)}")
    for case, by_kind in runs.items():
        if by_kind[_APPEND] > MOST_APPENDS or by_kind[_INSERT] > 1:
            said.append(f"a run ({case}) makes more than a job and {MOST_APPENDS} appends: {dict(by_kind)}")
    if extra := [kind for kind in run if "tables." in kind or "datasets." in kind or kind.endswith(_DRY_RUN)]:
        said.append(f"a run with everything known asks for metadata or a dry run: {', '.join(extra)}")
    return said
