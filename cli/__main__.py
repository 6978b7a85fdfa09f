"""The command line of authors and operators: `python -m cli COMMAND`."""

import typer

from cli import batch, keys, onboard, preview, replay, schema, templates, tenants

app = typer.Typer(
    add_completion=False,
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


@app.callback()
def _main() -> None:
    """Commands have names even while there is one."""


if __name__ == "__main__":
    app()
