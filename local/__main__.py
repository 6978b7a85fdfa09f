"""The command line of the local stack: `python -m local up` and `python -m local demo`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said before anything that an older Python cannot even parse
    sys.exit(f"Convergence needs Python 3.11 or newer; this is {sys.version.split()[0]}")

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from local.data_dir import make_folder
from local.functions import FUNCTIONS
from local.ports import API
from local.stack import Options, Ready, Stack, StackError

_OPTIONS = Options()
BY_NAME = {one.name: one for one in FUNCTIONS}
# Where `convergence` looks for a running stack: below the same working folder, and below the checkout.
READY_FILE = Path(".local/stack.json")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Convergence on one machine: the functions unchanged, Google's services embedded.",
)


class _Stopped(BaseException):
    """A signal asked for the end."""


@app.command()
def up(  # noqa: PLR0917 - typer calls it by name
    port: Annotated[int, typer.Option(help="Port of the API on 127.0.0.1; 0 picks a free one.")] = _OPTIONS.port,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the state here; without it, it is gone at the end.")
    ] = None,
    configs: Annotated[Path, typer.Option(help="Folder of the pipeline templates.")] = _OPTIONS.configs,
    templates: Annotated[Path, typer.Option(help="Folder of the table schemas.")] = _OPTIONS.templates,
    sample: Annotated[bool, typer.Option(help="Load the sample billing export.")] = True,
    ready_file: Annotated[
        Path, typer.Option(help="Written as JSON once everything answers, and after each restart; removed at the end.")
    ] = READY_FILE,
    verbose: Annotated[bool, typer.Option(help="Show the logs of all processes on stderr.")] = False,
    functions: Annotated[
        str, typer.Option(help="Run api and these functions only, a comma between; messages for others wait.")
    ] = ",".join(BY_NAME),
) -> None:
    """Start everything and serve until Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    names = {API, *functions.split(",")}
    if unknown := sorted(names - BY_NAME.keys()):
        print(f"no function {unknown[0]!r}; known: {', '.join(BY_NAME)}", file=sys.stderr)
        raise typer.Exit(2)
    options = Options(
        port=port,
        data_dir=data_dir,
        configs=configs,
        templates=templates,
        sample=sample,
        ready_file=ready_file,
        verbose=verbose,
        functions=tuple(one for one in FUNCTIONS if one.name in names),
    )
    try:
        print("Starting Convergence …", flush=True)
        if ready_file == READY_FILE:
            make_folder(READY_FILE.parent)
        with Stack(options) as ready:
            _tell(ready, options)
            _STOP.wait()
    except _Stopped:
        return
    except StackError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None


@app.command()
def demo() -> None:
    """Run the whole product once on sample data, and report."""
    from local.demo import main

    raise typer.Exit(main())


_STOP = threading.Event()


def _stop(number: int, frame: object) -> None:  # noqa: ARG001 - the signature of a signal handler
    for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(again, signal.SIG_IGN)  # stopping takes under three seconds: let it end
    # The exception ends a start that is under way. Where some library swallows it, the start goes on and ends here.
    _STOP.set()
    raise _Stopped


def _tell(ready: Ready, options: Options) -> None:
    kept = f"kept in {options.data_dir}" if options.data_dir else "gone at the end; keep it with --data-dir DIR"
    print(
        f"""\
Convergence is up: {ready.api}

  Onboard a tenant   curl -X POST {ready.api}/api/v1/customers/onboard -H 'Content-Type: application/json' \\
                       -d '{{"tenant_id": "acmeinc_23xv2", "admin_email": "admin@acmeinc.com"}}'
  BigQuery           {ready.bigquery} (project {ready.project})
  Pub/Sub            {ready.pubsub} (PUBSUB_EMULATOR_HOST)
  Mails sent         {ready.sendgrid}/mails
  Messages waiting   {ready.sendgrid}/pubsub
  State              {kept}
  Logs               {ready.logs}

Stop with Ctrl-C.""",
        flush=True,
    )


if __name__ == "__main__":
    app()
