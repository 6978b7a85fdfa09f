"""Ask for runs as fast as a nightly rush: make bench.api.

First at a steady rate for many tenants, with the limits as they are shipped: no answer but 202 and the planned 429,
each 202 with its message and its QUEUED event, memory steady. Then without limits and as fast as it goes, in turns with
a function that does nothing, which is what functions-framework can do here at all. Pushes are held: what is measured is
accepting, not running. Other work on the machine shows in times and rates, hardly in CPU time a request.
"""

import argparse
import json
import os
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from bench import load
from bench.platform import functions
from local.functions import CONTROL_DATASET, ROOT
from local.stack import Options, Ready, Stack
from tests.e2e.client import COST_BILLING, Platform, Tenant, client_of
from tests.e2e.instances import API, Instance, instance

CONNECTIONS = 8  # as many as the api has threads
UNLIMITED = {f"RATE_LIMIT_{name}": "100000000/minute" for name in ("RUNS", "ENDPOINT", "GLOBAL", "LOOKUPS")}
BARE = ROOT / "bench" / "bare" / "main.py"


def requests(tenants: Sequence[Tenant]) -> list[bytes]:
    """A run request of each tenant."""
    body = json.dumps({"date": "2025-11-15", "trigger_by": "bench"}).encode()
    path = "/api/v1/pipelines/run/{}/" + COST_BILLING
    return [load.post(path.format(one.tenant_id), body, X_API_Key=one.key) for one in tenants]


def steady(ready: Ready, platform: Platform, asked: Sequence[bytes], a_second: int, seconds: int) -> None:
    """The rate that is promised, with the limits that are shipped."""
    one_each = load.at_rate(ready.api, asked, a_second)  # keys and templates are read
    before = memory_mib(ready.pids["api"])
    answers = load.at_rate(ready.api, [asked[n % len(asked)] for n in range(a_second * seconds)], a_second)
    after = memory_mib(ready.pids["api"])
    statuses = Counter(answer.status for answer in answers)
    accepted = {json.loads(one.body)["pipeline_logging_id"] for one in (*one_each, *answers) if one.status == 202}
    _row(f"{a_second} requests/s for {seconds} s, {len(asked)} tenants", text(statuses))
    for status in (202, 429):
        took = sorted(answer.took_s * 1000 for answer in answers if answer.status == status)
        if len(took) > 1:
            cuts = statistics.quantiles(took, n=100)
            _row(
                f"  {status}, ms: median, 95 %, 99 %, slowest",
                *(f"{cuts[n]:.0f}" for n in (49, 94, 98)),
                f"{took[-1]:.0f}",
            )
    _row("  memory of the api, MiB: before, after", f"{before:.0f}", f"{after:.0f}")
    lost = accepted - queued(platform)
    _row("  accepted; with message; without QUEUED event", str(len(accepted)), str(messages(ready)), str(len(lost)))
    if lost or messages(ready) != len(accepted) or statuses.keys() - {202, 429}:
        raise SystemExit("an accepted run has no message or no event, or a request had another answer than 202 and 429")


def ratio(api: Instance, bare: Instance, asked: Sequence[bytes], seconds: float, times: int) -> None:
    """Requests a second and CPU time a request, in turns with the function that does nothing."""
    rates: dict[Instance, list[float]] = {api: [], bare: []}
    costs: dict[Instance, list[float]] = {api: [], bare: []}
    load.at_rate(api.url, asked, 100)
    for _ in range(times):
        for one in (api, bare):
            used = cpu_s(one.pid)
            answers = load.as_fast_as_it_goes(
                one.url, lambda n: asked[n % len(asked)], seconds=seconds, connections=CONNECTIONS
            )
            wrong = [answer for answer in answers if answer.status != 202]
            if wrong:
                raise SystemExit(f"{len(wrong)} of {len(answers)} requests failed; the first: {wrong[0]}")
            rates[one].append(len(answers) / seconds)
            costs[one].append((cpu_s(one.pid) - used) / len(answers) * 1000)
    _row("requests/s: api, bare, ratio", *_beside(rates[api], rates[bare], ".0f"))
    _row("CPU ms a request: api, bare, ratio", *_beside(costs[api], costs[bare], ".2f"))


