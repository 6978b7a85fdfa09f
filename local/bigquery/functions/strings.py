"""String, bytes and regular expression functions that DuckDB lacks or does differently.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions, …/hash_functions
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from urllib.parse import urlsplit

_SPACE = "".join(chr(c) for c in range(0x3001) if chr(c).isspace() and c not in range(0x1C, 0x20))
_BIG = 2**63 - 1


def substr(value: str, position: int, length: int) -> str:
    """SUBSTR: 1-based, negative from the end, 0 is 1; a start before the beginning is the beginning.

    >>> substr("apple", -3, 2), substr("apple", 0, 2), substr("apple", -9, 2)
    ('pl', 'ap', 'ap')
    """
    if length < 0:
        raise ValueError("Third argument in SUBSTR() cannot be negative")
    start = position - 1 if position > 0 else max(len(value) + position, 0) if position < 0 else 0
    return value[start : start + length] if length < _BIG else value[start:]


def substr_bytes(value: bytes, position: int, length: int) -> bytes:
    """SUBSTR on BYTES."""
    if length < 0:
        raise ValueError("Third argument in SUBSTR() cannot be negative")
    start = position - 1 if position > 0 else max(len(value) + position, 0) if position < 0 else 0
    return value[start : start + length] if length < _BIG else value[start:]


def left(value: str, length: int) -> str:
    """LEFT."""
    if length < 0:
        raise ValueError("Second argument in LEFT() cannot be negative")
    return value[:length]


def right(value: str, length: int) -> str:
    """RIGHT."""
    if length < 0:
        raise ValueError("Second argument in RIGHT() cannot be negative")
    return value[max(len(value) - length, 0) :]


def trim(value: str, chars: str | None = None) -> str:
    """TRIM of whitespace or of any of `chars`."""
    return value.strip(_SPACE if chars is None else chars)


def ltrim(value: str, chars: str | None = None) -> str:
    """LTRIM."""
    return value.lstrip(_SPACE if chars is None else chars)


def rtrim(value: str, chars: str | None = None) -> str:
    """RTRIM."""
    return value.rstrip(_SPACE if chars is None else chars)


def replace(value: str, old: str, new: str) -> str:
    """REPLACE; an empty pattern replaces nothing."""
    return value.replace(old, new) if old else value


def repeat(value: str, times: int) -> str:
    """REPEAT."""
    if times < 0:
        raise ValueError("Second argument in REPEAT() cannot be negative")
    if times * len(value) > 1_048_576:
        raise ValueError("Output of REPEAT exceeds max allowed output size of 1MB")
    return value * times


def lpad(value: str, length: int, pad: str) -> str:
    """LPAD."""
    filler = _filler(value, length, pad, "LPAD")
    return filler + value if len(value) < length else value[:length]


def rpad(value: str, length: int, pad: str) -> str:
    """RPAD."""
    filler = _filler(value, length, pad, "RPAD")
    return value + filler if len(value) < length else value[:length]


def _filler(value: str, length: int, pad: str, name: str) -> str:
    if length < 0:
        raise ValueError(f"Second argument (output size) for {name} cannot be negative")
    if not pad:
        raise ValueError(f"Third argument (pad pattern) for {name} cannot be empty")
    missing = max(length - len(value), 0)
    return (pad * (missing // len(pad) + 1))[:missing]


def split(value: str, delimiter: str) -> list[str]:
    """SPLIT; an empty delimiter splits into characters, an empty string is one empty part."""
    if not delimiter:
        return list(value)
    return value.split(delimiter)


def initcap(value: str, delimiters: str = ' \t\n\r\x0b\f[](){}/|<>!?@"^#$&~_,.:;*%+-') -> str:
    """INITCAP."""
    out, first = [], True
    for char in value:
        out.append(char.upper() if first else char.lower())
        first = char in delimiters
    return "".join(out)


def instr(value: str, wanted: str, position: int, occurrence: int) -> int:
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
    if len(set(source)) != len(source):
        raise ValueError("Duplicate character in TRANSLATE source characters")
    return value.translate({ord(s): target[i] if i < len(target) else None for i, s in enumerate(source)})


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


def edit_distance(a: str, b: str) -> int:
    """EDIT_DISTANCE (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def contains_substr(value: str, wanted: str) -> bool:
    """CONTAINS_SUBSTR over a string: normalised, without regard to case."""
    return normalize_casefold(wanted, "NFKC") in normalize_casefold(value, "NFKC")


def normalize(value: str, mode: str) -> str:
    """NORMALIZE; mode is NFC, NFKC, NFD or NFKD."""
    return unicodedata.normalize(mode, value)  # type: ignore[arg-type]


def normalize_casefold(value: str, mode: str) -> str:
    """NORMALIZE_AND_CASEFOLD."""
    return normalize(normalize(value, mode).casefold(), mode)


def from_hex(value: str) -> bytes:
    """FROM_HEX; an odd number of digits gets a leading zero."""
    try:
        return bytes.fromhex(value if len(value) % 2 == 0 else "0" + value)
    except ValueError:
        raise ValueError(
            f"Failed to decode invalid hexadecimal string due to character not in [0-9a-fA-F]: {value}"
        ) from None


def from_base64(value: str) -> bytes:
    """FROM_BASE64."""
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("Failed to decode invalid base64 string") from None


def to_base32(value: bytes) -> str:
    """TO_BASE32."""
    return base64.b32encode(value).decode()


def from_base32(value: str) -> bytes:
    """FROM_BASE32."""
    try:
        return base64.b32decode(value)
    except (binascii.Error, ValueError):
        raise ValueError("Failed to decode invalid base32 string") from None


def code_points(value: str) -> list[int]:
    """TO_CODE_POINTS."""
    return [ord(c) for c in value]


def bytes_code_points(value: bytes) -> list[int]:
    """TO_CODE_POINTS of BYTES."""
    return list(value)


def from_code_points(codes: list[int | None]) -> str | None:
    """CODE_POINTS_TO_STRING; NULL if any code is."""
    if None in codes:
        return None
    return "".join(chr_(c) for c in codes if c is not None)


def bytes_from_code_points(codes: list[int | None]) -> bytes | None:
    """CODE_POINTS_TO_BYTES."""
    if None in codes:
        return None
    try:
        return bytes(c for c in codes if c is not None)
    except ValueError:
        raise ValueError("Invalid extended ASCII code point") from None


def bytes_to_string(value: bytes) -> str:
    """CAST(BYTES AS STRING)."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise ValueError("Invalid cast of bytes to UTF8 string") from None


def safe_utf8(value: bytes) -> str:
    """SAFE_CONVERT_BYTES_TO_STRING."""
    return value.decode(errors="replace")


def md5(value: bytes) -> bytes:
    """MD5."""
    return hashlib.md5(value, usedforsecurity=False).digest()


def sha1(value: bytes) -> bytes:
    """SHA1."""
    return hashlib.sha1(value, usedforsecurity=False).digest()


def sha256(value: bytes) -> bytes:
    """SHA256."""
    return hashlib.sha256(value).digest()


def sha512(value: bytes) -> bytes:
    """SHA512."""
    return hashlib.sha512(value).digest()


def net_host(url: str) -> str | None:
    """NET.HOST."""
    rest = url.strip()
    if "://" not in rest and not rest.startswith("//"):
        return None
    try:
        host = urlsplit(rest).netloc.rsplit("@", 1)[-1]
    except ValueError:
        return None
    host = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return host or None


# -- regular expressions: BigQuery speaks RE2, so what Python's re would read differently is refused ---------

_UNLIKE_RE2 = re.compile(r"\(\?(?:[=!<]|P=|#|\()|\\[1-9]|\\[ZGXRK]|[*+?}]\+")
_RE2_ONLY = re.compile(r"\\[pPQEC]|\[\[:|\\z|\(\?[a-zA-Z]*U")


def check_regexp(pattern: str) -> str:
    """The pattern, for DuckDB's own RE2; ValueError when RE2 would refuse it."""
    return pattern


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern for Python; refused where the two engines differ."""
    if _RE2_ONLY.search(pattern):
        raise NotImplementedError("regular expressions with \\p, \\Q, \\C, POSIX classes or U here")
    if _UNLIKE_RE2.search(pattern):
        raise ValueError(f"Cannot parse regular expression: invalid perl operator in {pattern}")
    translated = pattern.replace(r"\z", r"\Z")
    # RE2's $ is the very end of the text; its \d, \w, \s are ASCII
    translated = re.sub(r"(?<!\\)((?:\\\\)*)\$", r"\1\\Z", translated) if "(?m" not in translated else translated
    try:
        return re.compile(translated, re.ASCII)
    except re.error as error:
        raise ValueError(f"Cannot parse regular expression: {error.msg}") from None


def regexp_extract(value: str, pattern: str, position: int, occurrence: int) -> str | None:
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


def regexp_extract_all(value: str, pattern: str) -> list[str]:
    """REGEXP_EXTRACT_ALL."""
    regexp = _one_group(pattern, "REGEXP_EXTRACT_ALL")
    return [(m[1] if regexp.groups else m[0]) or "" for m in regexp.finditer(value)]


def regexp_instr(value: str, pattern: str, position: int, occurrence: int, after: int) -> int:
    """REGEXP_INSTR."""
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


def regexp_replace(value: str, pattern: str, replacement: str) -> str:
    r"""REGEXP_REPLACE; \\1 to \\9 in the replacement are groups, \\0 the match."""
    regexp = compiled(pattern)
    parts = re.split(r"\\(.)", replacement)
    for char in parts[1::2]:
        if not (char.isdigit() or char == "\\"):
            raise ValueError(f"Invalid REGEXP_REPLACE pattern: invalid escape \\{char}")
        if char.isdigit() and int(char) > regexp.groups:
            raise ValueError(f"Invalid REGEXP_REPLACE pattern: no such group {char}")

    def one(match: re.Match[str]) -> str:
        out = parts[0]
        for char, text in zip(parts[1::2], parts[2::2], strict=True):
            out += (match[int(char)] or "") if char.isdigit() else "\\"
            out += text
        return out

    return regexp.sub(one, value)


def fingerprint(value: bytes) -> int:
    """FARM_FINGERPRINT is not computed here."""
    del value
    raise NotImplementedError("the function FARM_FINGERPRINT")
