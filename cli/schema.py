"""`convergence schema`: the JSON Schemas that editors check templates with, and that of other systems' messages."""

from pathlib import Path
from typing import Annotated

import typer

from cli.checkout import folder
from shared.desk.json_schema import foreign_message_schema, pipeline_schema, sources_schema, text_of
from shared.errors import SettingsInvalid


def schema(
    configs: Annotated[Path | None, typer.Option(help="Folder that the schemas are in.")] = None,
    docs: Annotated[Path | None, typer.Option(help="Folder of the schema of messages.")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the files, instead of telling whether they are current.")
    ] = False,
) -> None:
    """Tell whether the JSON Schemas in the two folders are what the models say; exit status 1 when not.

    The folders are configs/ and docs/ of the current folder if it has configs/, or else of the checkout.
    """
    try:
        configs, docs = configs or folder("configs", "--configs"), docs or folder("docs", "--docs")
    except SettingsInvalid as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(2) from None
    stale = []
    for file, made in (
        (configs / "pipeline.schema.json", pipeline_schema()),
        (configs / "sources.schema.json", sources_schema()),
        (docs / "foreign_message.schema.json", foreign_message_schema()),
    ):
        text = text_of(made)
        if file.is_file() and file.read_text() == text:
            continue
        if write:
            file.write_text(text)
            typer.echo(f"written: {file}")
        else:
            stale.append(file.name)
    if stale:
        typer.echo(f"not current: {', '.join(stale)}; renew with convergence schema --write", err=True)
        raise typer.Exit(1)
    if not write:
        typer.echo("current")
