"""Exact NUMERIC arithmetic and the spelling of numbers.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types, …/mathematical_functions
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable
from decimal import Decimal

# Wide enough for a product of two NUMERIC or a BIGNUMERIC to be exact before it is rounded.
CONTEXT = decimal.Context(prec=120, rounding=decimal.ROUND_HALF_UP)
_NINTH = Decimal("1e-9")
_MAX = Decimal("99999999999999999999999999999.999999999")
_BIG_STEP = Decimal("1e-38")
_BIG_MAX = Decimal("578960446186580977117854925043439539266.34992332820282019728792003956564819967")
_BIG_MIN = Decimal("-578960446186580977117854925043439539266.34992332820282019728792003956564819968")


def to_numeric(value: Decimal) -> Decimal:
    """Rounded half away from zero to 9 places; ValueError when out of range.

    >>> to_numeric(Decimal("-0.0000000005"))
    Decimal('-1E-9')
    """
    if not value.is_finite():
        raise ValueError("numeric out of range")
    rounded = value.quantize(_NINTH, context=CONTEXT)
    if rounded.copy_abs() > _MAX:
        raise ValueError("numeric overflow: numeric out of range")
    return rounded


def to_bignumeric(value: Decimal) -> str:
    """Canonical text of a BIGNUMERIC; ValueError when out of range."""
    rounded = value.quantize(_BIG_STEP, context=CONTEXT)
    if not _BIG_MIN <= rounded <= _BIG_MAX:
        raise ValueError("bignumeric overflow: bignumeric out of range")
    return numeric_text(rounded)


def numeric_text(value: Decimal) -> str:
    """Without trailing zeros, as BigQuery prints NUMERIC.

    >>> numeric_text(Decimal("100.500000000"))
    '100.5'
    """
    out = format(value, "f")
    if "." in out:
        out = out.rstrip("0").rstrip(".")
    return "0" if out in {"-0", ""} else out


def float_text(value: float) -> str:
    """A FLOAT64 as CAST to STRING prints it.

    >>> [float_text(x) for x in (1.0, 0.1, 1e20, float("inf"), -0.0)]
    ['1', '0.1', '1e+20', 'inf', '0']
    """
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if not value:
        return "0"  # never signed
    for digits in (15, 17):
        out = f"{value:.{digits}g}"
        if float(out) == value:
            return out
    return repr(value)


def multiply(a: Decimal, b: Decimal) -> Decimal:
    """NUMERIC × NUMERIC."""
    try:
        return to_numeric(CONTEXT.multiply(a, b))
    except ValueError:
        raise ValueError(f"numeric overflow: {numeric_text(a)} * {numeric_text(b)}") from None


def divide(a: Decimal, b: Decimal) -> Decimal:
    """NUMERIC ÷ NUMERIC, rounded half away from zero."""
    if not b:
        raise ValueError(f"division by zero: {numeric_text(a)} / {numeric_text(b)}")
    # exact to the rounding digit: integer arithmetic, because a quotient rounded twice may round wrongly
    n, d = scaled(a) * 10**9, scaled(b)
    quotient, rest = divmod(abs(n), abs(d))
    if 2 * rest >= abs(d):
        quotient += 1
    return unscaled(quotient if (n < 0) == (d < 0) else -quotient)


def scaled(value: Decimal) -> int:
    """A NUMERIC as a whole number of its ninth places."""
    return int(value.scaleb(9, CONTEXT))


def unscaled(number: int) -> Decimal:
    """The NUMERIC of so many ninth places; ValueError when out of range."""
    if abs(number) >= 10**38:
        raise ValueError("numeric overflow")
    return Decimal(number).scaleb(-9, CONTEXT)


_MODES = {"ROUND_HALF_AWAY_FROM_ZERO": decimal.ROUND_HALF_UP, "ROUND_HALF_EVEN": decimal.ROUND_HALF_EVEN}


def round_numeric(value: Decimal, places: int, mode: str = "ROUND_HALF_AWAY_FROM_ZERO") -> Decimal:
    """ROUND(NUMERIC, n[, mode]).

    >>> round_numeric(Decimal("2.5"), 0), round_numeric(Decimal("2.5"), 0, "ROUND_HALF_EVEN")
    (Decimal('3.000000000'), Decimal('2.000000000'))
    """
    if mode not in _MODES:
        raise ValueError(f"Invalid rounding mode: {mode}; known: {', '.join(_MODES)}")
    if places >= 9:
        return value
    if places < -38:
        return Decimal(0)
    context = decimal.Context(prec=CONTEXT.prec, rounding=_MODES[mode])
    return to_numeric(value.quantize(Decimal(1).scaleb(-places), context=context))


def truncate_numeric(value: Decimal, places: int) -> Decimal:
    """TRUNC(NUMERIC, n)."""
    if places >= 9:
        return value
    if places < -38:
        return Decimal(0)
    return to_numeric(
        value.quantize(Decimal(1).scaleb(-places), context=decimal.Context(prec=120, rounding=decimal.ROUND_DOWN))
    )


def _computed(compute: Callable[[decimal.Context], Decimal], call: str) -> Decimal:
    """A function of NUMERIC to 80 digits, then rounded half away from zero."""
    try:
        return to_numeric(compute(decimal.Context(prec=80, Emax=9999, Emin=-9999)))
    except decimal.Overflow:
        raise ValueError(f"numeric overflow: {call}") from None
    except decimal.DecimalException:
        raise ValueError(f"Illegal argument: {call}") from None


def power(base: Decimal, exponent: Decimal) -> Decimal:
    """POW of NUMERIC.

    >>> power(Decimal(2), Decimal(-3)), power(Decimal(0), Decimal(0))
    (Decimal('0.125000000'), Decimal('1.000000000'))
    """
    call = f"POW({numeric_text(base)}, {numeric_text(exponent)})"
    if not exponent:
        return to_numeric(Decimal(1))
    return _computed(lambda context: context.power(base, exponent), call)


def square_root(value: Decimal) -> Decimal:
    """SQRT of NUMERIC."""
    if value < 0:
        raise ValueError(f"Argument to SQRT cannot be negative: {numeric_text(value)}")
    return _computed(lambda context: context.sqrt(value), f"SQRT({numeric_text(value)})")


def cube_root(value: Decimal) -> Decimal:
    """CBRT of NUMERIC."""
    root = _computed(lambda context: context.power(abs(value), context.divide(1, 3)) if value else value, "CBRT")
    return -root if value < 0 else root


def exponential(value: Decimal) -> Decimal:
    """EXP of NUMERIC."""
    return _computed(lambda context: context.exp(value), f"EXP({numeric_text(value)})")


def logarithm(value: Decimal, base: Decimal | None = None) -> Decimal:
    """LN and LOG of NUMERIC."""
    call = f"LN({numeric_text(value)})" if base is None else f"LOG({numeric_text(value)}, {numeric_text(base)})"
    if value <= 0 or (base is not None and (base <= 0 or base == 1)):
        raise ValueError(f"Floating point error in function: {call}")
    return _computed(
        lambda context: context.ln(value) if base is None else context.divide(context.ln(value), context.ln(base)), call
    )


def logarithm10(value: Decimal) -> Decimal:
    """LOG10 of NUMERIC."""
    if value <= 0:
        raise ValueError(f"Floating point error in function: LOG10({numeric_text(value)})")
    return _computed(lambda context: context.log10(value), "LOG10")


def parse_int(value: str) -> int:
    """CAST(STRING AS INT64)."""
    body = value.strip()
    sign = body[:1] in {"-", "+"}
    digits = body[1:] if sign else body
    try:
        if not digits or digits[0] in "+-_" or "_" in digits or not digits.isascii():
            raise ValueError
        number = int(digits, 16 if digits[:2].lower() == "0x" else 10)
    except ValueError:
        raise ValueError(f"Bad int64 value: {value}") from None
    number = -number if body[:1] == "-" else number
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"Bad int64 value: {value}")
    return number


def parse_float(value: str) -> float:
    """CAST(STRING AS FLOAT64)."""
    try:
        if "_" in value or not value.isascii():
            raise ValueError
        return float(value)
    except ValueError:
        raise ValueError(f"Bad double value: {value}") from None


def parse_numeric(value: str) -> Decimal:
    """CAST(STRING AS NUMERIC)."""
    try:
        if "_" in value or not value.isascii():
            raise ValueError
        return to_numeric(Decimal(value.strip()))
    except (ValueError, decimal.InvalidOperation):
        raise ValueError(f"Invalid NUMERIC value: {value}") from None


def parse_bignumeric(value: str) -> str:
    """CAST(STRING AS BIGNUMERIC)."""
    try:
        if "_" in value or not value.isascii():
            raise ValueError
        return to_bignumeric(Decimal(value.strip()))
    except (ValueError, decimal.InvalidOperation):
        raise ValueError(f"Invalid BIGNUMERIC value: {value}") from None


def parse_numeric_loosely(value: str) -> Decimal:
    """PARSE_NUMERIC: also with spaces around the sign, a sign behind, commas in the whole part."""
    return parse_numeric(_tidied(value, "NUMERIC"))


def parse_bignumeric_loosely(value: str) -> str:
    """PARSE_BIGNUMERIC, as canonical text."""
    return parse_bignumeric(_tidied(value, "BIGNUMERIC"))


_LOOSE = re.compile(r"\s*([+-]?)\s*((?=[\d.,]*\d)(?:\d[\d,]*)?,*(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*([+-]?)\s*")


def _tidied(value: str, kind: str) -> str:
    match = _LOOSE.fullmatch(value)
    if match is None or (match[1] and match[3]):
        raise ValueError(f"Invalid input to PARSE_{kind}: {value}")
    return match[1] + match[3] + match[2].replace(",", "")


def parse_bool(value: str) -> bool:
    """CAST(STRING AS BOOL)."""
    word = value.lower()
    if word in {"true", "false"}:
        return word == "true"
    raise ValueError(f"Bad bool value: {value}")


def float_to_int(value: float) -> int:
    """CAST(FLOAT64 AS INT64), half away from zero."""
    if math.isfinite(value):
        rounded = int(Decimal(value).to_integral_value(decimal.ROUND_HALF_UP))
        if -(2**63) <= rounded < 2**63:
            return rounded
    raise ValueError(f"Casting floating point value out of int64 range: {float_text(value)}")


def float_to_numeric(value: float) -> Decimal:
    """CAST(FLOAT64 AS NUMERIC)."""
    if not math.isfinite(value):
        raise ValueError(f"Illegal conversion of non-finite floating point number to numeric: {float_text(value)}")
    return to_numeric(Decimal(value))


def float_to_bignumeric(value: float) -> str:
    """CAST(FLOAT64 AS BIGNUMERIC), as canonical text."""
    if not math.isfinite(value):
        raise ValueError(f"Illegal conversion of non-finite floating point number to bignumeric: {float_text(value)}")
    return to_bignumeric(Decimal(value))


def numeric_to_int(value: Decimal) -> int:
    """CAST(NUMERIC AS INT64), half away from zero."""
    rounded = int(value.to_integral_value(decimal.ROUND_HALF_UP))
    if -(2**63) <= rounded < 2**63:
        return rounded
    raise ValueError(f"int64 out of range: {numeric_text(value)}")
