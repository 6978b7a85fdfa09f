"""Regular expressions in DuckDB's own words, which are RE2's like BigQuery's, where they say exactly the same.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#regexp_extract
"""

from __future__ import annotations

import re

from emulators.bigquery.sql.compile.values import Value

# Longest DuckDB text that is worth writing down three times.
_SHORT = 300
# Classes that Python has not; they hold no groups.
_CLASSES = re.compile(r"\\[pP](?:\{[^}]*\}|\w)|\\z")


def said(name: str, values: list[Value]) -> str | None:
    """DuckDB text of a call of REGEXP_EXTRACT or REGEXP_REPLACE; None where only Python says what BigQuery does."""
    if any(v.type.kind != "STRING" for v in values) or values[1:2] == [] or values[1].literal is None:
        return None
    text, pattern, *rest = (v.sql for v in values)
    if name == "REGEXP_REPLACE" and values[2].literal is not None and "\\" not in values[2].literal:
        return f"regexp_replace({text}, {pattern}, {rest[0]}, 'g')"
    if name in {"REGEXP_EXTRACT", "REGEXP_SUBSTR"} and not rest and len(text) < _SHORT:
        group = _group(values[1].literal)
        if group is not None:
            found = f"regexp_extract({text}, {pattern}, {group})"
            # an empty answer may be a group without a match, which is NULL
            python = f"bq_regexp_extract({text}, {pattern}, 1, 1)"
            filled = f"CASE WHEN {found} <> '' THEN {found} ELSE {python} END"
            return f"CASE WHEN regexp_matches({text}, {pattern}) THEN {filled} END"
    return None


def _group(pattern: str) -> int | None:
    """1 when the pattern has one capturing group, 0 when it has none, else None.

    >>> [_group(p) for p in ("ab", "a(b)", r"a\\(b", "(a)(b)", "(?:a)")]
    [0, 1, 0, None, 0]
    """
    try:
        groups = re.compile(_CLASSES.sub("x", pattern)).groups
    except re.error:
        return None
    return groups if groups < 2 else None
