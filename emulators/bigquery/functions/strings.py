"""String functions that DuckDB lacks or does differently; those over `T` take STRING and BYTES.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions
"""

from __future__ import annotations

import unicodedata
from typing import Any, TypeVar

_SPACE = "".join(chr(c) for c in range(0x3001) if chr(c).isspace() and c not in range(0x1C, 0x20))
_BIG = 2**63 - 1
T = TypeVar("T", str, bytes)


def substr(value: T, position: int, length: int) -> T:
    """SUBSTR: 1-based, negative from the end, 0 is 1; a start before the beginning is the beginning.

    >>> substr("apple", -3, 2), substr("apple", 0, 2), substr("apple", -9, 2)
    ('pl', 'ap', 'ap')
    """
    if length < 0:
        raise ValueError("Third argument in SUBSTR() cannot be negative")
    start = position - 1 if position > 0 else max(len(value) + position, 0) if position < 0 else 0
    return value[start : start + length] if length < _BIG else value[start:]


def left(value: T, length: int) -> T:
    """LEFT."""
    if length < 0:
        raise ValueError("Second argument in LEFT() cannot be negative")
    return value[:length]


def right(value: T, length: int) -> T:
    """RIGHT."""
    if length < 0:
        raise ValueError("Second argument in RIGHT() cannot be negative")
    return value[max(len(value) - length, 0) :]


def trim(value: str) -> str:
    """TRIM of whitespace."""
    return value.strip(_SPACE)


def ltrim(value: str) -> str:
    """LTRIM of whitespace."""
    return value.lstrip(_SPACE)


def rtrim(value: str) -> str:
    """RTRIM of whitespace."""
    return value.rstrip(_SPACE)


def replace(value: T, old: T, new: T) -> T:
    """REPLACE; an empty pattern replaces nothing."""
    return value.replace(old, new) if old else value


def repeat(value: T, times: int) -> T:
    """REPEAT."""
    if times < 0:
        raise ValueError("Second argument in REPEAT() cannot be negative")
    if times * len(value) > 1_048_576:
        raise ValueError("Output of REPEAT exceeds max allowed output size of 1MB")
    return value * times


def lpad(value: T, length: int, pad: T) -> T:
    """LPAD."""
    filler = _filler(value, length, pad, "LPAD")
    return filler + value if len(value) < length else value[:length]


def rpad(value: T, length: int, pad: T) -> T:
    """RPAD."""
    filler = _filler(value, length, pad, "RPAD")
    return value + filler if len(value) < length else value[:length]


