"""`convergence preview`: what a template would do for a tenant and a date. Nothing is run or written."""

import datetime as dt
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.deployment import Deployment, find
from cli.options import Repeated, assignments, variables
from cli.text import show_errors
from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.contracts.files.variable_spec import Value, VariableSpec
from shared.contracts.template_address import ONBOARDING, TemplateAddress
from shared.contracts.tenant import Tenant, is_tenant_id
from shared.desk import stand_ins
from shared.errors import ConvergenceError, Fault, RequestInvalid, TenantUnknown

if TYPE_CHECKING:
    from shared.wiring import Instance


def preview(  # noqa: PLR0917 - typer calls it by name
    template: Annotated[str, typer.Argument(help="provider/domain/template_name")],
    tenant: Annotated[str, typer.Option(help="The tenant's id.")],
    date: Annotated[str, typer.Option(help="The run's date, YYYY-MM-DD.")] = "",
    set_: Annotated[
        Repeated,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A variable as a request would give it; a list as a,b; may be repeated."
        ),
    ] = (),  # type: ignore[assignment]  # typer makes the list
    operator: Annotated[
        Repeated, typer.Option(metavar="NAME=VALUE", help="An operator setting; may be repeated.")
    ] = (),  # type: ignore[assignment]  # typer makes the list
    tenant_variable: Annotated[
        Repeated,
        typer.Option(metavar="NAME=VALUE", help="A variable that the operator sets for the tenant; may be repeated."),
    ] = (),  # type: ignore[assignment]  # typer makes the list
    stack: Annotated[
        Path | None,
        typer.Option(
            help="Ready file of a stack; without it the environment, then .local/stack.json of this folder or of the"
            " checkout."
        ),
    ] = None,
    configs: Annotated[
        Path | None, typer.Option(help="Folder of the pipeline templates; without it the deployment's.")
    ] = None,
    templates: Annotated[
        Path | None, typer.Option(help="Folder of the table schemas; without it the deployment's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a template resolved: variables, SQL with its parameters, what it reads and writes, mails, bytes and cost.

    Operator settings and the tenant come from where functions take them: the environment's deployment, or the stack of
    `make up`. Without either, from the options alone; the folders are then those of the current folder if it has
    configs/, or else of the checkout. Exit status 1 when the run would be refused.
    """
    # What reads SQL takes 0.2 s to import, for which other commands need not wait.
    from cli.preview_text import show
    from shared.desk.preview import preview as resolved
    from shared.runs.accept import available
    from shared.templating.isolation import Policy
    from shared.wiring import Instance

    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    given = variables(tenant_variable, "--tenant-variable")
    operators = variables(operator, "--operator")
    try:
        deployment = find(stack, operator=operators, configs=configs, templates=templates)
        services = Instance(deployment.settings)
        address = TemplateAddress.parse(f"{template}.yml")
        day = _date(date)
        who = _tenant(tenant, address, deployment, given, services)
        found = (
            services.templates.get(address) if address == ONBOARDING else available(who, address, services.templates)
        )
        settings = deployment.settings
        shown = resolved(
            found,
            stand_ins.run(
                address,
                version=found.version,
                tenant_id=who.tenant_id,
                date=day,
                request=_request(found, assignments(set_, "--set")),
                now=services.clock.now(),
            ),
            who,
            Policy.of(
                who.tenant_id,
                data_project=settings.data_project,
                default_project=settings.gcp_project_id,
                sources=services.templates.sources(),
                operator=settings.operator_variables,
                tenant=who.variables,
            ),
            services,
            ask=deployment.is_there,
        )
    except ConvergenceError as error:
        faults = error.faults or (Fault("preview", error.code, error.message),)
        if as_json:
            console.print(json.dumps({"errors": [asdict(fault) for fault in faults]}, indent=2, ensure_ascii=False))
        else:
            show_errors("Refused:", faults, console)
        raise typer.Exit(1) from None
    except OSError as error:
        console.print(f"{error.filename} cannot be read: {error.strerror}", style="red")
        raise typer.Exit(1) from None
    note = f"from {deployment.origin}" if deployment.is_there else "no BigQuery to ask: bytes unknown"
    if as_json:
        console.print(json.dumps({**asdict(shown), "settings": note}, indent=2, ensure_ascii=False, default=str))
    else:
        show(shown, note, console)
    if shown.errors:
        raise typer.Exit(1)


def _date(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text) if text else None
    except ValueError:
        day = None
    if text and (day is None or day.isoformat() != text):
        raise _wrong("--date", "a date is written YYYY-MM-DD, e.g. 2025-11-15")
    return day


def _tenant(
    tenant_id: str,
    address: TemplateAddress,
    deployment: Deployment,
    given: dict[str, str],
    services: "Instance",
) -> Tenant:
    """The tenant as its own record says, `given` variables before it; made of these alone where nobody can be asked."""
    if not is_tenant_id(tenant_id):
        raise _wrong("--tenant", "a tenant_id is a word, one underscore, 4 to 12 letters or digits: acmeinc_23xv2")
    if not deployment.is_there or address == ONBOARDING:
        return stand_ins.tenant((), given, tenant_id)
    known = services.directory.get(tenant_id)
    if known is None:
        raise TenantUnknown(f"no tenant {tenant_id} in project {deployment.settings.data_project}; onboard it first")
    variables = {**known.variables, **{name: value for name, value in given.items() if name != "admin_email"}}
    return replace(known, variables=variables, admin_email=given.get("admin_email", known.admin_email))


def _request(template: PipelineTemplate, given: dict[str, str]) -> dict[str, Value]:
    """The variables as a JSON body would hold them: read as their types; what cannot be stays text, to be refused."""
    values: dict[str, Value] = {}
    for name, text in given.items():
        values[name] = text
        if (spec := template.variables.get(name)) is not None:
            try:  # without bounds: those are judged when the run is resolved, together with all else
                value = VariableSpec(type=spec.type).read(text, from_text=True)
            except ValueError:
                continue  # the same text is refused with the variable's own words when the run is resolved
            values[name] = list(value) if isinstance(value, tuple) else value  # type: ignore[assignment]  # JSON's list
    return values


def _wrong(option: str, message: str) -> RequestInvalid:
    return RequestInvalid(f"{option}: {message}", faults=[Fault(option, "variable_invalid", message)])
