"""How quickly fan_out makes and publishes run messages, beside a loop that does nothing else: make bench.fan_out.

The function is the real one, in its own process, with the embedded BigQuery and Pub/Sub; its time counts from the
publishing of the batch message to the PUBLISHED event, so it has the two queries and both events in it. The loop
has its tenants in memory, builds the same messages and publishes them with the generated client, one request of 1,000
after the other. Nobody subscribes to what either publishes: keeping messages is not measured. Exit status 1 where a
promise is not kept.
"""

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from google.pubsub_v1 import PublisherClient, PubsubMessage

from bench import results
from bench.platform import DAY, TRIVIAL, Bench, batch_of, functions, peak_mib, stack
from shared.batches.fan_out import CHUNK_MESSAGES, messages
from shared.batches.targets import Target
from tests.e2e.many_tenants import EPOCH, register, tenant_ids

LEAST_OF_LOOP = 0.8
MOST_S_OF_10_000 = 2.0
MOST_MEMORY_GROWTH = 1.3  # from 10,000 tenants to 100,000
WITHIN_S = 600.0
_REGISTERED_AT_ONCE = 20_000


def fan_out_s(bench: Bench, batch_id: str) -> float:
    """Start a batch for all tenants; the seconds until all its runs are published."""
    message = {
        "batch_id": batch_id,
        "provider": TRIVIAL.provider,
        "domain": TRIVIAL.domain,
        "template_name": TRIVIAL.template_name,
        "date": DAY.isoformat(),
    }
    began = time.time()
    bench.publisher.publish(
        topic=bench.topic("pipeline-batches"), messages=[PubsubMessage(data=json.dumps(message).encode())]
    )
    asked = (
        "SELECT event_time FROM convergence__control.x_meta_batches"
        f" WHERE batch_id = '{batch_id}' AND event = 'PUBLISHED'"
    )
    while not (found := bench.platform.rows(asked)):
        if time.time() - began > WITHIN_S:
            raise SystemExit(f"the batch was not published within {WITHIN_S:.0f} s; see {bench.ready.logs}")
        time.sleep(0.2)
    ended: float = found[0]["event_time"].timestamp()
    return ended - began


def loop_s(publisher: PublisherClient, topic: str, tenants: list[str]) -> float:
    """The seconds in which a loop publishes the same messages."""
    batch, began = batch_of("f" * 32), time.perf_counter()
    for first in range(0, len(tenants), CHUNK_MESSAGES):
        chunk = tenants[first : first + CHUNK_MESSAGES]
        made = messages(batch, "0" * 16, (Target(tenant_id, EPOCH, DAY) for tenant_id in chunk))
        publisher.publish(
            topic=topic, messages=[PubsubMessage(data=one.data, attributes=one.attributes) for one in made]
        )
    return time.perf_counter() - began


def measure(tenants: int, times: int) -> dict[str, Any]:
    """The best of several, in a stack of its own: peak memory is that of this number of tenants."""
    with stack(*functions("fan_out")) as bench:
        runs_topic = bench.topic("pipeline-runs-bulk")
        bench.unsubscribe("pipeline-runs-bulk")
        fan_out_s(bench, "0" * 32)  # the first batch, of nobody, imports what is imported late
        ids = tenant_ids(tenants)
        for first in range(0, tenants, _REGISTERED_AT_ONCE):
            register(bench.platform.warehouse, ids[first : first + _REGISTERED_AT_ONCE])
        # In turns: what else the machine does meets both.
        pairs = [
            (fan_out_s(bench, f"{number:032x}"), loop_s(bench.publisher, runs_topic, ids))
            for number in range(1, times + 1)
        ]
        ours, theirs = (min(each) for each in zip(*pairs, strict=True))
        return {
            "tenants": f"{tenants:,}",
            "seconds": ours,
            "messages/s": tenants / ours,
            "loop, messages/s": tenants / theirs,
            "of the loop": theirs / ours,
            "peak memory, MiB": peak_mib(bench.ready.pids["fan_out"]),
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print; 1 where a promise is not kept. Without arguments, those of the command line."""
    parser = results.parser("fan_out", __doc__)
    parser.add_argument("--tenants", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="also 1000000")
    parser.add_argument("--times", type=int, default=3, help="the best of so many (default 3)")
    options = parser.parse_args(arguments)
    rows = [measure(tenants, options.times) for tenants in options.tenants]
    results.show("fan_out, beside a loop that publishes the same", rows)
    if options.save:
        results.save("fan_out", rows, bars=("messages/s", "loop, messages/s"), unit="messages a second")
    by_size = {row["tenants"]: row for row in rows}
    ten, hundred = by_size.get("10,000"), by_size.get("100,000")
    broken = []
    if ten and ten["seconds"] > MOST_S_OF_10_000:
        broken.append(f"10,000 tenants take {ten['seconds']:.1f} s, at most {MOST_S_OF_10_000:g} are promised")
    if ten and ten["of the loop"] < LEAST_OF_LOOP:
        broken.append(f"10,000 tenants go at {ten['of the loop']:.2f} of the loop's rate, {LEAST_OF_LOOP} are promised")
    if ten and hundred and hundred["peak memory, MiB"] > MOST_MEMORY_GROWTH * ten["peak memory, MiB"]:
        broken.append(f"100,000 tenants take more than {MOST_MEMORY_GROWTH} × the memory of 10,000")
    sys.stdout.write("".join(f"{each}\n" for each in broken))
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
