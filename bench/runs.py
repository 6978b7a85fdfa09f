"""How many runs a second run_pipeline does, beside an empty function that is pushed the same messages: make bench.runs.

Each run is one trivial query into the tenant's own table, through the embedded Pub/Sub and BigQuery; the time counts
from the release of the messages to the last acknowledgement. The first night makes every tenant's dataset and table;
the second finds them. Then which calls a run makes of each API, counted by proxies.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from google.pubsub_v1 import PubsubMessage

from bench import results
from bench.calls import Watched, calls
from bench.platform import DAY, Bench, batch_of, functions, processor_s, stack
from local.functions import Function
from shared.batches.fan_out import messages
from shared.batches.targets import Target
from tests.e2e.many_tenants import EPOCH, make, tenant_ids

WITHIN_S = 3_600.0
_EMPTY = '''
def empty(request):
    """Acknowledge."""
    return "", 204
'''


def pushed_s(bench: Bench, topic: str, made: list[PubsubMessage]) -> float:
    """Publish while nothing is pushed; the seconds from then on until nothing is owed."""
    httpx.post(f"{bench.ready.sendgrid}/pubsub/hold").raise_for_status()
    for first in range(0, len(made), 1_000):
        bench.publisher.publish(topic=bench.topic(topic), messages=made[first : first + 1_000])
    began = time.perf_counter()
    httpx.post(f"{bench.ready.sendgrid}/pubsub/release").raise_for_status()
    subscription = bench.subscription(topic)
    while httpx.get(f"{bench.ready.sendgrid}/pubsub").json()["subscriptions"][subscription]["unacked"]:
        if time.perf_counter() - began > WITHIN_S:
            raise SystemExit(f"the messages were not acknowledged within {WITHIN_S:.0f} s; see {bench.ready.logs}")
        time.sleep(0.1)
    return time.perf_counter() - began


def run_messages(batch_id: str, tenants: list[str]) -> list[PubsubMessage]:
    """The messages of a night's batch."""
    made = messages(batch_of(batch_id), "0" * 16, (Target(tenant_id, EPOCH, DAY) for tenant_id in tenants))
    return [PubsubMessage(data=one.data, attributes=one.attributes) for one in made]


def nights(bench: Bench, tenants: int) -> list[dict[str, Any]]:
    """Two nights of all tenants, each beside the empty function."""
    ids = tenant_ids(tenants)
    make(bench.platform.warehouse, ids)
    rows = []
    for number, night in enumerate(("first night", "second night"), start=1):
        made = run_messages(f"{number:032x}", ids)
        spent = [processor_s(bench.ready.pids[name]) for name in ("run_pipeline_bulk", "services")]
        ours = pushed_s(bench, "pipeline-runs-bulk", made)
        spent = [
            processor_s(bench.ready.pids[name]) - before
            for name, before in zip(("run_pipeline_bulk", "services"), spent, strict=True)
        ]
        theirs = pushed_s(bench, "bench-empty", made)
        ended = Counter(
            row["status"]
            for row in bench.platform.rows(
                "SELECT DISTINCT pipeline_logging_id, status FROM convergence__control.x_meta_runs"
                f" WHERE step_id IS NULL AND batch_id = '{number:032x}' AND status != 'RUNNING'"
            )
        )
        if ended != {"SUCCEEDED": tenants}:
            raise SystemExit(f"{night}: of {tenants} runs ended {dict(ended)}; see {bench.ready.logs}")
        rows.append(
            {
                "": night,
                "runs": tenants,
                "seconds": ours,
                "runs/s": tenants / ours,
                "empty function, messages/s": tenants / theirs,
                "of the empty one": theirs / ours,
                "processor ms a run": spent[0] / tenants * 1_000,
                "of the services": spent[1] / tenants * 1_000,
            }
        )
    return rows


@contextmanager
def watched_stack() -> Iterator[tuple[Bench, Watched, Watched]]:
    """A stack with the bulk lane and an empty function, and its api and run_pipeline, each watched."""
    with TemporaryDirectory() as directory, Watched.started() as api, Watched.started() as runs:
        (Path(directory) / "main.py").write_text(_EMPTY)
        empty = Function("empty", directory, "empty", threads=16, topics=("bench-empty",))
        watched = {"api": api, "run_pipeline": runs}
        served = [
            watched[one.name].function(one) if one.name in watched else one
            for one in functions("run_pipeline", "run_pipeline_bulk")
        ]
        with stack(*served, empty, sample=True) as bench:
            for each in watched.values():
                each.ready(bench.ready)
            yield bench, api, runs


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print; 1 where a run makes more calls than is promised. Without arguments, those of the command line."""
    parser = results.parser("runs", __doc__)
    parser.add_argument("--tenants", type=int, default=1_000, help="default 1,000; the promise is of 10,000")
    parser.add_argument("--only", choices=("nights", "calls"))
    options = parser.parse_args(arguments)
    broken: list[str] = []
    with watched_stack() as (bench, api, runs):
        if options.only != "calls":
            rows = nights(bench, options.tenants)
            results.show("runs, beside an empty function", rows)
            if options.save:
                results.save("runs", rows, bars=("runs/s", "empty function, messages/s"), unit="a second")
        if options.only != "nights":
            counted, broken = calls(bench, api, runs)
            results.show("calls of each API that one run of cost_billing makes", counted)
            if options.save:
                results.save("calls", counted, bars=tuple(counted[0])[1:], unit="calls")
    sys.stdout.write("".join(f"{each}\n" for each in broken))
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
