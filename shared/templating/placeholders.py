"""Where a text has placeholders.

The rule: `{name}` without spaces is a placeholder, `{{name}}` is a mistake, every other brace is text. So
`{"a": 1}`, `{ x }`, `{}` and `{1}` stay as they are. A text that must show `{name}` itself takes it from a
variable that a caller or the operator sets: values are never looked into again.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_PLACEHOLDER = re.compile(r"\{\{\s*(?P<doubled>[A-Za-z_][A-Za-z0-9_]*)\s*\}\}|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Name:
    """A placeholder for the variable of that name; `doubled` when it was written `{{name}}`."""

    name: str
    doubled: bool = False


@lru_cache(maxsize=4096)
def split(text: str) -> tuple[str | Name, ...]:
    """The text's parts in order: plain text and names.

    >>> split("on {date}: { x }")
    ('on ', Name(name='date', doubled=False), ': { x }')
    """
    parts: list[str | Name] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        if match.start() > end:
            parts.append(text[end : match.start()])
        doubled = match["doubled"]
        parts.append(Name(doubled, doubled=True) if doubled else Name(match["name"]))
        end = match.end()
    if end < len(text):
        parts.append(text[end:])
    return tuple(parts)


def names(text: str) -> list[Name]:
    """The placeholders of a text, in order."""
    return [part for part in split(text) if isinstance(part, Name)]


def texts(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    """Every text inside nested mappings and lists, with its path.

    >>> texts({"a": ["x", {"b": "y"}], "n": 1})
    [(('a', 0), 'x'), (('a', 1, 'b'), 'y')]
    """
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in texts(item, (*path, key))]
    if isinstance(value, list | tuple):
        return [found for index, item in enumerate(value) for found in texts(item, (*path, index))]
    return []


def named(value: object) -> set[str]:
    """The names of all placeholders in the texts inside nested mappings and lists, also of those in double braces.

    >>> sorted(named(["{a}-{b}", {"key": "{{a}}"}]))
    ['a', 'b']
    """
    return {part.name for _, text in texts(value) for part in names(text)}
