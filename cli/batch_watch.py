"""Show how a batch goes until it ends: a bar in a terminal, a line now and then elsewhere."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from cli.api import Api

# Each look is two queries that are billed: seldom where a batch takes long.
POLL_S, MOST_POLL_S = 1.0, 20.0
# The rate is that of the last seconds: a batch is slow at first.
RATE_OVER_S = 30.0
# Without a terminal, a line at most so often.
LINE_EVERY_S = 5.0
_TENANTS_SHOWN = 10
Batch = Mapping[str, Any]


@dataclass
class Rate:
    """How many runs end in a second, of late."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, at_s: float, ended: int) -> float:
        """Note how many have ended by now; runs a second, 0.0 while nobody can tell."""
        self._seen.append((at_s, ended))
        while len(self._seen) > 2 and at_s - self._seen[0][0] > RATE_OVER_S:
            self._seen.popleft()
        first_s, first = self._seen[0]
        return (ended - first) / (at_s - first_s) if at_s > first_s else 0.0


def ended(batch: Batch) -> int:
    """How many runs have ended, one way or another."""
    return int(batch["succeeded"] + batch["failed"] + batch["dead"])


def all_succeeded(batch: Batch) -> bool:
    """Whether every expected run has; a batch of nobody has not."""
    return bool(batch["expected"]) and batch["succeeded"] == batch["expected"]


def line(batch: Batch, rate: float) -> str:
    """The batch in one line.

    >>> counts = {"queued": 3, "running": 2, "succeeded": 4, "failed": 1, "dead": 0, "missing": 0}
    >>> line({"status": "RUNNING", "expected": 10, "published": 10, **counts}, 0.5)
    'RUNNING: 10 of 10 published, 3 queued, 2 running, 4 succeeded, 1 failed; 0.5 runs/s, 10 s left'
    """
    expected = "?" if batch["expected"] is None else f"{batch['expected']:,}"
    parts = [f"{batch['published']:,} of {expected} published"]
    parts += [f"{batch[name]:,} {name}" for name in ("queued", "running", "succeeded")]
    # Until it has ended, what is missing is what is not published yet.
    worse = ("failed", "dead", "missing") if batch["status"] == "ENDED" else ("failed", "dead")
    parts += [f"{batch[name]:,} {name}" for name in worse if batch[name]]
    return f"{batch['status']}: {', '.join(parts)}" + (f"; {_speed(batch, rate)}" if rate else "")


def watch(api: Api, batch_id: str, console: Console, *, sleep: Callable[[float], None] = time.sleep) -> Batch:
    """Show the batch until it has ended; how it stands then."""
    rate, pause_s = Rate(), POLL_S
    with _shown(console) as show:
        while True:
            batch = api.get(f"/pipelines/batch/{batch_id}")
            show(batch, rate.add(time.monotonic(), ended(batch)))
            if batch["status"] in ("ENDED", "NOT_PUBLISHED"):
                return batch
            sleep(pause_s)
            pause_s = min(pause_s * 1.2, MOST_POLL_S)


def report(batch: Batch, console: Console) -> None:
    """How the batch ended: what failed, of whom, and how to run it again."""
    console.print(line(batch, 0.0))
    if not batch["expected"]:
        console.print("Nothing ran: no tenant that is active has the template enabled.")
    if batch["missing"]:
        console.print(f"{batch['missing']:,} were not begun: their tenants were suspended or off-boarded meanwhile.")
    for failure in batch["failures"]:
        tenants = ", ".join(failure["tenants"][:_TENANTS_SHOWN])
        more = " …" if len(failure["tenants"]) > _TENANTS_SHOWN else ""
        runs = "1 run" if failure["runs"] == 1 else f"{failure['runs']:,} runs"
        console.print(f"  {failure['error_code']}: {runs}: {tenants}{more}")
    if batch["failures"]:
        console.print(f"To run these again: convergence batch --retry {batch['batch_id']}")


def _speed(batch: Batch, rate: float) -> str:
    left = max((batch["expected"] or 0) - ended(batch), 0) / rate
    clock = f"{left:.0f} s" if left < 120 else f"{left / 60:.0f} min" if left < 7_200 else f"{left / 3_600:.1f} h"
    return f"{rate:.3g} runs/s, {clock} left"


@contextmanager
def _shown(console: Console) -> Iterator[Callable[[Batch, float], None]]:
    """What shows the batch: in a terminal a bar, which stays one."""
    if console.is_terminal:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=console) as progress:
            task: TaskID = progress.add_task("", total=None)

            def draw(batch: Batch, rate: float) -> None:
                progress.update(
                    task, description=line(batch, rate), completed=ended(batch), total=batch["expected"] or None
                )

            yield draw
        return
    last_s = -LINE_EVERY_S

    def say(batch: Batch, rate: float) -> None:
        nonlocal last_s
        now = time.monotonic()
        if now - last_s >= LINE_EVERY_S:
            last_s = now
            console.print(line(batch, rate))

    yield say
