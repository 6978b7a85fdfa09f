"""The command line of authors and operators: `convergence COMMAND`, or `python -m cli COMMAND`."""

from typing import Annotated

import typer

from cli import batch, keys, onboard, preview, replay, schema, templates, tenants

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Convergence for those who write templates and run the platform.",
)
app.command("templates")(templates.templates)
app.command("preview")(preview.preview)
app.command("batch")(batch.batch)
app.command("replay")(replay.replay)
app.command("onboard")(onboard.onboard)
app.command("tenants")(tenants.tenants)
app.add_typer(keys.app, name="keys")
app.command("schema")(schema.schema)


def _show_version(asked: bool) -> None:
    if asked:
        # Reading what is installed takes a while, for which commands need not wait.
        from importlib.metadata import version

        typer.echo(f"convergence {version('convergence')}")
        raise typer.Exit


@app.callback()
def _main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Commands have names even while there is one."""


if __name__ == "__main__":
    app()
