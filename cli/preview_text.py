"""A preview as text."""

import textwrap

from rich.console import Console
from rich.text import Text

from cli.text import show_errors, show_pairs
from shared.contracts.sql import Parameter
from shared.desk.preview import Preview, QueryShown, StepShown, TableShown
from shared.desk.sources import DOLLARS_PER_TIB, size

_WHEN = {
    "on_success": "when all before it succeeded",
    "on_failure": "when something before it failed; shown with - for what will have failed",
    "always": "whatever happened before; shown with - for what may have failed",
}


def show(preview: Preview, note: str, console: Console) -> None:
    """Print the whole preview; nothing is wrapped where the output is no terminal."""
    head = f"{preview.template} for {preview.tenant_id}" + (f", {preview.date}" if preview.date else ", no date")
    console.print(Text(head, style="bold"))
    about = {"file": f"{preview.file}, version {preview.version}", "pipeline_id": preview.pipeline_id, "settings": note}
    show_pairs([(name, value) for name, value in about.items() if value], console, indent=2)
    if preview.variables:
        console.print()
        console.print(Text("Variables", style="bold"))
        width = max(len(one.origin) for one in preview.variables)
        named = [(one.name, f"{one.origin:{width}}  {one.value}") for one in preview.variables]
        show_pairs(named, console, indent=2, hang=width + 2)
    for number, step in enumerate(preview.steps, 1):
        console.print()
        _step(step, f"Step {number} of {len(preview.steps)}: {step.step_id}", console)
    if preview.errors:
        console.print()
        show_errors("It would be refused:", preview.errors, console)
    else:
        console.print()
        console.print(Text("It would run. Nothing was run or written.", style="green"))


def _step(step: StepShown, title: str, console: Console) -> None:
    console.print(Text(title, style="bold"))
    pairs = [("engine", step.ps_type), ("runs", _WHEN[step.trigger])]
    if step.name != step.step_id:
        pairs.insert(0, ("name", step.name))
    if step.depends_on:
        pairs.append(("waits for", ", ".join(step.depends_on)))
    show_pairs([*pairs, *step.does.items()], console, indent=2)
    for query in step.queries:
        _query(query, console)
    for fault in step.errors:
        show_pairs([("refused", f"{fault.message} ({fault.code})")], console, indent=2, style="red")


def _query(query: QueryShown, console: Console) -> None:
    console.print(Text(f"  {query.field}", style="cyan"))
    console.print(Text(textwrap.indent(query.text.rstrip(), "    ")))
    if query.parameters:
        console.print(Text("  parameters", style="cyan"))
        show_pairs([(f"@{one.name}", _typed(one)) for one in query.parameters], console, indent=4)
    console.print(Text("  reads", style="cyan"))
    show_pairs([(one.table, _whose(one)) for one in query.reads] or [("no table", "")], console, indent=4)
    show_pairs([("estimate", _estimate(query))], console, indent=2)


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
