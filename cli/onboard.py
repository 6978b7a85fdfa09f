"""`convergence onboard`: onboard the tenants of a CSV over the API, as fast as BigQuery's quotas let it."""

import asyncio
import shlex
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from cli.api import Api, address
from cli.key_file import KeyFile
from cli.onboard_many import ANSWER_TIMEOUT_S, AT_ONCE, Ended, OnboardMany
from cli.onboard_report import check_failures, duration, report, shown
from cli.options import StackFile
from cli.pace import TENANTS_A_SECOND, Pace
from cli.tenant_list import TEMPLATES, TenantList, read
from cli.text import show_errors
from shared.errors import ConvergenceError, SettingsInvalid

# As a shell says of a program that was ended by Ctrl-C.
_INTERRUPTED = 130
# gunicorn ends a connection that has been idle for two seconds, and a call on such a one has no answer.
_IDLE_CONNECTION_S = 1.0


def onboard(  # noqa: PLR0917 - typer calls it by name
    tenants: Annotated[Path, typer.Argument(help="CSV: tenant_id,admin_email[,enabled_templates][,variable:NAME]…")],
    keys_file: Annotated[
        Path | None, typer.Option(help="Where the API keys go; TENANTS.keys.csv if not given. Created with mode 0600.")
    ] = None,
    failures: Annotated[
        Path | None, typer.Option(help="Where what failed goes; TENANTS.failed.csv if not given.")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0.01, max=1_000, help="Tenants a second, at most; less while the API is busy.")
    ] = TENANTS_A_SECOND,
    at_once: Annotated[int, typer.Option(min=1, max=100, help="Calls in flight, at most.")] = AT_ONCE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check the CSV, not whether its templates exist; send nothing.")
    ] = False,
    stack: StackFile = None,
) -> None:
    """Onboard all tenants of a CSV that are not onboarded yet, and keep their API keys.

    Every wrong line is named before anything is sent. Stopped, by Ctrl-C or worse, the same command goes on where it
    was. Exit status 0 when every tenant is onboarded and no key was lost, 130 when it was stopped. The API is that of
    API_URL with ADMIN_KEY, or the stack of `make up`.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    keys_path = keys_file or tenants.with_name(f"{tenants.name.removesuffix('.csv').removesuffix('.failed')}.keys.csv")
    failed_path = failures or tenants.with_name(f"{tenants.name.removesuffix('.csv')}.failed.csv")
    again = f"convergence onboard {shlex.quote(str(tenants))}"
    again += f" --keys-file {shlex.quote(str(keys_file))}" if keys_file else ""
    try:
        listed = read(tenants)
        if dry_run:
            count = len(listed.newcomers)
            console.print(f"{tenants}: {count:,} tenants, no fault; {duration(count / rate)} at {rate:g} a second")
            return
        if failed_path.absolute() in {tenants.absolute(), keys_path.absolute()}:
            raise SettingsInvalid(f"{failed_path} is another of this command's files; name another --failures")
        check_failures(failed_path)
        url, headers = address(stack)
        _check_templates(listed, url, headers)
        with closing(KeyFile(keys_path, api=url)) as keys:
            ended, problem = _all(listed, keys, (url, headers), pace=Pace(rate), at_once=at_once, console=console)
            report(listed, ended, failed_path, keys, console, again=again)
    except ConvergenceError as error:
        show_errors(error.message, error.faults, console)
        raise typer.Exit(1) from None
    if problem is not None:
        show_errors(problem.message, problem.faults, console)
    elif len(ended) < len(listed.newcomers):
        raise typer.Exit(_INTERRUPTED)
    if problem is not None or any(one.result in ("failed", "lost") for one in ended):
        raise typer.Exit(1)


def _check_templates(listed: TenantList, url: str, headers: dict[str, str]) -> None:
    """Ask which templates there are, where a line names any."""
    if any(TEMPLATES in one.body for one in listed.newcomers):
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            found = Api(client).get("/templates")["templates"]
        listed.check_templates(f"{one['provider']}/{one['domain']}/{one['template_name']}" for one in found)


def _all(
    listed: TenantList,
    keys: KeyFile,
    api: tuple[str, dict[str, str]],
    *,
    pace: Pace,
    at_once: int,
    console: Console,
) -> tuple[list[Ended], ConvergenceError | None]:
    """Onboard those that have no key in the file; what became of all, and what stopped it, if anything did."""
    ended = [Ended(one, "there") for one in listed.newcomers if one.tenant_id in keys.held]
    if ended:
        console.print(f"{len(ended):,} have a key in {keys.path}: they are not asked for again")
    wanted = [one for one in listed.newcomers if one.tenant_id not in keys.held]

    async def run(tell: Callable[[Ended], None]) -> ConvergenceError | None:
        url, headers = api
        limits = httpx.Limits(max_connections=at_once, keepalive_expiry=_IDLE_CONNECTION_S)
        timeout = httpx.Timeout(ANSWER_TIMEOUT_S, connect=10.0)
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, limits=limits) as client:
            many = OnboardMany(client, keys, pace, tell=tell, at_once=at_once)
            _stop_by_signal(many, console)
            await many.run(wanted)
            return many.problem

    with shown(len(wanted), console, lambda: pace.rate) as show:

        def tell(one: Ended) -> None:
            ended.append(one)
            show(one)

        problem = asyncio.run(run(tell))
    return ended, problem


def _stop_by_signal(many: OnboardMany, console: Console) -> None:
    """Stop at the first Ctrl-C or SIGTERM; the second one ends it as any program, with the keys of calls in flight."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)
        console.print("Stopping, when the calls in flight are answered …")
        many.stop()

    for number in numbers:
        loop.add_signal_handler(number, stop)
