"""FORMAT(): specifiers over values that travel as text with the names of their types.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#format_string
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from emulators.bigquery.functions import numbers

_SPECIFIER = re.compile(r"%(?P<flags>[-+ #0']*)(?P<width>\d+|\*)?(?:\.(?P<precision>\d+|\*)?)?(?P<kind>[a-zA-Z%])")
_INTEGERS, _FLOATS = set("dioxX"), set("fFeEgG")
_EXACT = {"NUMERIC", "BIGNUMERIC"}
# What stands between the readable and the literal form of an array or struct, which travel as both.
BOTH = "\x1f"


def format_string(pattern: str, kinds: str, values: list[str | None]) -> str | None:
    """FORMAT; `kinds` names the types of `values`, comma-separated.

    >>> format_string("%05d|%-3s|%.2f|%'d", "INT64,STRING,FLOAT64,INT64", ["42", "x", "2.675", "1234567"])
    '00042|x  |2.67|1,234,567'
    """
    arguments = iter(zip(kinds.split(",") if kinds else [], values, strict=True))
    taken, null, out = 0, False, ""

    def argument(wanted: str = "") -> tuple[str, str | None]:
        nonlocal taken
        taken += 1
        kind, value = next(arguments, ("", None))
        if not kind:
            raise ValueError(f"Too few arguments to FORMAT for pattern {json.dumps(pattern)}")
        if wanted and kind not in {wanted, "NULL"}:
            raise ValueError(f"Invalid type for argument {taken + 1} to FORMAT; Expected {wanted}; Got {kind}")
        return kind, value

    for text, match in _pieces(pattern):
        out += text
        if match is None:
            continue
        if match["kind"] == "%":
            out += "%"
            continue
        flags, kind = match["flags"], match["kind"]
        sizes = [argument("INT64")[1] if match[n] == "*" else match[n] for n in ("width", "precision")]
        type_, value = argument()
        if value is None and kind not in "tT":
            _check(kind, type_, taken)
            null = True
            continue
        width = int(sizes[0] or 0)
        if width < 0:
            flags, width = flags + "-", -width
        precision = None if "." not in match[0] else int(sizes[1] or 0)
        out += _one(kind, flags, width, precision, value, type_, taken)
    if taken < len(values):
        raise ValueError(
            f"Too many arguments to FORMAT for pattern {json.dumps(pattern)}; Expected {taken + 1}; "
            f"Got {len(values) + 1}"
        )
    return None if null else out


@lru_cache(maxsize=256)
def _pieces(pattern: str) -> list[tuple[str, re.Match[str] | None]]:
    """Plain text and the specifier after it, in turn; the last has none."""
    pieces: list[tuple[str, re.Match[str] | None]] = []
    at = 0
    for match in _SPECIFIER.finditer(pattern):
        pieces.append((pattern[at : match.start()], match))
        at = match.end()
    pieces.append((pattern[at:], None))
    if any("%" in text for text, _ in pieces):
        raise ValueError(f"Invalid FORMAT string {json.dumps(pattern)}")
    return pieces


def _check(kind: str, type_: str, position: int) -> None:
    expected = (
        "" if type_ == "NULL"
        else "STRING" if kind == "s" and type_ != "STRING"
        else "integer" if kind in _INTEGERS and type_ != "INT64"
        else "floating point" if kind in _FLOATS and type_ not in {"FLOAT64", *_EXACT}
        else "JSON" if kind in "pP" and type_ != "JSON"
        else ""
    )  # fmt: skip
    if expected:
        raise ValueError(f"Invalid type for argument {position + 1} to FORMAT; Expected {expected}; Got {type_}")
    if kind not in _INTEGERS | _FLOATS | set("stTpP"):
        raise ValueError(f"Invalid format specifier character {json.dumps(kind)} in FORMAT string")


def _one(kind: str, flags: str, width: int, precision: int | None, value: str | None, type_: str, at: int) -> str:
    _check(kind, type_, at)
    if kind in "stTpP":
        text = _typed(value, type_, literal=kind == "T") if kind in "tT" else str(value)
        if kind in "pP":
            text = json.dumps(json.loads(text), ensure_ascii=False, **_JSON_STYLE[kind])
        text = text if precision is None else text[:precision]
        return text.ljust(width) if "-" in flags else text.rjust(width)
    assert value is not None
    if kind in _INTEGERS:
        sign, body = _integer(kind, flags, precision, int(value))
        zeros = "0" in flags and precision is None
    else:
        sign, body = _float(kind, flags, precision, value, type_)
        zeros = "0" in flags and body[:1].isdigit()
    sign = sign or ("+" if "+" in flags else " " if " " in flags else "")
    if "-" in flags:
        return (sign + body).ljust(width)
    return sign + body.zfill(width - len(sign)) if zeros else (sign + body).rjust(width)


_JSON_STYLE: dict[str, dict[str, Any]] = {"p": {"separators": (",", ":")}, "P": {"indent": 2}}


def _integer(kind: str, flags: str, precision: int | None, number: int) -> tuple[str, str]:
    digits = format(abs(number), "d" if kind in "di" else kind).zfill(precision or 0)
    if "'" in flags:
        digits = _grouped(digits, "," if kind in "di" else ":", 3 if kind in "dio" else 4)
    if "#" in flags and kind in "oxX" and number:
        digits = {"o": "0", "x": "0x", "X": "0X"}[kind] + digits
    return ("-" if number < 0 else ""), digits


def _grouped(digits: str, mark: str, size: int) -> str:
    """Digits in groups from the right.

    >>> _grouped("1234567", ",", 3)
    '1,234,567'
    """
    first = len(digits) % size
    return mark.join(part for part in (digits[:first], *re.findall(f".{{{size}}}", digits[first:])) if part)


def _float(kind: str, flags: str, precision: int | None, value: str, type_: str) -> tuple[str, str]:
    places = 6 if precision is None else precision
    if type_ in _EXACT:
        body = _exact(kind, places, Decimal(value), alternate="#" in flags)
    else:
        number = float(value)
        body = str(f"%{'#' if '#' in flags else ''}.{places}{kind}" % number)
        body = body.removeprefix("-")
        if body[:1] in "in" and kind.isupper():
            body = body.upper()
        if value.startswith("-") and number == 0:
            return "-", body
    if "'" in flags and body[:1].isdigit():
        whole = re.match(r"\d+", body)
        assert whole is not None
        body = _grouped(whole[0], ",", 3) + body[whole.end() :]
    return ("-" if value.startswith("-") else ""), body.removeprefix("-")


def _exact(kind: str, places: int, value: Decimal, *, alternate: bool) -> str:
    """%f, %e and %g of a NUMERIC, rounded half away from zero."""
    number = abs(value)
    if kind in "fF":
        return format(number.quantize(Decimal(1).scaleb(-places), context=numbers.CONTEXT), "f")
    if kind in "eE":
        return _scientific(number, places, kind)
    places = places or 1
    exponent = _scientific(number, places - 1, "e").split("e")[1]
    if -4 <= int(exponent) < places:
        text = format(number.quantize(Decimal(1).scaleb(int(exponent) - places + 1), context=numbers.CONTEXT), "f")
        return text.rstrip("0").rstrip(".") if "." in text and not alternate else text
    digits, power = _scientific(number, places - 1, "E" if kind == "G" else "e").split("E" if kind == "G" else "e")
    digits = digits.rstrip("0").rstrip(".") if "." in digits and not alternate else digits
    return f"{digits}{'E' if kind == 'G' else 'e'}{power}"


def _scientific(number: Decimal, places: int, mark: str) -> str:
    exponent = number.adjusted() if number else 0
    digits = number.scaleb(-exponent, numbers.CONTEXT).quantize(Decimal(1).scaleb(-places), context=numbers.CONTEXT)
    if digits >= 10:
        exponent += 1
        digits = number.scaleb(-exponent, numbers.CONTEXT).quantize(Decimal(1).scaleb(-places), context=numbers.CONTEXT)
    return f"{format(digits, 'f')}{mark}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _typed(value: str | None, kind: str, *, literal: bool) -> str:
    """%t and %T."""
    if value is None:
        return "NULL"
    if kind in {"ARRAY", "STRUCT"}:
        return value.split(BOTH)[literal]
    if kind == "FLOAT64":
        text = numbers.float_text(float(value))
        if text.lstrip("-") in {"nan", "inf"}:
            return f'CAST("{text}" AS FLOAT64)' if literal else text.replace("nan", "NaN")
        return text if not text.lstrip("-").isdigit() else text + ".0"
    if kind in _EXACT:
        text = value if "." in value else value + ".0"
        return f'{kind} "{text}"' if literal else text
    if kind == "BYTES":
        text = "".join(_escaped(chr(b)) if b < 0x7F else f"\\x{b:02x}" for b in bytes.fromhex(value))
        return "b" + _quoted(text) if literal else text
    if literal and kind == "STRING":
        return _quoted(_escaped(value))
    if literal and kind == "JSON":
        return f"JSON {_quoted(value)}"
    return f'{kind} "{value}"' if literal and kind in {"DATE", "DATETIME", "TIME", "TIMESTAMP"} else value


def readable(value: str, kind: str) -> str:
    """A part of an array or struct for %t."""
    return _typed(value, kind, literal=False)


def literal(value: str, kind: str) -> str:
    """A part of an array or struct for %T."""
    return _typed(value, kind, literal=True)


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(text: str) -> str:
    """Backslash escapes for what does not print."""
    return "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\x{ord(c):02x}") for c in text)


def _quoted(text: str) -> str:
    """In double quotes, or in single ones where only double ones are inside."""
    if '"' in text and "'" not in text:
        return f"'{text}'"
    return '"' + text.replace('"', '\\"') + '"'


def join(parts: list[str], separator: str) -> str | None:
    """STRING_AGG of what is left after DISTINCT and LIMIT; NULL for nothing."""
    return separator.join(parts) if parts else None


def join_bytes(parts: list[bytes], separator: bytes) -> bytes | None:
    """STRING_AGG of BYTES."""
    return separator.join(parts) if parts else None


FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "format": ("ssS", "s", format_string),
    "format_readable": ("ss", "s", readable),
    "format_literal": ("ss", "s", literal),
    "join": ("Ss", "s", join),
    "join_bytes": ("Xx", "x", join_bytes),
}
