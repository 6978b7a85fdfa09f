"""Array functions over plain values.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/array_functions
"""

from __future__ import annotations

from decimal import Decimal

from emulators.bigquery.functions import numbers

_MAX = 16_000_000


def array_to_string(parts: list[str | None], separator: str, null: str | None = None) -> str:
    """ARRAY_TO_STRING; without a text for NULLs they are left out."""
    kept = [p if p is not None else null for p in parts]
    return separator.join(p for p in kept if p is not None)


def array_to_bytes(parts: list[bytes | None], separator: bytes, null: bytes | None = None) -> bytes:
    """ARRAY_TO_STRING of BYTES."""
    kept = [p if p is not None else null for p in parts]
    return separator.join(p for p in kept if p is not None)


def generate(start: int, end: int, step: int) -> list[int]:
    """GENERATE_ARRAY of INT64, both ends included."""
    if step == 0:
        raise ValueError("Sequence step cannot be 0.")
    span = range(start, end + (1 if step > 0 else -1), step)
    if len(span) > _MAX:
        raise NotImplementedError("arrays of more than 16,000,000 elements")
    return list(span)


def generate_numeric(start: Decimal, end: Decimal, step: Decimal) -> list[Decimal]:
    """GENERATE_ARRAY of NUMERIC."""
    if step == 0:
        raise ValueError("Sequence step cannot be 0.")
    return [numbers.unscaled(n) for n in generate(numbers.scaled(start), numbers.scaled(end), numbers.scaled(step))]


def generate_float(start: float, end: float, step: float) -> list[float]:
    """GENERATE_ARRAY of FLOAT64."""
    if step == 0:
        raise ValueError("Sequence step cannot be 0.")
    out, index = [], 0
    while (start + index * step <= end) if step > 0 else (start + index * step >= end):
        out.append(start + index * step)
        index += 1
        if index > _MAX:
            raise NotImplementedError("arrays of more than 16,000,000 elements")
    return out


def top_sums(texts: list[str | None], weights: list[int | None], number: int) -> list[int | None]:
    """APPROX_TOP_SUM: for each of the greatest sums the 1-based place of its value, then the sum; NULL sums last.

    >>> top_sums(["a", "b", "a", "c"], [3, 2, 0, None], 2)
    [1, 3, 2, 2]
    """
    first: dict[str | None, int] = {}
    sums: dict[str | None, int | None] = {}
    for place, (text, weight) in enumerate(zip(texts, weights, strict=True), 1):
        first.setdefault(text, place)
        known = sums.setdefault(text, None)
        sums[text] = known if weight is None else (known or 0) + weight
    best = sorted(sums, key=lambda k: (sums[k] is None, -(sums[k] or 0)))[:number]
    return [part for text in best for part in (first[text], sums[text])]
