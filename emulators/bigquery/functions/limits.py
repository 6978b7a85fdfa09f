"""What a parameterized type lets in: lengths of text, digits of decimals.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#parameterized_data_types
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from emulators.bigquery.functions import numbers


def text(value: str, length: int) -> str:
    """A STRING(length), in characters; ValueError when it is longer."""
    _check(len(value), length, "STRING")
    return value


def octets(value: bytes, length: int) -> bytes:
    """A BYTES(length), in bytes; ValueError when it is longer."""
    _check(len(value), length, "BYTES")
    return value


def _check(found: int, length: int, kind: str) -> None:
    if found > length:
        raise ValueError(f"{kind}({length}) has maximum length {length} but got a value with length {found}")


def numeric(value: Decimal, precision: int, scale: int) -> Decimal:
    """A NUMERIC(precision, scale), rounded half away from zero; ValueError for too many digits before the point.

    >>> numeric(Decimal("1.235"), 3, 2)
    Decimal('1.24')
    """
    return _bounded(value, precision, scale, "NUMERIC")


def bignumeric(value: str, precision: int, scale: int) -> str:
    """As `numeric`, of a BIGNUMERIC in its canonical text."""
    return numbers.numeric_text(_bounded(Decimal(value), precision, scale, "BIGNUMERIC"))


def _bounded(value: Decimal, precision: int, scale: int, kind: str) -> Decimal:
    rounded = value.quantize(Decimal(1).scaleb(-scale), context=numbers.CONTEXT)
    largest = Decimal(10**precision - 1).scaleb(-scale, numbers.CONTEXT)
    if rounded.copy_abs() > largest:
        raise ValueError(
            f"{kind}({precision}, {scale}) has precision {precision} and scale {scale} but got a value that is not in "
            f"range of [-{numbers.numeric_text(largest)}, {numbers.numeric_text(largest)}]"
        )
    return rounded


# name: (arguments, result, function), as the registry has them
FUNCTIONS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "limit_string": ("si", "s", text),
    "limit_bytes": ("xi", "x", octets),
    "limit_numeric": ("nii", "n", numeric),
    "limit_bignumeric": ("sii", "s", bignumeric),
}
