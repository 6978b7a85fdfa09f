"""FLOAT64 mathematics: what C computes, with BigQuery's errors for what has no result.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/mathematical_functions
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from emulators.bigquery.functions.numbers import float_text

_WIDE = decimal.Context(prec=40)


def _ln(value: float) -> float:
    if value <= 0:
        raise ValueError(f"Floating point error in function: LN({float_text(value)})")
    return math.log(value)


def _log10(value: float) -> float:
    if value <= 0:
        raise ValueError(f"Floating point error in function: LOG10({float_text(value)})")
    return math.log10(value)


def _log(value: float, base: float) -> float:
    if value <= 0 or base <= 0 or base == 1:
        raise ValueError(f"Floating point error in function: LOG({float_text(value)}, {float_text(base)})")
    return math.log(value, base) if base not in {2.0, 10.0} else (math.log2(value) if base == 2 else math.log10(value))


def _sqrt(value: float) -> float:
    if value < 0:
        raise ValueError(f"Argument to SQRT cannot be negative: {float_text(value)}")
    return math.sqrt(value)


def _pow(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except (OverflowError, ValueError):
        raise ValueError(f"Floating point error in function: POW({float_text(base)}, {float_text(exponent)})") from None


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        raise ValueError(f"Floating point error in function: EXP({float_text(value)})") from None


def _trig(name: str, compute: Callable[[float], float]) -> Callable[[float], float]:
    def run(value: float) -> float:
        try:
            return compute(value)
        except (ValueError, OverflowError, ZeroDivisionError):
            raise ValueError(f"Floating point error in function: {name}({float_text(value)})") from None

    return run


def _inverse(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: 1 / function(value)


def _cbrt(value: float) -> float:
    """The nearest FLOAT64; C's own is one step off for 27."""
    if not math.isfinite(value) or not value:
        return value
    root = _WIDE.power(Decimal(abs(value)), _WIDE.divide(Decimal(1), Decimal(3)))
    return math.copysign(float(root), value)


def round_float(value: float, places: int) -> float:
    """ROUND(FLOAT64, n): half away from zero of the scaled double, as C's round() does it.

    >>> round_float(2.5, 0), round_float(-2.5, 0), round_float(123.456, -1), round_float(1.005, 2)
    (3.0, -3.0, 120.0, 1.0)
    """
    if not math.isfinite(value) or places > 300:
        return value
    scale = 10.0 ** abs(places)
    scaled = value * scale if places >= 0 else value / scale
    if not math.isfinite(scaled) or abs(scaled) >= 2**52:
        return value
    rounded = math.copysign(math.floor(abs(scaled)), value)
    if abs(scaled) - math.floor(abs(scaled)) >= 0.5:
        rounded += math.copysign(1.0, value)
    return rounded / scale if places >= 0 else rounded * scale


def _trunc_float(value: float, places: int) -> float:
    if not math.isfinite(value) or places > 300:
        return value
    scale = 10.0**places
    return math.trunc(value * scale) / scale


_CURVES = ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh")
_INVERSES = {"sec": math.cos, "csc": math.sin, "cot": math.tan, "sech": math.cosh, "csch": math.sinh, "coth": math.tanh}

FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "ln": ("f", "f", _ln),
    "log": ("ff", "f", _log),
    "log10": ("f", "f", _log10),
    "sqrt": ("f", "f", _sqrt),
    "cbrt": ("f", "f", _cbrt),
    "pow": ("ff", "f", _pow),
    "exp": ("f", "f", _exp),
    "round_float": ("fi", "f", round_float),
    "trunc_float": ("fi", "f", _trunc_float),
    **{name: ("f", "f", _trig(name.upper(), getattr(math, name))) for name in _CURVES},
    **{name: ("f", "f", _trig(name.upper(), _inverse(function))) for name, function in _INVERSES.items()},
}
