"""`convergence templates`: check every template and table schema, and say everything that is wrong."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli.checkout import folder
from cli.deployment import settings_of_environment
from cli.options import Repeated, assignments, variables
from shared.desk.findings import Finding
from shared.errors import RequestInvalid, SettingsInvalid


def templates(
    configs: Annotated[Path | None, typer.Option(help="Folder of the pipeline templates.")] = None,
    templates: Annotated[Path | None, typer.Option(help="Folder of the table schemas.")] = None,
    operator: Annotated[
        Repeated, typer.Option(metavar="NAME=VALUE", help="An operator setting; may be repeated.")
    ] = (),  # type: ignore[assignment]  # typer makes the list
    tenant_variable: Annotated[
        Repeated,
        typer.Option(metavar="NAME=VALUE", help="A variable that the operator sets for tenants; may be repeated."),
    ] = (),  # type: ignore[assignment]  # typer makes the list
    source_bytes: Annotated[
        Repeated,
        typer.Option(metavar="NAME=BYTES", help="Bytes that one run reads of a shared source; may be repeated."),
    ] = (),  # type: ignore[assignment]  # typer makes the list
) -> None:
    """Check every file of configs and templates; needs neither cloud nor a running stack.

    The folders are configs/ and templates/ of the current folder if it has configs/, or else of the checkout. Where the
    environment holds settings, they are used, and BigQuery is asked what reading shared sources costs. Exit status 1
    when there are faults, 0 when there are only warnings.
    """
    # What reads SQL takes 0.2 s to import, for which other commands need not wait.
    from shared.desk.check import check
    from shared.desk.known import Known
    from shared.wiring import Instance

    output = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    for given in (configs, templates):
        if given is not None and not given.is_dir():
            raise typer.BadParameter(f"no folder {given}")
    sizes = assignments(source_bytes, "--source-bytes")
    if wrong := [name for name, value in sizes.items() if not value.isdecimal()]:
        raise typer.BadParameter(f"{wrong[0]}: bytes are a whole number", param_hint="--source-bytes")
    try:
        known = Known(
            settings_of_environment(),
            variables(operator, "--operator"),
            variables(tenant_variable, "--tenant-variable"),
            {name: int(value) for name, value in sizes.items()},
        )
        report = check(
            configs or folder("configs", "--configs"),
            templates or folder("templates", "--templates"),
            known=known,
            services_of=Instance,
        )
    except (SettingsInvalid, RequestInvalid) as error:
        output.print(error.message, style="red")
        raise typer.Exit(2) from None
    for finding in report.findings:
        output.print(_line(finding))
    output.print(str(report), style="red" if report.errors else "green")
    if report.errors and report.stood_in:
        settings_named = ", ".join(f"{{{name}}}" for name in report.stood_in)
        output.print(f"Not known here, and stood in for: {settings_named}; --operator NAME=VALUE gives them.")
    if report.errors:
        raise typer.Exit(1)


def _line(finding: Finding) -> Text:
    mark = ("warning: ", "yellow") if finding.is_warning else ""
    return Text.assemble((f"{finding.file}:{finding.line}: ", "bold"), mark, finding.message)
