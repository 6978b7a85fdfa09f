"""What importing each function costs a cold start, beside the imports that it cannot do without: make bench.cold.

Each import happens in a fresh interpreter, with bytecode already written. Ours is the function's module and what its
first request imports late; beside it are the frameworks and clients alone that those are made of. In processor
time, in turns; best of several, and the median.
"""

import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from bench import results
from local.functions import ROOT

_FRAMEWORK = ("functions_framework", "flask", "pydantic.main", "pydantic.types")  # pydantic itself imports late
_TEMPLATES = ("yaml", "sqlglot")
_BIGQUERY = ("google.cloud.bigquery",)
_PUBSUB = ("grpc", "google.pubsub_v1.services.publisher")
# For each function: what is ours on the path of a usual first request, and what that cannot do without.
FUNCTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "api": (
        ("functions.api.main", "shared.adapters.bigquery", "shared.adapters.pubsub", "shared.adapters.rate_limits"),
        (*_FRAMEWORK, *_TEMPLATES, *_BIGQUERY, *_PUBSUB, "limits"),
    ),
    "run_pipeline": (
        ("functions.run_pipeline.main", "shared.adapters.bigquery", "shared.engines.gcp.bigquery_to_bigquery"),
        (*_FRAMEWORK, *_TEMPLATES, *_BIGQUERY),
    ),
    "fan_out": (
        ("functions.fan_out.main", "shared.adapters.bigquery", "shared.adapters.pubsub"),
        (*_FRAMEWORK, *_TEMPLATES, *_BIGQUERY, *_PUBSUB),
    ),
    "dead_letter": (
        ("functions.dead_letter.main", "shared.adapters.bigquery", "shared.adapters.pubsub"),
        (*_FRAMEWORK, *_TEMPLATES, *_BIGQUERY, *_PUBSUB),
    ),
}
_TIMED = """
import importlib, sys, time
began = time.process_time()
for name in sys.argv[1:]:
    importlib.import_module(name)
print(time.process_time() - began, len(sys.modules))
"""


def imported(*names: str) -> tuple[float, int]:
    """Processor seconds of importing these in a fresh interpreter, and how many modules are there then."""
    command = [sys.executable, "-c", _TIMED, *names]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
    seconds, modules = said.split()
    return float(seconds), int(modules)


def measure(name: str, times: int) -> dict[str, Any]:
    """A function's imports, beside those that it cannot do without."""
    ours, needed = FUNCTIONS[name]
    pairs = [(imported(*ours), imported(*needed)) for _ in range(times)]
    own, floor = ([one[0] for one in each] for each in zip(*pairs, strict=True))
    return {
        "function": name,
        "ms": min(own) * 1_000,
        "needed, ms": min(floor) * 1_000,
        "ratio": min(own) / min(floor),
        "median, ms": statistics.median(own) * 1_000,
        "modules": pairs[0][0][1],
        "needed modules": pairs[0][1][1],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print. Without arguments, those of the command line."""
    parser = results.parser("cold", __doc__)
    parser.add_argument("--times", type=int, default=5, help="the best of so many (default 5)")
    parser.add_argument("--functions", nargs="+", choices=tuple(FUNCTIONS), default=tuple(FUNCTIONS), metavar="NAME")
    options = parser.parse_args(arguments)
    rows = [measure(name, options.times) for name in options.functions]
    results.show("imports of a cold start", rows)
    if options.save:
        results.save("cold", rows, bars=("ms", "needed, ms"), unit="milliseconds")


if __name__ == "__main__":
    main()