def _beside(ours: list[float], theirs: list[float], form: str) -> list[str]:
    mine, bare = statistics.median(ours), statistics.median(theirs)
    return [format(mine, form), format(bare, form), f"{mine / bare:.2f}" if bare else "-"]


def messages(ready: Ready) -> int:
    """Messages that wait for the interactive lane."""
    shown: dict[str, Any] = httpx.get(f"{ready.sendgrid}/pubsub").json()
    return int(shown["subscriptions"]["projects/convergence-local/subscriptions/pipeline-runs-push"]["unacked"])


def queued(platform: Platform) -> set[str]:
    """Runs of which the control table has the event QUEUED."""
    table = f"convergence-local.{CONTROL_DATASET}.x_meta_runs"
    found = platform.rows(f"SELECT DISTINCT pipeline_logging_id AS id FROM `{table}` WHERE status = 'QUEUED'")
    return {row["id"] for row in found}


def memory_mib(group: int) -> float:
    """Resident memory of all processes of a group; 0 where the system has no /proc."""
    return sum(
        int(line.split()[1]) / 1024
        for process in _processes(group)
        for line in (process / "status").read_text().splitlines()
        if line.startswith("VmRSS")
    )


def cpu_s(group: int) -> float:
    """CPU time, of user and system, that the group has used; 0 where the system has no /proc."""
    ticks = sum(sum(map(int, _stat(process)[11:13])) for process in _processes(group))
    return ticks / os.sysconf("SC_CLK_TCK")


def _processes(group: int) -> Iterator[Path]:
    """The processes of a group: gunicorn's master and its worker."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(_stat(process)[2]) == group:
                yield process
        except OSError:
            continue  # it has just ended


def _stat(process: Path) -> list[str]:
    """The fields of /proc/PID/stat from the third on, as proc(5) counts them."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def text(statuses: Counter[int]) -> str:
    """`2500 × 202, 3500 × 429`."""
    return ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))


def _row(what: str, *figures: str) -> None:
    sys.stdout.write(f"{what:<48} {' '.join(f'{figure:>9}' for figure in figures)}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print. Without arguments, those of the command line."""
    parser = argparse.ArgumentParser(prog="bench.api", description=__doc__)
    parser.add_argument("--rate", type=int, default=200, help="requests a second (default 200)")
    parser.add_argument("--seconds", type=int, default=30, help="for how long (default 30)")
    parser.add_argument("--tenants", type=int, default=50, help="default 50")
    parser.add_argument("--times", type=int, default=5, help="turns beside the bare function (default 5)")
    parser.add_argument("--turn", type=float, default=3, help="seconds of each turn (default 3)")
    options = parser.parse_args(arguments)
    with ExitStack() as cleanup:
        ready = cleanup.enter_context(Stack(Options(port=0, functions=functions("api"), sample=False)))
        platform = cleanup.enter_context(client_of(ready.api, ready.bigquery, ready.sendgrid))
        with ThreadPoolExecutor(4) as pool:
            names = [f"bench{number:03d}_0001" for number in range(options.tenants)]
            tenants = list(pool.map(platform.onboard, names))
        httpx.post(f"{ready.sendgrid}/pubsub/hold").raise_for_status()
        asked = requests(tenants)
        steady(ready, platform, asked, options.rate, options.seconds)
        logs = Path(cleanup.enter_context(TemporaryDirectory()))
        api = cleanup.enter_context(instance(ready, logs, source=API, target="api", **UNLIMITED))
        bare = cleanup.enter_context(instance(ready, logs, source=BARE, target="bare"))
        ratio(api, bare, asked, options.turn, options.times)


if __name__ == "__main__":
    main()
