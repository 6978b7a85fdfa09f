"""Which variables of a template name things (tables, datasets, files), and so are not a caller's to choose."""

from collections.abc import Iterator
from functools import lru_cache

from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.templating.placeholders import named, texts
from shared.templating.used import reached_from

_NAMING_KEYS = frozenset({
    "dataset", "dataset_id", "dataset_type", "gcp_project_id", "project", "project_id",
    "schema_file", "schema_template", "table", "table_name",
})  # fmt: skip


def is_naming_field(path: tuple[str | int, ...]) -> bool:
    """Whether an engine's field names something that exists: whatever is below `destination`, and such keys anywhere.

    >>> is_naming_field(("destination", "table")), is_naming_field(("message",))
    (True, False)
    """
    return path[:1] == ("destination",) or not _NAMING_KEYS.isdisjoint(path)


@lru_cache(maxsize=256)
def naming_variables(template: PipelineTemplate) -> frozenset[str]:
    """The variables used between backquotes or in a naming field, and all that their texts refer to."""
    names = [name for step in template.steps for name in _uses(dict(step.fields))]
    return frozenset(reached_from(template, names))


def _uses(fields: dict[str, object]) -> Iterator[str]:
    for path, text in texts(fields):
        if is_naming_field(path):
            yield from named(text)
        elif "`" in text:
            yield from _quoted(text)


def _quoted(text: str) -> Iterator[str]:
    """The names between backquotes. Of a text that is no SQL, such as Markdown, all count: the careful side."""
    from sqlglot import TokenType, tokenize  # only where an override has to be judged: it takes 0.07 s to import
    from sqlglot.dialects.bigquery import BigQuery
    from sqlglot.errors import SqlglotError

    try:
        tokens = tokenize(text, read=BigQuery)
    except SqlglotError:
        yield from named(text)
        return
    for token in tokens:
        if token.token_type == TokenType.IDENTIFIER:
            yield from named(text[token.start : token.end + 1])
