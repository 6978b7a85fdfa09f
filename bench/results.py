"""Show what was measured as a table; with `--save`, keep it as JSON and as a plot in `bench/results/`."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).resolve().parent / "results"


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """A command line with the option that all of them have."""
    made = argparse.ArgumentParser(prog=f"bench.{name}", description=description)
    made.add_argument("--save", action="store_true", help="keep the figures as JSON and PNG in bench/results/")
    return made


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows that have the same keys; the first key names the row, the others are figures."""
    table = Table(title=title)
    for number, name in enumerate(rows[0]):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    Console().print(table)


def save(name: str, rows: Sequence[Mapping[str, Any]], *, bars: Sequence[str], unit: str) -> None:
    """Write `bench/results/{name}.json` and `.png`: for each row a bar of each of these figures, side by side."""
    import matplotlib as mpl  # of the dependency group `bench`

    mpl.use("agg")
    from matplotlib import pyplot

    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(list(rows), indent=2) + "\n")
    labels = [str(next(iter(row.values()))) for row in rows]
    width = 0.8 / len(bars)
    figure, axes = pyplot.subplots(figsize=(max(6.0, 1.2 * len(rows)), 4.0))
    for number, bar in enumerate(bars):
        places = [place + number * width for place in range(len(rows))]
        axes.bar(places, [row[bar] or 0 for row in rows], width, label=bar)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(rows))], labels, rotation=20, ha="right")
    axes.set_ylabel(unit)
    axes.legend()
    figure.tight_layout()
    figure.savefig(RESULTS / f"{name}.png", dpi=150)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
