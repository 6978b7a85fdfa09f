"""`convergence tenants`: list the tenants, over the API."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.table import Table

from cli.api import Api, connect
from cli.options import StackFile
from cli.text import show_errors
from shared.errors import ConvergenceError

# The most that a page may have: ten thousand tenants are ten calls.
_PAGE = 1_000


def each_tenant(api: Api, status: str | None = None) -> Iterator[dict[str, Any]]:
    """The tenants in the order of their ids, page by page. Raises as `Api.get` does."""
    asked = {"limit": str(_PAGE), **({"status": status} if status else {})}
    while True:
        page = api.get(f"/customers?{urlencode(asked)}")
        yield from page["tenants"]
        if page["next_page_token"] is None:
            return
        asked["page_token"] = page["next_page_token"]


def tenants(
    status: Annotated[Literal["active", "suspended"] | None, typer.Option(help="Only those that stand so.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line for each tenant.")] = False,
    stack: StackFile = None,
) -> None:
    """List the tenants whose onboarding is complete, in the order of their ids.

    The API is that of API_URL with ADMIN_KEY, or the stack of `make up`.
    """
    console = Console(soft_wrap=True, highlight=False, emoji=False, markup=False)
    try:
        found = each_tenant(connect(stack), status)
        if as_json:
            for tenant in found:
                typer.echo(json.dumps(tenant))
            return
        table = table_of(list(found))
    except ConvergenceError as error:
        show_errors(error.message, error.faults, console)
        raise typer.Exit(1) from None
    console.print(table, soft_wrap=False)
    console.print(f"tenants: {table.row_count}")


def table_of(found: list[dict[str, Any]]) -> Table:
    """A row for each tenant."""
    table = Table()
    for name in ("tenant", "status", "admin email", "templates", "onboarded (UTC)"):
        table.add_column(name, overflow="fold", no_wrap=name in ("tenant", "status"))
    for one in found:
        templates = ", ".join(one["enabled_templates"]) or "all"
        # The minute is enough for people; --json has it whole.
        onboarded = one["onboarded_at"][:16].replace("T", " ")
        table.add_row(one["tenant_id"], one["status"], one["admin_email"], templates, onboarded)
    return table
