"""FORMAT() and text that aggregates need.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#format_string
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from local.bigquery.functions import numbers

_SPECIFIER = re.compile(r"%(?P<flags>[-+ #0']*)(?P<width>\d+|\*)?(?:\.(?P<precision>\d+|\*))?(?P<kind>[a-zA-Z%])")


def format_string(pattern: str, kinds: str, values: list[str | None]) -> str | None:
    """FORMAT; `kinds` names the types of `values`, comma-separated.

    >>> format_string("%05d|%s|%.2f", "INT64,STRING,FLOAT64", ["42", "x", "2.675"])
    '00042|x|2.67'
    """
    types = kinds.split(",") if kinds else []
    at = 0
    null = False
    out, position = [], 0
    for match in _SPECIFIER.finditer(pattern):
        gap = pattern[position : match.start()]
        if "%" in gap:
            raise ValueError(f"Invalid FORMAT specifier in {pattern!r}")
        out.append(gap)
        position = match.end()
        kind = match["kind"]
        if kind == "%":
            out.append("%")
            continue
        if "*" in (match["width"], match["precision"]) or "'" in match["flags"]:
            raise NotImplementedError("FORMAT with * or ' in a specifier")
        if at >= len(values):
            raise ValueError(f"Too few arguments to FORMAT for pattern {pattern!r}")
        value, kind_of = values[at], types[at]
        at += 1
        if value is None and kind not in "tT":
            null = True
            continue
        out.append(_one(match, value, kind_of))
    if at < len(values):
        raise ValueError(f"Too many arguments to FORMAT for pattern {pattern!r}; Expected {at}; Got {len(values)}")
    rest = pattern[position:]
    if "%" in rest:
        raise ValueError(f"Invalid FORMAT specifier in {pattern!r}")
    return None if null else "".join(out) + rest


def _one(match: re.Match[str], value: str | None, kind_of: str) -> str:
    flags, width, precision, kind = match["flags"], match["width"], match["precision"], match["kind"]
    if kind in "tT":
        text = _typed(value, kind_of, literal=kind == "T")
    elif kind == "s":
        if kind_of not in {"STRING", "JSON"}:
            raise ValueError(f"Invalid type for argument to FORMAT; Expected STRING; Got {kind_of}")
        text = str(value)
    elif kind in "diouxX":
        if kind_of != "INT64":
            raise ValueError(f"Invalid type for argument to FORMAT; Expected integer; Got {kind_of}")
        return f"%{flags}{width or ''}{'.' + precision if precision else ''}{'d' if kind == 'i' else kind}" % int(
            str(value)
        )
    elif kind in "fFeEgG":
        if kind_of not in {"FLOAT64", "NUMERIC"}:
            raise ValueError(f"Invalid type for argument to FORMAT; Expected floating point; Got {kind_of}")
        number: Any = float(str(value))
        if kind_of == "NUMERIC":
            if kind not in "fF":
                raise NotImplementedError(f"FORMAT %{kind} of NUMERIC")
            exact = Decimal(str(value)).quantize(Decimal(1).scaleb(-int(precision or 6)), context=numbers.CONTEXT)
            text = format(exact, "f")
            return _padded(text, flags, width)
        return str(f"%{flags}{width or ''}{'.' + precision if precision else ''}{kind}" % number)
    else:
        raise NotImplementedError(f"FORMAT %{kind}")
    if precision is not None and kind == "s":
        text = text[: int(precision)]
    return _padded(text, flags.replace("0", ""), width)


def _padded(text: str, flags: str, width: str | None) -> str:
    if "+" in flags and not text.startswith("-"):
        text = "+" + text
    if "-" in flags:
        return text.ljust(int(width or 0))
    if "0" in flags:
        return text.zfill(int(width or 0))
    return text.rjust(int(width or 0))


def _typed(value: str | None, kind: str, *, literal: bool) -> str:
    if value is None:
        return "NULL"
    if kind == "FLOAT64":
        text = numbers.float_text(float(value))
        return text if not text.lstrip("-").isdigit() else text + ".0"
    if literal and kind == "STRING":
        return json.dumps(value, ensure_ascii=False)
    if literal and kind in {"DATE", "DATETIME", "TIME", "TIMESTAMP", "NUMERIC"}:
        return f'{kind} "{value}"'
    return value


def join(parts: list[str], separator: str) -> str | None:
    """STRING_AGG of what is left after DISTINCT and LIMIT; NULL for nothing."""
    return separator.join(parts) if parts else None
