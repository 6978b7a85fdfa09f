"""A preview as text, for a terminal of any width and for a pipe."""

import textwrap
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from shared.contracts.sql import Parameter
from shared.desk.preview import Preview, QueryShown, StepShown, TableShown
from shared.desk.sources import DOLLARS_PER_TIB, size
from shared.errors import Fault

_WHEN = {
    "on_success": "when all before it succeeded",
    "on_failure": "when something before it failed; shown with - for what will have failed",
    "always": "whatever happened before; shown with - for what may have failed",
}
_NARROWEST = 20


def show(preview: Preview, note: str, console: Console) -> None:
    """Print the whole preview; nothing is wrapped where the output is no terminal."""
    head = f"{preview.template} for {preview.tenant_id}" + (f", {preview.date}" if preview.date else ", no date")
    console.print(Text(head, style="bold"))
    about = {"file": f"{preview.file}, version {preview.version}", "pipeline_id": preview.pipeline_id, "settings": note}
    _pairs([(name, value) for name, value in about.items() if value], console, indent=2)
    if preview.variables:
        console.print()
        console.print(Text("Variables", style="bold"))
        width = max(len(one.origin) for one in preview.variables)
        named = [(one.name, f"{one.origin:{width}}  {one.value}") for one in preview.variables]
        _pairs(named, console, indent=2, hang=width + 2)
    for number, step in enumerate(preview.steps, 1):
        console.print()
        _step(step, f"Step {number} of {len(preview.steps)}: {step.step_id}", console)
    if preview.errors:
        console.print()
        show_errors("It would be refused:", preview.errors, console)
    else:
        console.print()
        console.print(Text("It would run. Nothing was run or written.", style="green"))


def show_errors(title: str, faults: Iterable[Fault], console: Console) -> None:
    """Print refusals as the API's problem documents have them: where, code, message; not one that the title says."""
    console.print(Text(title, style="bold red"))
    for fault in faults:
        if title.endswith(f"{fault.where}: {fault.message}"):
            continue
        console.print(Text(f"  {fault.where}"))
        _pairs([(fault.code, fault.message)], console, indent=4)


def _step(step: StepShown, title: str, console: Console) -> None:
    console.print(Text(title, style="bold"))
    pairs = [("engine", step.ps_type), ("runs", _WHEN[step.trigger])]
    if step.name != step.step_id:
        pairs.insert(0, ("name", step.name))
    if step.depends_on:
        pairs.append(("waits for", ", ".join(step.depends_on)))
    _pairs([*pairs, *step.does.items()], console, indent=2)
    for query in step.queries:
        _query(query, console)
    for fault in step.errors:
        _pairs([("refused", f"{fault.message} ({fault.code})")], console, indent=2, style="red")


def _query(query: QueryShown, console: Console) -> None:
    console.print(Text(f"  {query.field}", style="cyan"))
    console.print(Text(textwrap.indent(query.text.rstrip(), "    ")))
    if query.parameters:
        console.print(Text("  parameters", style="cyan"))
        _pairs([(f"@{one.name}", _typed(one)) for one in query.parameters], console, indent=4)
    console.print(Text("  reads", style="cyan"))
    _pairs([(one.table, _whose(one)) for one in query.reads] or [("no table", "")], console, indent=4)
    _pairs([("estimate", _estimate(query))], console, indent=2)


def _typed(parameter: Parameter) -> str:
    kind = f"ARRAY<{parameter.type}>" if parameter.array else parameter.type
    return f"{kind}  {parameter.value!r}"


def _whose(table: TableShown) -> str:
    if not table.source:
        return "the tenant's own"
    return f"shared source {table.source}, only rows where {' '.join(table.tenant_filter.split())}"


def _estimate(query: QueryShown) -> str:
    if query.after:
        return f"known once step {query.after!r} has run: it makes a table that is read here"
    if query.bytes_processed is None or query.bytes_billed is None or query.dollars is None:
        return f"bytes unknown; ${DOLLARS_PER_TIB}/TiB"
    billed = f"{size(query.bytes_billed)} billed × ${DOLLARS_PER_TIB}/TiB = ${query.dollars:.6f} a run"
    return f"{size(query.bytes_processed)} read, {billed}"


def _pairs(
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
