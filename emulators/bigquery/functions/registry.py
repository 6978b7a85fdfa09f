"""Teach a DuckDB database BigQuery's functions: Python ones and macros, named bq_….

A Python function gets no NULL (it answers NULL itself, unless `nulls` says otherwise) and raises ValueError with the
message that BigQuery gives, or NotImplementedError with what is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from emulators.bigquery.functions import (
    calendar,
    cast_formats,
    civil,
    date_formats,
    encodings,
    floats,
    formats,
    json_changes,
    json_paths,
    json_values,
    limits,
    net,
    numbers,
    regexps,
    sequences,
    strings,
)
from emulators.bigquery.functions.macros import MACROS

if TYPE_CHECKING:
    import duckdb

_ARROW: dict[str, pa.DataType] = {
    "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "DECIMAL(38,9)": pa.decimal128(38, 9), "VARCHAR": pa.string(),
    "BLOB": pa.binary(), "BOOLEAN": pa.bool_(), "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us"),
    "TIME": pa.time64("us"), "JSON": pa.string(),
}  # fmt: skip
_SHORT = {"i": "BIGINT", "f": "DOUBLE", "n": "DECIMAL(38,9)", "s": "VARCHAR", "x": "BLOB", "b": "BOOLEAN", "d": "DATE",
          "t": "TIMESTAMP", "c": "TIME", "j": "JSON"}  # fmt: skip


def _mod(a: int, b: int) -> int:
    if b == 0:
        raise ValueError(f"division by zero: MOD({a}, {b})")
    return abs(a) % abs(b) * (1 if a >= 0 else -1)


def _div(a: int, b: int) -> int:
    if b == 0:
        raise ValueError(f"division by zero: DIV({a}, {b})")
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    if quotient >= 2**63:
        raise ValueError(f"int64 overflow: DIV({a}, {b})")
    return quotient


def _mod_numeric(a: Any, b: Any) -> Any:
    if not b:
        raise ValueError(f"division by zero: MOD({numbers.numeric_text(a)}, 0)")
    x, y = numbers.scaled(a), numbers.scaled(b)
    return numbers.unscaled((abs(x) % abs(y)) * (1 if x >= 0 else -1))


def _div_numeric(a: Any, b: Any) -> Any:
    if not b:
        raise ValueError(f"division by zero: DIV({numbers.numeric_text(a)}, 0)")
    x, y = numbers.scaled(a), numbers.scaled(b)
    quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
    return numbers.unscaled(quotient * 10**9)


def _shift_left(value: int, by: int) -> int:
    if by < 0:
        raise ValueError("Bitwise shift by negative offset.")
    shifted = (value << by) & (2**64 - 1) if by < 64 else 0
    return shifted - 2**64 if shifted >= 2**63 else shifted


def _shift_right(value: int, by: int) -> int:
    if by < 0:
        raise ValueError("Bitwise shift by negative offset.")
    return (value & (2**64 - 1)) >> by if by and by < 64 else (value if by == 0 else 0)


def _raise(message: str) -> Any:
    raise ValueError(message)


def _refuse(what: str) -> Any:
    raise NotImplementedError(what)


# name: (arguments, result, function); types by the letters of _SHORT, a capital S is VARCHAR[]
_PYTHON: dict[str, tuple[str, str, Callable[..., Any]]] = {
    **strings.FUNCTIONS,
    **encodings.FUNCTIONS,
    **regexps.FUNCTIONS,
    **net.FUNCTIONS,
    **calendar.FUNCTIONS,
    **date_formats.FUNCTIONS,
    **floats.FUNCTIONS,
    **formats.FUNCTIONS,
    **cast_formats.FUNCTIONS,
    **json_paths.FUNCTIONS,
    **json_changes.FUNCTIONS,
    **json_values.FUNCTIONS,
    **limits.FUNCTIONS,
    "raise_int": ("s", "i", _raise),
    "raise_float": ("s", "f", _raise),
    "raise_text": ("s", "s", _raise),
    "refuse": ("s", "f", _refuse),
    "top_sums": ("SIi", "I", sequences.top_sums),
    "numeric_to_string": ("n", "s", numbers.numeric_text),
    "numeric_to_float": ("n", "f", float),
    "numeric_to_int": ("n", "i", numbers.numeric_to_int),
    "multiply_numeric": ("nn", "n", numbers.multiply),
    "divide_numeric": ("nn", "n", numbers.divide),
    "round_numeric": ("ni", "n", numbers.round_numeric),
    "round_numeric_by": ("nis", "n", numbers.round_numeric),
    "pow_numeric": ("nn", "n", numbers.power),
    "sqrt_numeric": ("n", "n", numbers.square_root),
    "cbrt_numeric": ("n", "n", numbers.cube_root),
    "exp_numeric": ("n", "n", numbers.exponential),
    "ln_numeric": ("n", "n", numbers.logarithm),
    "log_numeric": ("nn", "n", numbers.logarithm),
    "log10_numeric": ("n", "n", numbers.logarithm10),
    "parse_numeric": ("s", "n", numbers.parse_numeric_loosely),
    "parse_bignumeric": ("s", "s", numbers.parse_bignumeric_loosely),
    "trunc_numeric": ("ni", "n", numbers.truncate_numeric),
    "ceil_numeric": ("n", "n", lambda v: numbers.to_numeric(v.to_integral_value("ROUND_CEILING"))),
    "floor_numeric": ("n", "n", lambda v: numbers.to_numeric(v.to_integral_value("ROUND_FLOOR"))),
    "mod_numeric": ("nn", "n", _mod_numeric),
    "div_numeric": ("nn", "n", _div_numeric),
    "string_to_numeric": ("s", "n", numbers.parse_numeric),
    "bignumeric_to_int": ("s", "i", lambda v: numbers.numeric_to_int(Decimal(v))),
    "float_to_bignumeric": ("f", "s", numbers.float_to_bignumeric),
    "string_to_bignumeric": ("s", "s", numbers.parse_bignumeric),
    "string_to_int": ("s", "i", numbers.parse_int),
    "string_to_float": ("s", "f", numbers.parse_float),
    "string_to_bool": ("s", "b", numbers.parse_bool),
    "float_to_string": ("f", "s", numbers.float_text),
    "float_to_int": ("f", "i", numbers.float_to_int),
    "float_to_numeric": ("f", "n", numbers.float_to_numeric),
    "mod": ("ii", "i", _mod),
    "div": ("ii", "i", _div),
    "shift_left": ("ii", "i", _shift_left),
    "shift_right": ("ii", "i", _shift_right),
    "string_to_date": ("s", "d", civil.parse_date),
    "string_to_datetime": ("s", "t", civil.parse_datetime),
    "string_to_time": ("s", "c", civil.parse_time),
    "string_to_timestamp": ("s", "t", civil.parse_timestamp),
    "string_to_timestamp_zone": ("ss", "t", civil.parse_timestamp),
    "datetime_to_string": ("t", "s", civil.datetime_text),
    "time_to_string": ("c", "s", civil.time_text),
    "timestamp_to_string": ("t", "s", civil.timestamp_text),
    "timestamp_to_string_zone": ("ts", "s", civil.timestamp_text),
    "array_to_string": ("Ss", "s", sequences.array_to_string),
    "array_to_string_null": ("Sss", "s", sequences.array_to_string),
    "array_to_bytes": ("Xx", "x", sequences.array_to_bytes),
    "array_to_bytes_null": ("Xxx", "x", sequences.array_to_bytes),
    "generate_array": ("iii", "I", sequences.generate),
    "generate_array_numeric": ("nnn", "N", sequences.generate_numeric),
    "generate_array_float": ("fff", "F", sequences.generate_float),
}

_VARIADIC = 12


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Register everything; takes about 50 ms."""
    for name, (args, result, function) in _PYTHON.items():
        arrow = _ARROW[_SHORT[result.lower()]]
        kind = _SHORT[result.lower()]
        if result.isupper():
            arrow, kind = pa.list_(arrow), f"{kind}[]"
        parameters: list[Any] = [_SHORT[a.lower()] + ("[]" if a.isupper() else "") for a in args]
        connection.create_function(
            f"bq_{name}",
            _vectorized(function, arrow, len(parameters)),
            parameters,
            kind,
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )
    connection.execute(MACROS)
    # one overload per number of arguments, because macros have no variable number of them
    names = [f"a{i}" for i in range(_VARIADIC)]
    overloads = (f"({', '.join(names[:n])}) AS ({' || '.join(names[:n])})" for n in range(1, _VARIADIC + 1))
    connection.execute(f"CREATE MACRO bq_array_concat{', '.join(overloads)}")


def _vectorized(function: Callable[..., Any], result: pa.DataType, count: int) -> Callable[..., Any]:
    """The function over columns; DuckDB counts the parameters, hence one shape per number."""

    def run(*columns: Any) -> Any:
        rows = zip(*(c.to_pylist() for c in columns), strict=True)
        return pa.array([None if any(v is None for v in row) else function(*row) for row in rows], type=result)

    # DuckDB counts the parameters of the function it is given
    shapes: dict[int, Callable[..., Any]] = {
        1: lambda a: run(a),  # noqa: PLW0108
        2: lambda a, b: run(a, b),  # noqa: PLW0108
        3: lambda a, b, c: run(a, b, c),  # noqa: PLW0108
        4: lambda a, b, c, d: run(a, b, c, d),  # noqa: PLW0108
        5: lambda a, b, c, d, e: run(a, b, c, d, e),  # noqa: PLW0108
        6: lambda a, b, c, d, e, f: run(a, b, c, d, e, f),  # noqa: PLW0108
    }
    return shapes[count]
