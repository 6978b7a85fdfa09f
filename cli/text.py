"""Names with their values, and refusals, as text: for a terminal of any width and for a pipe."""

import textwrap
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from shared.errors import Fault

_NARROWEST = 20


def show_errors(title: str, faults: Iterable[Fault], console: Console) -> None:
    """Print refusals as the API's problem documents have them: where, code, message; not one that the title says."""
    console.print(Text(title, style="bold red"))
    for fault in faults:
        if title.endswith(f"{fault.where}: {fault.message}"):
            continue
        console.print(Text(f"  {fault.where}"))
        show_pairs([(fault.code, fault.message)], console, indent=4)


def show_pairs(
    pairs: Iterable[tuple[str, str]], console: Console, *, indent: int, hang: int = 0, style: str = "cyan"
) -> None:
    """Names in a column of their own, values beside them; `hang` more for the second and further lines of a value."""
    named = list(pairs)
    column = indent + max((len(name) for name, _ in named if len(name) <= 32), default=0) + 2
    for name, value in named:
        lines = [line for part in value.rstrip("\n").split("\n") for line in _wrapped(part, console, column, hang)]
        first = f"{' ' * indent}{name}"
        # A name that is wider than the column has a line of its own.
        if len(first) + 2 > column:
            console.print(Text(first, style=style))
            lines.insert(0, "")
            rest = lines[1:]
        else:
            console.print(Text.assemble((first.ljust(column), style), lines[0]))
            rest = lines[1:]
        for line in rest:
            console.print(Text(f"{' ' * column}{line}".rstrip()))


def _wrapped(text: str, console: Console, column: int, hang: int) -> list[str]:
    if not console.is_terminal or not text:
        return [text]
    width = max(console.width - column, _NARROWEST)
    return textwrap.wrap(
        text, width, subsequent_indent=" " * min(hang, width // 2), break_on_hyphens=False, break_long_words=False
    ) or [text]
