"""`convergence batch`: run a template for many tenants over the API, and watch until all have ended."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.api import Api, connect
from cli.batch_watch import all_succeeded, report, watch
from cli.options import Repeated, StackFile, assignments
from cli.text import show_errors
from shared.contracts.files.variable_spec import VariableSpec
from shared.contracts.template_address import TemplateAddress
from shared.errors import ConvergenceError, Unavailable

# As a shell says of a program that was ended by Ctrl-C.
_INTERRUPTED = 130


def batch(  # noqa: PLR0917 - typer calls it by name
    template: Annotated[str, typer.Argument(help="provider/domain/template_name")] = "",
    date: Annotated[str, typer.Option(help="The day, YYYY-MM-DD.")] = "",
    first: Annotated[str, typer.Option("--from", help="First day of a backfill; with --to.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day of a backfill.")] = "",
    tenants: Annotated[
        Path | None, typer.Option(help="File with a tenant_id a line; without it all that have the template enabled.")
    ] = None,
    variable: Annotated[
        Repeated, typer.Option(metavar="NAME=VALUE", help="A variable of the template; may be repeated.")
    ] = (),  # type: ignore[assignment]  # typer makes the list
    trigger_by: Annotated[str, typer.Option(help="Who asks, as the runs record it.")] = "cli",
    watch_: Annotated[str, typer.Option("--watch", metavar="BATCH_ID", help="Only watch this batch.")] = "",
    retry: Annotated[str, typer.Option(metavar="BATCH_ID", help="Run again what failed of this batch.")] = "",
    stack: StackFile = None,
) -> None:
    """Start a batch, or go on with one, and show how it goes until it has ended.

    Exit status 0 when every run succeeded. Ctrl-C stops watching; the batch goes on. The API is that of API_URL with
    ADMIN_KEY, or the stack of `make up`.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    if sum(map(bool, (template, watch_, retry))) != 1:
        raise typer.BadParameter("give a template, --watch or --retry, one of them", param_hint="TEMPLATE")
    batch_id = watch_
    try:
        api = connect(stack)
        if template:
            given: dict[str, Any] = {"date": date, "from": first, "to": last, "trigger_by": trigger_by}
            if tenants is not None:
                given["tenants"] = _tenant_ids(tenants)
            body = _body(api, TemplateAddress.parse(f"{template}.yml"), given, assignments(variable, "--variable"))
            # With a key a call that is sent again, because its answer was lost, is the same batch.
            accepted = api.post("/pipelines/batch", body, key=secrets.token_hex(16))
            batch_id = accepted["batch_id"]
            console.print(f"batch {batch_id}")
        elif retry:
            accepted = api.post(f"/pipelines/batch/{retry}/retry")
            batch_id = accepted["batch_id"]
            console.print(f"batch {batch_id}, attempt {accepted['attempt']}")
        found = watch(api, batch_id, console)
    except KeyboardInterrupt:
        if batch_id:
            console.print(f"The batch goes on. To watch it again: convergence batch --watch {batch_id}")
        raise typer.Exit(_INTERRUPTED) from None
    except ConvergenceError as error:
        show_errors(error.message, error.faults, console)
        # What the API refuses, such as a batch that it does not know, goes on nowhere.
        if batch_id and isinstance(error, Unavailable):
            console.print(f"The batch goes on. To watch it again: convergence batch --watch {batch_id}")
        raise typer.Exit(1) from None
    report(found, console)
    if not all_succeeded(found):
        raise typer.Exit(1)


def _body(api: Api, address: TemplateAddress, given: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """What is sent: only what was given."""
    body: dict[str, Any] = {
        "provider": address.provider,
        "domain": address.domain,
        "template_name": address.template_name,
    }
    body |= {name: value for name, value in given.items() if value != ""}
    if variables:
        body["variables"] = _typed(api.get(f"/templates/{address}")["variables"], variables)
    return body


def _tenant_ids(file: Path) -> list[str]:
    """A tenant_id a line; empty lines and what follows a # count for nothing."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"cannot read {file}: {error}", param_hint="--tenants") from None
    return [tenant_id for one in lines if (tenant_id := one.partition("#")[0].strip())]


def _typed(declared: Sequence[Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, Any]:
    """The variables as JSON holds them: of the types that the template says; what cannot be stays text, to be refused.

    >>> _typed([{"name": "limit", "type": "int"}], {"limit": "5", "note": "x"})
    {'limit': 5, 'note': 'x'}
    """
    types = {one["name"]: one["type"] for one in declared}
    values: dict[str, Any] = {}
    for name, text in given.items():
        try:
            values[name] = VariableSpec(type=types.get(name, "string")).read(text, from_text=True)
        except ValueError:
            values[name] = text
    return values
