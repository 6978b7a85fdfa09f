"""Say which line of a template's file BigQuery speaks of: it counts the lines of the query that it was sent."""

import re
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from shared.contracts.files.pipeline_template import PipelineTemplate, Step
from shared.contracts.sql import Sql

FieldPath = tuple[str | int, ...]
# "Unrecognized name: day at [5:3]".
_PLACE = re.compile(r" at \[([0-9]+):[0-9]+\]")


def queries(value: object, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Sql]]:
    """Every query in an engine's fields, with its path."""
    if isinstance(value, Sql):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from queries(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from queries(item, (*path, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from queries(item, (*path, index))


def place_in_file(template: PipelineTemplate, step: Step, path: FieldPath, sql: Sql, message: str) -> str | None:
    """`file:line` of the line that BigQuery's message names; None where it names none, or it cannot be told.

    `sql` is the query as it was sent. What the platform puts in keeps the lines of the author's text, but for a tenant
    filter of several lines: then the query has more lines than its author's, and no line is better than a wrong one.
    """
    found = _PLACE.search(message)
    written: object = dict(step.fields)
    for part in path:
        written = written[part] if isinstance(written, dict | list | tuple) else None  # type: ignore[index]
    if found is None or not isinstance(written, str) or written.count("\n") != sql.text.count("\n"):
        return None
    line = template.document.line_within((*step.path, *path), min(int(found[1]), written.count("\n") + 1))
    return f"{template.file}:{line}"