def _filler(value: T, length: int, pad: T, name: str) -> T:
    if length < 0:
        raise ValueError(f"Second argument (output size) for {name} cannot be negative")
    if not pad:
        raise ValueError(f"Third argument (pad pattern) for {name} cannot be empty")
    missing = max(length - len(value), 0)
    return (pad * (missing // len(pad) + 1))[:missing]


def split(value: str, delimiter: str) -> list[str]:
    """SPLIT; an empty delimiter splits into characters, an empty string is one empty part.

    >>> split("", ""), split("ab", ""), split(",", ",")
    ([''], ['a', 'b'], ['', ''])
    """
    if not delimiter:
        return list(value) or [""]
    return value.split(delimiter)


def split_bytes(value: bytes, delimiter: bytes) -> list[bytes]:
    """SPLIT of BYTES."""
    if not delimiter:
        return [value[i : i + 1] for i in range(len(value))] or [b""]
    return value.split(delimiter)


def initcap(value: str, delimiters: str = ' \t\n\r\x0b\f[](){}/|<>!?@"^#$&~_,.:;*%+-') -> str:
    """INITCAP."""
    out, first = [], True
    for char in value:
        word = char not in delimiters
        out.append(char if not word else char.upper() if first else char.lower())
        first = not word
    return "".join(out)


def instr(value: T, wanted: T, position: int, occurrence: int) -> int:
    """INSTR: 1-based place of an occurrence, 0 when there is none; a negative position searches backwards."""
    if position == 0:
        raise ValueError("INSTR position cannot be 0")
    if occurrence <= 0:
        raise ValueError("INSTR occurrence must be positive")
    if not wanted:
        return 0
    if position > 0:
        at = position - 2
        for _ in range(occurrence):
            at = value.find(wanted, at + 1)
            if at < 0:
                return 0
        return at + 1
    end = len(value) + position + 1
    places = [i for i in range(max(end, 0)) if value.startswith(wanted, i)]
    return places[-occurrence] + 1 if len(places) >= occurrence else 0


def ascii_code(value: str) -> int:
    """ASCII."""
    if value and ord(value[0]) > 127:
        raise ValueError("ASCII() argument starts with a character that is not ASCII")
    return ord(value[0]) if value else 0


def chr_(code: int) -> str:
    """CHR."""
    if code == 0:
        return ""
    if not 0 < code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"Invalid codepoint {code}")
    return chr(code)


def unicode_code(value: str) -> int:
    """UNICODE."""
    return ord(value[0]) if value else 0


def translate(value: str, source: str, target: str) -> str:
    """TRANSLATE."""
    return value.translate(_translation(source, target))


def translate_bytes(value: bytes, source: bytes, target: bytes) -> bytes:
    """TRANSLATE of BYTES."""
    found = _translation(source.decode("latin-1"), target.decode("latin-1"))
    return value.decode("latin-1").translate(found).encode("latin-1")


def _translation(source: str, target: str) -> dict[int, str | None]:
    if len(set(source)) != len(source):
        raise ValueError("Duplicate character in TRANSLATE source characters")
    return {ord(s): target[i] if i < len(target) else None for i, s in enumerate(source)}


def soundex(value: str) -> str:
    """SOUNDEX."""
    codes = {c: d for d, letters in enumerate(["BFPV", "CGJKQSXZ", "DT", "L", "MN", "R"], 1) for c in letters}
    letters = [c for c in value.upper() if "A" <= c <= "Z"]
    if not letters:
        return ""
    out, last = letters[0], codes.get(letters[0])
    for letter in letters[1:]:
        code = codes.get(letter)
        if code and code != last:
            out += str(code)
        if letter not in "HW":
            last = code
    return (out + "000")[:4]


def edit_distance(a: T, b: T, most: int = _BIG) -> int:
    """EDIT_DISTANCE (Levenshtein), at most `most`."""
    if most < 0:
        raise ValueError("max_distance must be non-negative")
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return min(row[-1], most)


def contains_substr(value: str, wanted: str) -> bool:
    """CONTAINS_SUBSTR over a string: normalised, without regard to case."""
    return normalize_casefold(wanted, "NFKC") in normalize_casefold(value, "NFKC")


def normalize(value: str, mode: str) -> str:
    """NORMALIZE; mode is NFC, NFKC, NFD or NFKD."""
    return unicodedata.normalize(mode, value)  # type: ignore[arg-type]


def normalize_casefold(value: str, mode: str) -> str:
    """NORMALIZE_AND_CASEFOLD."""
    return normalize(normalize(value, mode).casefold(), mode)


FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "upper_any": ("s", "s", str.upper),
    "lower_any": ("s", "s", str.lower),
    "upper_bytes": ("x", "x", bytes.upper),
    "lower_bytes": ("x", "x", bytes.lower),
    "substr3": ("sii", "s", substr),
    "substr_bytes": ("xii", "x", substr),
    "left": ("si", "s", left),
    "left_bytes": ("xi", "x", left),
    "right": ("si", "s", right),
    "right_bytes": ("xi", "x", right),
    "trim_any": ("s", "s", trim),
    "ltrim_any": ("s", "s", ltrim),
    "rtrim_any": ("s", "s", rtrim),
    "trim_chars": ("ss", "s", str.strip),
    "ltrim_chars": ("ss", "s", str.lstrip),
    "rtrim_chars": ("ss", "s", str.rstrip),
    "trim_bytes": ("xx", "x", bytes.strip),
    "ltrim_bytes": ("xx", "x", bytes.lstrip),
    "rtrim_bytes": ("xx", "x", bytes.rstrip),
    "replace": ("sss", "s", replace),
    "replace_bytes": ("xxx", "x", replace),
    "reverse": ("s", "s", lambda v: v[::-1]),
    "reverse_bytes": ("x", "x", lambda v: v[::-1]),
    "starts_bytes": ("xx", "b", bytes.startswith),
    "ends_bytes": ("xx", "b", bytes.endswith),
    "repeat": ("si", "s", repeat),
    "repeat_bytes": ("xi", "x", repeat),
    "lpad": ("sis", "s", lpad),
    "lpad_bytes": ("xix", "x", lpad),
    "rpad": ("sis", "s", rpad),
    "rpad_bytes": ("xix", "x", rpad),
    "split": ("ss", "S", split),
    "split_bytes": ("xx", "X", split_bytes),
    "strpos_bytes": ("xx", "i", lambda v, w: v.find(w) + 1),
    "initcap": ("s", "s", initcap),
    "initcap_by": ("ss", "s", initcap),
    "instr": ("ssii", "i", instr),
    "instr_bytes": ("xxii", "i", instr),
    "ascii": ("s", "i", ascii_code),
    "chr": ("i", "s", chr_),
    "unicode": ("s", "i", unicode_code),
    "translate": ("sss", "s", translate),
    "translate_bytes": ("xxx", "x", translate_bytes),
    "soundex": ("s", "s", soundex),
    "edit_distance": ("ssi", "i", edit_distance),
    "edit_distance_bytes": ("xxi", "i", edit_distance),
    "contains_substr": ("ss", "b", contains_substr),
    "normalize": ("ss", "s", normalize),
    "normalize_casefold": ("ss", "s", normalize_casefold),
}
