"""`convergence replay`: run again what failed, over the API."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.api import Api, connect
from cli.options import StackFile
from cli.text import show_errors
from shared.errors import ConvergenceError

# So that an answer comes soon.
_RUNS_A_CALL = 1_000
# So many are listed; the rest are counted.
_MOST_SHOWN = 20


def pages(api: Api, asked: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The runs of one call after the other, until there are no more. Raises as `Api.post` does."""
    token: dict[str, str] = {}
    while True:
        page = api.post("/pipelines/replay", {**asked, "limit": _RUNS_A_CALL, **token})
        yield page["runs"]
        if page["next_page_token"] is None:
            return
        token = {"page_token": page["next_page_token"]}


def replay(  # noqa: PLR0917 - typer calls it by name
    run: Annotated[str, typer.Option(metavar="RUN_ID", help="This run.")] = "",
    batch: Annotated[str, typer.Option(metavar="BATCH_ID", help="What failed of this batch.")] = "",
    error_code: Annotated[str, typer.Option(metavar="CODE", help="What failed with this code.")] = "",
    since: Annotated[str, typer.Option(help="Of that day or time on; 30 days ago if not given.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which runs it would be.")] = False,
    stack: StackFile = None,
) -> None:
    """Run again what is FAILED or DEAD, as new runs that name the ones they repeat.

    The same command again, before these have begun, is the same runs. Exit status 0 when Pub/Sub has all of them. The
    API is that of API_URL with ADMIN_KEY, or the stack of `make up`.
    """
    console = Console(soft_wrap=True, highlight=False, emoji=False, markup=False)
    if not (run or batch or error_code):
        raise typer.BadParameter("give --run, --batch or --error-code", param_hint="replay")
    given = {"run": run, "batch_id": batch, "error_code": error_code, "since": since}
    asked: dict[str, Any] = {name: value for name, value in given.items() if value}
    runs: list[dict[str, Any]] = []
    try:
        for page in pages(connect(stack), {**asked, "dry_run": dry_run}):
            runs += page
    except ConvergenceError as error:
        if runs and not dry_run:
            console.print(f"{len(runs)} runs are published; the same command goes on")
        show_errors(error.message, error.faults, console)
        raise typer.Exit(1) from None
    for one in runs[:_MOST_SHOWN]:
        day = f", {one['date']}" if one["date"] else ""
        attempt = f"attempt {one['run_attempt']}: {one['pipeline_logging_id']} repeats {one['previous_run']}"
        console.print(f"{one['tenant_id']}{day}, {attempt}")
    if len(runs) > _MOST_SHOWN:
        console.print(f"and {len(runs) - _MOST_SHOWN} more")
    console.print(f"{'to be run again' if dry_run else 'run again'}: {len(runs)}")
