"""BYTES in and out of text: hexadecimal, base 32 and 64, UTF-8, code points, digests.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions, …/hash_functions
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from emulators.bigquery.functions.fingerprints import fingerprint
from emulators.bigquery.functions.strings import chr_


def from_hex(value: str) -> bytes:
    """FROM_HEX; an odd number of digits gets a leading zero."""
    try:
        return binascii.unhexlify(value if len(value) % 2 == 0 else "0" + value)
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


def _digest(name: str) -> Any:
    return lambda value: hashlib.new(name, value, usedforsecurity=False).digest()


FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "from_hex": ("s", "x", from_hex),
    "from_base64": ("s", "x", from_base64),
    "to_base32": ("x", "s", to_base32),
    "from_base32": ("s", "x", from_base32),
    "to_code_points": ("s", "I", code_points),
    "bytes_to_code_points": ("x", "I", list),
    "code_points_to_string": ("I", "s", from_code_points),
    "code_points_to_bytes": ("I", "x", bytes_from_code_points),
    "bytes_to_string": ("x", "s", bytes_to_string),
    "safe_utf8": ("x", "s", lambda v: v.decode(errors="replace")),
    "md5": ("x", "x", _digest("md5")),
    "sha1": ("x", "x", _digest("sha1")),
    "sha256": ("x", "x", _digest("sha256")),
    "sha512": ("x", "x", _digest("sha512")),
    "farm_fingerprint": ("x", "i", fingerprint),
    "bit_count_bytes": ("x", "i", lambda v: int.from_bytes(v, "big").bit_count()),
}
