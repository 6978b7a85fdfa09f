"""Parameterized types of columns and casts: STRING(L), BYTES(L), NUMERIC(P[, S]), BIGNUMERIC(P[, S]).

They are no types of their own: expressions know nothing of them, only what is written and what is cast is held to them.
In a REST field they are `maxLength`, `precision` and `scale`, 64-bit numbers and so text.
Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#parameterized_data_types,
…/docs/reference/rest/v2/tables#TableFieldSchema
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from emulators.bigquery.errors import invalid, invalid_query
from emulators.bigquery.functions import limits
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.read import syntax as s

NAMES = ("maxLength", "precision", "scale")
# Most digits before the point, and after it.
_DIGITS = {"NUMERIC": (29, 9), "BIGNUMERIC": (38, 38)}
_LIMITS: dict[str, Callable[..., Any]] = {
    "STRING": limits.text, "BYTES": limits.octets, "NUMERIC": limits.numeric, "BIGNUMERIC": limits.bignumeric,
}  # fmt: skip


def checked(field: dict[str, Any], kind: str) -> dict[str, str]:
    """The parameters of a REST field in canonical form; raises invalid for what its type cannot have."""
    given = {name: field[name] for name in NAMES if field.get(name) not in (None, "")}
    try:
        numbers = {name: int(value) for name, value in given.items()}
    except (TypeError, ValueError):
        raise invalid(f"Invalid value for {next(iter(given))} of field {field['name']}: it must be a number") from None
    fault = _fault(kind, numbers)
    if fault:
        raise invalid(f"Invalid type parameters of field {field['name']}: {fault}")
    return {name: str(number) for name, number in numbers.items()}


def of(name: s.TypeName) -> dict[str, str]:
    """The parameters that a type is written with; raises invalidQuery for what it cannot have."""
    if not name.params:
        return {}
    kind = t.ALIASES.get(name.name, name.name)
    if kind not in _LIMITS:
        raise invalid_query(f"{kind} does not support type parameters")
    if kind in {"STRING", "BYTES"} and name.params == ["MAX"]:
        return {}
    names = ("maxLength",) if kind in {"STRING", "BYTES"} else ("precision", "scale")
    if len(name.params) > len(names) or not all(p.isdigit() for p in name.params):
        raise invalid_query(f"{kind} type parameters must be {len(names)} integer(s) at most")
    numbers = dict(zip(names, map(int, name.params), strict=False))
    fault = _fault(kind, numbers)
    if fault:
        raise invalid_query(fault)
    return {name: str(number) for name, number in numbers.items()}


def _fault(kind: str, numbers: dict[str, int]) -> str:
    """What is wrong with parameters of a type; empty when nothing is."""
    if not numbers:
        return ""
    if kind in {"STRING", "BYTES"}:
        if set(numbers) != {"maxLength"}:
            return f"{kind} has a maximum length, no precision or scale"
        return "" if numbers["maxLength"] > 0 else f"{kind} length must be greater than 0"
    if kind not in _DIGITS or "maxLength" in numbers:
        return f"{kind} does not support {', '.join(numbers)}"
    before, after = _DIGITS[kind]
    precision, scale = numbers.get("precision"), numbers.get("scale", 0)
    if precision is None:
        return "scale cannot be set without precision"
    if not 0 <= scale <= after:
        return f"In {kind}(P, S), S must be between 0 and {after}"
    if not max(1, scale) <= precision <= scale + before:
        return f"In {kind}(P, {scale}), P must be between {max(1, scale)} and {scale + before}"
    return ""


def differ(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a field names other parameters than the column has; one that names none leaves them as they are."""
    return any(name in new for name in NAMES) and any(old.get(name) != new.get(name) for name in NAMES)


# To what a column's type may be changed: data-definition-language page, "ALTER COLUMN SET DATA TYPE".
_WIDER = {"INT64": {"NUMERIC", "BIGNUMERIC", "FLOAT64"}, "NUMERIC": {"BIGNUMERIC", "FLOAT64"}}
# Digits that every value of a type fits into, before and after the point.
_NEEDED = {"INT64": (19, 0), "NUMERIC": (29, 9), "BIGNUMERIC": (39, 38)}


def holds(old_kind: str, old: dict[str, Any], new_kind: str, new: dict[str, str]) -> bool:
    """Whether a column of the type `new` can take every value of the one that is `old`."""
    if old_kind != new_kind and new_kind not in _WIDER.get(old_kind, ()):
        return False
    if not new:
        return True
    if "maxLength" in new:
        return "maxLength" in old and int(old["maxLength"]) <= int(new["maxLength"])
    before, after = _NEEDED[old_kind]
    if "precision" in old:
        after = int(old.get("scale", 0))
        before = int(old["precision"]) - after
    scale = int(new.get("scale", 0))
    return after <= scale and before <= int(new["precision"]) - scale


def spelled(field: dict[str, Any], kind: t.Type) -> str:
    """A column's type as INFORMATION_SCHEMA shows it: STRING(10), ARRAY<NUMERIC(5, 2)>."""
    if kind.kind == "ARRAY":
        return f"ARRAY<{spelled(field, kind.of)}>"
    if kind.kind == "STRUCT":
        parts = zip(field["fields"], kind.fields, strict=True)
        return f"STRUCT<{', '.join(f'{name} {spelled(inner, one)}' for inner, (name, one) in parts)}>"
    given = [field[name] for name in NAMES if name in field]
    return f"{kind}({', '.join(given)})" if given else str(kind)


def limit(field: dict[str, Any]) -> Callable[[Any], Any] | None:
    """What holds one value of a scalar column to its parameters (ValueError, or the value, rounded); None without."""
    length, precision = field.get("maxLength"), field.get("precision")
    check = _LIMITS.get(field["type"])
    if check is None or not (length or precision):
        return None
    numbers = (int(length),) if length else (int(str(precision)), int(field.get("scale", 0)))
    return lambda value: check(value, *numbers)


def cast(kind: t.Type, parameters: dict[str, str], sql: str) -> str:
    """DuckDB text of a value of `kind`, held to the parameters of the type it is cast to."""
    if not parameters:
        return sql
    numbers = [parameters["maxLength"]] if "maxLength" in parameters else [parameters["precision"],
                                                                           parameters.get("scale", "0")]  # fmt: skip
    return f"bq_limit_{kind.kind.lower()}({sql}, {', '.join(numbers)})"


def enforced(rows: pa.Table, fields: list[dict[str, Any]]) -> pa.Table:
    """The rows as a table of these fields takes them; raises invalidQuery for a value that does not fit."""
    for index, field in enumerate(fields):
        hold = _holder(field)
        if hold is None:
            continue
        column = rows.column(index)
        try:
            held = pa.array([hold(value) for value in column.to_pylist()], column.type)
        except ValueError as error:
            raise invalid_query(f"{error} in column {field['name']}") from None
        rows = rows.set_column(index, rows.schema.field(index), held)
    return rows


def _holder(field: dict[str, Any]) -> Callable[[Any], Any] | None:
    """What holds one cell to its column's parameters, inside arrays and records too; None where there are none."""
    one = limit(field)
    if field["type"] == "RECORD":
        inner = {f["name"]: hold for f in field["fields"] if (hold := _holder(f)) is not None}
        if inner:

            def record(value: dict[str, Any]) -> dict[str, Any]:
                return value | {name: hold(value[name]) for name, hold in inner.items()}

            one = record
    if one is None:
        return None
    single = one
    if field.get("mode") == "REPEATED":
        return lambda cell: None if cell is None else [None if value is None else single(value) for value in cell]
    return lambda cell: None if cell is None else single(cell)
