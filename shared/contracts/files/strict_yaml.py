"""Read YAML as plain values with the line of each, and refuse what could surprise.

Templates need mappings, lists and scalars, nothing else. So anchors, aliases, merge keys, tags, several documents,
duplicate keys and deep nesting are faults, and scalars follow YAML 1.2's core schema: `no`, `on`, `12:30` and
`2025-11-15` are text, as they read.
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.reader import ReaderError

from shared.errors import Fault

Path = tuple[str | int, ...]

_MAX_DEPTH = 20  # a template needs 6; far below what would exhaust the stack
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,40})")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,40})?(\.[0-9]{1,40}([eE][-+]?[0-9]{1,4})?|[eE][-+]?[0-9]{1,4})")
# One character of a text as each style writes it, white space left out.
_WRITTEN = {
    "": re.compile(r"\S"),
    ">": re.compile(r"\S"),
    "'": re.compile(r"''|\S"),
    '"': re.compile(r"\\(?:x.{2}|u.{4}|U.{8}|.)|\S", re.DOTALL),
}
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass
class Document:
    """The values of one file, the line (from 1) of each path, and everything that was wrong.

    `spans` says where each text is written: its first and last index in `source`, and its style (`|`, `>`, `'`, `"` or
    none).
    """

    value: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    source: str = field(default="", repr=False)
    spans: dict[Path, tuple[int, int, str]] = field(default_factory=dict, repr=False)

    def line_of(self, path: Path) -> int:
        """The line of a value; of its nearest ancestor when the value is not there.

        >>> read("a:\\n  b: 1\\n", file="x.yml").line_of(("a", "b", "missing"))
        2
        """
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def line_within(self, path: Path, line: int, column: int = 1) -> int:
        r"""The file's line of a place in a text (line and column from 1), in whatever style the text is written.

        Folding changes white space only, so the place is found by counting the other characters.

        >>> read("a: |\n  x\n\n  y\n", file="x.yml").line_within(("a",), 3)
        4
        >>> read('a: "x\n  \\ty\\nz"\n', file="x.yml").line_within(("a",), 2)
        2
        """
        value: Any = self.value
        if path not in self.spans:
            return self.line_of(path)
        for part in path:
            value = value[part]
        start, end, style = self.spans[path]
        first = self.source.count("\n", 0, start) + 1
        if style == "|":
            return first + line
        lines = value.split("\n")
        before = len("".join("".join([*lines[: line - 1], lines[line - 1][: column - 1]]).split()))
        body = self.source.index("\n", start) if style == ">" else start + len(style)
        marks = _marks(self.source, body, end if style == ">" else end - len(style), style)
        at = next(itertools.islice(marks, before, None), body)
        return self.source.count("\n", 0, at) + 1


def read(text: str, *, file: str) -> Document:
    """Read one document. `value` is None when `faults` says that there is no document to speak of.

    >>> read("a: [1, 2.5, true, no, '3']\\n", file="x.yml").value
    {'a': [1, 2.5, True, 'no', '3']}
    >>> read("a: 1\\na: 2\\n", file="x.yml").faults[0].message
    "'a' is there twice, first on line 1; keep one"
    """
    document = Document(source=text)
    try:
        events = list(_bounded(yaml.parse(text, Loader=yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        document.faults.append(Fault(f"{file}:{line}", "yaml_invalid", _explain(error)))
        return document
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"this is no YAML text: character U+{ord(text[error.position]):04X} may not stand in it; delete it"
        document.faults.append(Fault(f"{file}:{line}", "yaml_invalid", message))
        return document
    document.faults.extend(_surprises(events, file))
    if not document.faults:
        builder = _Builder(file, document)
        content = [e for e in events if not isinstance(e, yaml.StreamStartEvent | yaml.DocumentStartEvent)]
        if content and not isinstance(content[0], yaml.StreamEndEvent):
            document.value = builder.build(iter(content), ())
    return document


def _bounded(events: Iterable[Any]) -> Iterator[Any]:
    """The events up to where nesting goes too deep: PyYAML's time grows with the square of the depth."""
    depth = 0
    for event in events:
        yield event
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth >= _MAX_DEPTH:
            return


def _explain(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "unreadable")
    if "cannot start any token" in problem or "expected <block end>" in problem:
        problem += "; check the indentation, and quote a value that starts with { or `"
    return f"not YAML: {problem}"


def _surprises(events: list[Any], file: str) -> Iterator[Fault]:
    """Everything that YAML can do and a template must not."""
    depth = documents = 0
    for event in events:
        where = f"{file}:{event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            yield Fault(where, "yaml_refused", f"alias *{event.anchor}: write the value out")
        elif getattr(event, "anchor", None):
            yield Fault(where, "yaml_refused", f"anchor &{event.anchor}: anchors are not used in templates")
        if getattr(event, "tag", None):
            yield Fault(where, "yaml_refused", f"tag {event.tag}: tags are not used in templates")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents == 2:
                yield Fault(where, "yaml_refused", "a second document begins here; one file holds one template")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth >= _MAX_DEPTH:
            yield Fault(where, "yaml_refused", f"nested deeper than {_MAX_DEPTH} levels")


class _Builder:
    """Turns checked events into plain values; recursion is bounded by _MAX_DEPTH."""

    def __init__(self, file: str, document: Document) -> None:
        self._file, self._document = file, document

    def build(self, events: Iterator[Any], path: Path, event: Any = None) -> object:
        event = event or next(events)
        self._document.lines.setdefault(path, event.start_mark.line + 1)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[object] = []
            while not isinstance(event := next(events), yaml.SequenceEndEvent):
                items.append(self.build(events, (*path, len(items)), event))
            return items
        assert isinstance(event, yaml.ScalarEvent)
        start, end = event.start_mark, event.end_mark
        assert start is not None and end is not None, "events of a parser have marks"  # noqa: PT018 - one idea
        self._document.spans[path] = start.index, end.index, event.style or ""
        return _scalar(event)

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, object]:
        result: dict[str, object] = {}
        first_lines: dict[str, int] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self.build(events, (*path, "?"), event)
                self._fault(line, "a key is plain text; quote a value that starts with {")
            elif key == "<<":
                self._fault(line, "merge key <<: write the keys out")
            elif key in first_lines:
                self._fault(line, f"{key!r} is there twice, first on line {first_lines[key]}; keep one")
            known = key is None or key in first_lines
            # What is not kept has no place of its own: the key's first value is at the key's path.
            below: Path = (*path, "?" if key is None or known else key)
            if not known:
                self._document.lines[below] = line
            value = self.build(events, below)
            if key is not None and not known:
                first_lines[key], result[key] = line, value
        return result

    def _fault(self, line: int, message: str) -> None:
        self._document.faults.append(Fault(f"{self._file}:{line}", "yaml_refused", message))


def _marks(source: str, start: int, end: int, style: str) -> Iterator[int]:
    """Where each character of a text that is no white space is written."""
    for match in _WRITTEN[style].finditer(source, start, end):
        written = match[0]
        if style == '"' and written[0] == "\\":
            digits = written[2:] if written[1] in "xuU" else ""
            if chr(int(digits, 16)).isspace() if digits else written[1] in "nrtvf _NLP\n":
                continue
        yield match.start()


def _scalar(event: Any) -> object:
    if not event.implicit[0]:  # quoted or a block: text
        return event.value
    if event.value.lower() in _WORDS:
        return _WORDS[event.value.lower()]
    if _INT.fullmatch(event.value):
        return int(event.value)
    if _FLOAT.fullmatch(event.value) and event.value.lstrip("+-")[0] not in "eE":
        return float(event.value)
    return event.value
