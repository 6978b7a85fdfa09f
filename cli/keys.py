"""`convergence keys`: list, rotate and revoke tenants' API keys over the API."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from cli.api import Api, address
from cli.key_file import KeyFile
from cli.options import Repeated, StackFile
from cli.text import show_errors
from shared.contracts.tenant import is_tenant_id
from shared.errors import ConvergenceError, RequestInvalid

app = typer.Typer(no_args_is_help=True, help="List, rotate and revoke tenants' API keys.")

_Tenant = Annotated[str, typer.Argument(help="The tenant's id.")]


@app.command("list")
def list_keys(tenant: _Tenant, stack: StackFile = None) -> None:
    """Show a tenant's keys, without their secrets."""
    with _api(stack) as (api, _, console):
        for key in api.get(_path(tenant))["api_keys"]:
            ends = {"expires": key["expires_at"], "revoked": key["revoked_at"]}
            shown = [
                f"made {key['created_at']} by {key['created_by']}",
                *(f"{word} {at}" for word, at in ends.items() if at),
            ]
            console.print(f"{key['key_id']}  {key['status']:7}  {', '.join(shown)}")


@app.command("rotate")
def rotate(
    tenants: Annotated[Repeated, typer.Argument(metavar="TENANT…", help="The tenants' ids.")],
    keys_file: Annotated[Path, typer.Option(help="Where the new keys go. Created with mode 0600; added to.")],
    grace_s: Annotated[
        int | None, typer.Option(min=0, help="For how long the keys before stay good; the platform's if not given.")
    ] = None,
    stack: StackFile = None,
) -> None:
    """Make each tenant a new key, in place of the others, and keep it in a file; it is never shown."""
    with _api(stack) as (api, url, console):
        paths = [_path(tenant) for tenant in tenants]
        with closing(KeyFile(keys_file, api=url)) as keys:
            for tenant, path in zip(tenants, paths, strict=True):
                made = api.post(path, {} if grace_s is None else {"grace_s": grace_s})
                keys.add(tenant, made["api_key"])
                until = made["others_expire_at"]
                console.print(f"{tenant}: key {made['key_id']}" + (f"; those before end at {until}" if until else ""))
        console.print(f"The keys are in {keys_file}, which is yours alone; of several of a tenant, the last is good.")


@app.command("revoke")
def revoke(
    tenant: _Tenant,
    key_id: Annotated[str, typer.Argument(help="The key's, as the list shows it.")],
    stack: StackFile = None,
) -> None:
    """End a key: it is refused everywhere within a minute."""
    with _api(stack) as (api, _, console):
        api.delete(f"{_path(tenant)}/{key_id}")
        console.print(f"{tenant}: key {key_id} is revoked")


@contextmanager
def _api(stack: Path | None) -> Iterator[tuple[Api, str, Console]]:
    """The API, its address, and where to speak. A refusal is shown, and ends the command with status 1."""
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    try:
        url, headers = address(stack)
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            yield Api(client), url, console
    except ConvergenceError as error:
        show_errors(error.message, error.faults, console)
        raise typer.Exit(1) from None


def _path(tenant_id: str) -> str:
    """The path of a tenant's keys. Raises RequestInvalid for what is no tenant's id."""
    if not is_tenant_id(tenant_id):
        raise RequestInvalid(f"{tenant_id!r} is no tenant_id, such as acmeinc_23xv2")
    return f"/customers/{tenant_id}/api-keys"
