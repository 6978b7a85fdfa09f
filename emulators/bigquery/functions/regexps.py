r"""Regular expressions as RE2 reads them, with Python's `re`; what the two read differently is refused.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#regexp_replace,
https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_UNLIKE_RE2 = re.compile(r"\(\?(?:[=!<]|P=|#|\()|\\[1-9]|\\[ZGXRK]|[*+?}]\+")
_RE2_ONLY = re.compile(r"\\[pPQEC]|\[\[:|\\z|\(\?[a-zA-Z]*U")


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern for Python; ValueError when RE2 would refuse it, NotImplementedError where the two differ."""
    if _RE2_ONLY.search(pattern):
        raise NotImplementedError("regular expressions with \\p, \\Q, \\C, POSIX classes or U here")
    if _UNLIKE_RE2.search(pattern):
        raise ValueError(f"Cannot parse regular expression: invalid perl operator in {pattern}")
    # RE2's $ is the very end of the text; its \d, \w, \s are ASCII
    translated = pattern
    if "(?m" not in pattern:
        translated = re.sub(r"(?<!\\)((?:\\\\)*)\$", r"\1\\Z", pattern)
    try:
        return re.compile(translated, re.ASCII)
    except re.error as error:
        raise ValueError(f"Cannot parse regular expression: {error.msg}") from None


def extract(value: str, pattern: str, position: int, occurrence: int) -> str | None:
    """REGEXP_EXTRACT."""
    regexp = _one_group(pattern, "REGEXP_EXTRACT")
    if position < 1:
        raise ValueError("Position must be positive")
    if occurrence < 1:
        raise ValueError("Occurrence must be positive")
    for index, match in enumerate(regexp.finditer(value, position - 1), 1):
        if index == occurrence:
            return match[1] if regexp.groups else match[0]
    return None


def extract_all(value: str, pattern: str) -> list[str]:
    """REGEXP_EXTRACT_ALL."""
    regexp = _one_group(pattern, "REGEXP_EXTRACT_ALL")
    return [(m[1] if regexp.groups else m[0]) or "" for m in regexp.finditer(value)]


def instr(value: str, pattern: str, position: int, occurrence: int, after: int) -> int:
    """REGEXP_INSTR; `after` is 1 for the place behind the match."""
    regexp = _one_group(pattern, "REGEXP_INSTR")
    if position < 1 or occurrence < 1 or after not in {0, 1}:
        raise ValueError("Invalid argument of REGEXP_INSTR")
    for index, match in enumerate(regexp.finditer(value, position - 1), 1):
        if index == occurrence:
            group = 1 if regexp.groups else 0
            return (match.end(group) if after else match.start(group)) + 1
    return 0


def _one_group(pattern: str, name: str) -> re.Pattern[str]:
    regexp = compiled(pattern)
    if regexp.groups > 1:
        raise ValueError(f"Regular expression passed to {name} must not have more than one capturing group")
    return regexp


def replace(value: str, pattern: str, replacement: str) -> str:
    r"""REGEXP_REPLACE; \\1 to \\9 in the replacement are groups, \\0 the match.

    >>> replace("axc", "x*", "-"), replace("xxa", "x*", "-"), replace("abc", "b", r"[\0]")
    ('-a-c-', '-a-', 'a[b]c')
    """
    regexp = compiled(pattern)
    parts = re.split(r"\\(.)", replacement, flags=re.DOTALL)
    for char in parts[1::2]:
        if not (char.isdigit() or char == "\\"):
            raise ValueError(f"Invalid REGEXP_REPLACE pattern: invalid escape \\{char}")
        if char.isdigit() and int(char) > regexp.groups:
            raise ValueError(f"Invalid REGEXP_REPLACE pattern: no such group {char}")
    out, at = "", 0
    for match in _replaced(regexp, value):
        out += value[at : match.start()] + parts[0]
        for char, text in zip(parts[1::2], parts[2::2], strict=True):
            out += ((match[int(char)] or "") if char.isdigit() else "\\") + text
        at = match.end()
    return out + value[at:]


def _replaced(regexp: re.Pattern[str], value: str) -> Iterator[re.Match[str]]:
    """The matches that RE2 replaces: an empty one right behind another match is none."""
    end = -1
    for match in regexp.finditer(value):
        if match.end() > match.start() or match.start() != end:
            yield match
            end = match.end()


def matches_bytes(value: bytes, pattern: bytes) -> bool:
    """REGEXP_CONTAINS over BYTES, which RE2 reads as Latin-1."""
    return compiled(pattern.decode("latin-1")).search(value.decode("latin-1")) is not None


def extract_bytes(value: bytes, pattern: bytes, position: int, occurrence: int) -> bytes | None:
    """REGEXP_EXTRACT over BYTES."""
    found = extract(value.decode("latin-1"), pattern.decode("latin-1"), position, occurrence)
    return None if found is None else found.encode("latin-1")


def replace_bytes(value: bytes, pattern: bytes, replacement: bytes) -> bytes:
    """REGEXP_REPLACE over BYTES."""
    return replace(*(v.decode("latin-1") for v in (value, pattern, replacement))).encode("latin-1")


FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "regexp": ("s", "s", lambda pattern: pattern),  # read by DuckDB's own RE2
    "regexp_contains_bytes": ("xx", "b", matches_bytes),
    "regexp_extract": ("ssii", "s", extract),
    "regexp_extract_bytes": ("xxii", "x", extract_bytes),
    "regexp_extract_all": ("ss", "S", extract_all),
    "regexp_instr": ("ssiii", "i", instr),
    "regexp_replace": ("sss", "s", replace),
    "regexp_replace_bytes": ("xxx", "x", replace_bytes),
}
