"""Show how a bulk onboarding goes, and say at its end what became of whom and what to do about it."""

import csv
import os
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.batch_watch import LINE_EVERY_S, Rate
from cli.key_file import KeyFile
from cli.onboard_many import Ended
from cli.tenant_list import ERROR, TenantList
from shared.errors import PermanentError, SettingsInvalid

_COLUMNS = (f"{ERROR}line", f"{ERROR}code", f"{ERROR}message")
# So many are named in a line; all are in the file.
_MOST_NAMED = 20
_WORDS = (("onboarded", "onboarded"), ("there", "were there"), ("failed", "failed"), ("lost", "without their key"))


@contextmanager
def shown(total: int, console: Console, pace: Callable[[], float]) -> Iterator[Callable[[Ended], None]]:
    """What shows each end: in a terminal a bar, elsewhere a line now and then. `pace` is the rate that is allowed."""
    counts: Counter[str] = Counter()
    rate = Rate()
    last_s = time.monotonic()

    def line(ended: Ended) -> str:
        counts[ended.result] += 1
        speed = rate.add(time.monotonic(), counts.total())
        left = f", {duration((total - counts.total()) / speed)} left" if speed else ""
        return f"{summed(counts)}; {speed:.1f} a second, new ones at most {round(pace(), 2):g}{left}"

    if console.is_terminal:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("", total=total)
            yield lambda ended: progress.update(task, description=line(ended), advance=1)
        return

    def say(ended: Ended) -> None:
        nonlocal last_s
        text = line(ended)
        if time.monotonic() - last_s >= LINE_EVERY_S:
            last_s = time.monotonic()
            console.print(f"{counts.total():,} of {total:,}: {text}")

    yield say


def summed(counts: Counter[str]) -> str:
    """How many ended how.

    >>> summed(Counter(onboarded=1_200, lost=1))
    '1,200 onboarded, 1 without their key'
    """
    return ", ".join(f"{counts[name]:,} {words}" for name, words in _WORDS if counts[name]) or "0 onboarded"


def duration(seconds: float) -> str:
    """In the unit that fits.

    >>> duration(61), duration(6_700), duration(7_300)
    ('61 s', '112 min', '2.0 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def report(
    tenants: TenantList, ended: Sequence[Ended], failures: Path, keys: KeyFile, console: Console, *, again: str
) -> None:
    """What became of the tenants; `again` is the command that goes on. What failed is written to `failures`."""
    counts: Counter[str] = Counter(one.result for one in ended)
    left = len(tenants.newcomers) - len(ended)
    console.print(f"{tenants.file}: {summed(counts)}" + (f", {left:,} not begun" if left else ""))
    by_code: dict[str, list[Ended]] = defaultdict(list)
    wrong = sorted((one for one in ended if one.result in ("failed", "lost")), key=lambda one: one.newcomer.line)
    for one in wrong:
        by_code[one.code].append(one)
    for code, ones in by_code.items():
        lines = ", ".join(str(one.newcomer.line) for one in ones[:_MOST_NAMED])
        more = ", …" if len(ones) > _MOST_NAMED else ""
        console.print(f"  {code}: {len(ones):,}, on line {lines}{more}: {ones[0].message}")
    lost = [one.newcomer.tenant_id for one in wrong if one.result == "lost"]
    for first in range(0, len(lost), _MOST_NAMED):
        names = " ".join(lost[first : first + _MOST_NAMED])
        command = f"convergence keys rotate {names} --grace-s 0 --keys-file {shlex.quote(str(keys.path))}"
        console.print(f"To give each a new key: {command}")
    if counts["onboarded"]:
        console.print(f"The keys are in {keys.path}, which is yours alone.")
    if left:
        console.print(f"To go on: {again}")
    if wrong:
        write_failures(failures, tenants, wrong)
        console.print(f"What failed is in {failures}, with why; mended, it can be onboarded like {tenants.file}.")


def check_failures(file: Path) -> None:
    """Raise SettingsInvalid where the failures would overwrite what is no list of failures."""
    try:
        with file.open(encoding="utf-8", newline="") as found:
            header = next(csv.reader(found), [])
    except FileNotFoundError:
        return
    except (OSError, ValueError, csv.Error) as error:
        raise SettingsInvalid(f"cannot read {file}, which would be overwritten; name another --failures") from error
    if not set(_COLUMNS) <= set(header):
        raise SettingsInvalid(f"{file} is no list of failures, and would be overwritten; name another --failures")


def write_failures(file: Path, tenants: TenantList, ended: Sequence[Ended]) -> None:
    """Write them as a CSV of tenants again, with what was wrong; whole or not at all, its owner's alone.

    Raises PermanentError where it cannot be written.
    """
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as made:
            rows = csv.writer(made)
            rows.writerow([*tenants.columns, *_COLUMNS])
            for one in ended:
                cells = [one.newcomer.cells[name] for name in tenants.columns]
                rows.writerow([*cells, one.newcomer.line, one.code, one.message])
        fresh.replace(file)
    except OSError as error:
        raise PermanentError(f"cannot write {file}: {error.strerror}") from error
