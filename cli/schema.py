"""`python -m cli schema`: the JSON Schemas that editors check templates with, and that of other systems' messages."""

from pathlib import Path
from typing import Annotated

import typer

from shared.desk.json_schema import foreign_message_schema, pipeline_schema, sources_schema, text_of
from shared.settings import ROOT


def schema(
    configs: Annotated[Path, typer.Option(help="Folder that the schemas are in.")] = ROOT / "configs",
    docs: Annotated[Path, typer.Option(help="Folder of the schema of messages.")] = ROOT / "docs",
    write: Annotated[
        bool, typer.Option("--write", help="Write the files, instead of telling whether they are current.")
    ] = False,
) -> None:
    """Tell whether the JSON Schemas in the two folders are what the models say; exit status 1 when not."""
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
        typer.echo(f"not current: {', '.join(stale)}; renew with python -m cli schema --write", err=True)
        raise typer.Exit(1)
    if not write:
        typer.echo("current")
