"""FARM_FINGERPRINT: FarmHash's Fingerprint64, which never changes.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/hash_functions#farm_fingerprint; the algorithm is
that of https://github.com/google/farmhash (farmhashna::Hash64): all numbers modulo 2^64, words little-endian.
"""

from __future__ import annotations

_WORD = 2**64 - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def fingerprint(value: bytes) -> int:
    """The fingerprint as INT64.

    >>> fingerprint(b"1footrue"), fingerprint(b"2applefalse"), fingerprint(b"3true")
    (-1541654101129638711, 2794438866806483259, -4880158226897771312)
    """
    size = len(value)
    unsigned = _short(value) if size <= 16 else _medium(value) if size <= 64 else _long(value)
    return unsigned - 2**64 if unsigned >= 2**63 else unsigned


def _word(value: bytes, at: int) -> int:
    return int.from_bytes(value[at : at + 8], "little")


def _turn(number: int, bits: int) -> int:
    number &= _WORD
    return (number >> bits | number << (64 - bits)) & _WORD


def _mix(number: int) -> int:
    number &= _WORD
    return number ^ number >> 47


def _pair(u: int, v: int, factor: int) -> int:
    a = _mix((u ^ v & _WORD) * factor)
    return _mix((v & _WORD ^ a) * factor) * factor & _WORD


def _short(value: bytes) -> int:
    size = len(value)
    factor = _K2 + size * 2
    if size >= 8:
        a, b = _word(value, 0) + _K2, _word(value, size - 8)
        return _pair(_turn(b, 37) * factor + a & _WORD, (_turn(a, 25) + b) * factor & _WORD, factor)
    if size >= 4:
        first, last = int.from_bytes(value[:4], "little"), int.from_bytes(value[-4:], "little")
        return _pair(size + (first << 3), last, factor)
    if size:
        y, z = value[0] + (value[size >> 1] << 8), size + (value[-1] << 2)
        return _mix((y * _K2 ^ z * _K0) & _WORD) * _K2 & _WORD
    return _K2


def _medium(value: bytes) -> int:
    """17 to 64 bytes."""
    size = len(value)
    factor = _K2 + size * 2
    a = _word(value, 0) * (_K1 if size <= 32 else _K2)
    b = _word(value, 8)
    c, d = _word(value, size - 8) * factor, _word(value, size - 16) * _K2
    y = _turn(a + b, 43) + _turn(c, 30) + d & _WORD
    z = _pair(y, a + _turn(b + _K2, 18) + c & _WORD, factor)
    if size <= 32:
        return z
    e, f = _word(value, 16) * factor, _word(value, 24)
    g, h = (y + _word(value, size - 32)) * factor, (z + _word(value, size - 24)) * factor
    return _pair(_turn(e + f, 43) + _turn(g, 30) + h & _WORD, e + _turn(f + a, 18) + g & _WORD, factor)


def _weak(value: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """Two words of 32 bytes and two seeds."""
    w, x, y, z = (_word(value, at + i) for i in (0, 8, 16, 24))
    a += w
    b = _turn(b + a + z, 21)
    c = a
    a += x + y
    return a + z & _WORD, b + _turn(a, 44) + c & _WORD


def _long(value: bytes) -> int:
    """More than 64 bytes: 64 at a time, then the last 64 once more."""
    size, seed = len(value), 81
    y = seed * _K1 + 113 & _WORD
    z = _mix(y * _K2 + 113) * _K2 & _WORD
    x = seed * _K2 + _word(value, 0) & _WORD
    v, w = (0, 0), (0, 0)

    def turn(at: int, factor: int, nine: int) -> None:
        nonlocal x, y, z, v, w
        x = _turn(x + y + v[0] + _word(value, at + 8), 37) * factor & _WORD
        y = _turn(y + v[1] + _word(value, at + 48), 42) * factor & _WORD
        x ^= w[1] * nine & _WORD
        y = y + v[0] * nine + _word(value, at + 40) & _WORD
        z = _turn(z + w[0], 33) * factor & _WORD
        v = _weak(value, at, v[1] * factor, x + w[0])
        w = _weak(value, at + 32, z + w[1], y + _word(value, at + 16))
        z, x = x, z

    end = (size - 1) // 64 * 64
    for at in range(0, end, 64):
        turn(at, _K1, 1)
    factor = _K1 + ((z & 0xFF) << 1)
    w = (w[0] + (size - 1 & 63) & _WORD, w[1])
    v = (v[0] + w[0] & _WORD, v[1])
    w = (w[0] + v[0] & _WORD, w[1])
    turn(size - 64, factor, 9)
    return _pair(_pair(v[0], w[0], factor) + _mix(y) * _K0 + z & _WORD, _pair(v[1], w[1], factor) + x & _WORD, factor)
