"""Parameterized types of columns and casts: STRING(L), BYTES(L), NUMERIC(P[, S]), BIGNUMERIC(P[, S]).

They are no types of their own: expressions know nothing of them, only what is written and what is cast is held to them.
In a REST field they are `maxLength`, `precision` and `scale`, 64-bit numbers and so text.
Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#parameterized_data_types,
…/docs/reference/rest/v2/tables#TableFieldSchema
"""

from __future__ import annotations

from typing import Any

from emulators.bigquery.errors import invalid
from emulators.bigquery.sql import types as t

NAMES = ("maxLength", "precision", "scale")
# The types that can have parameters.
PARAMETERIZED = frozenset({"STRING", "BYTES", "NUMERIC", "BIGNUMERIC"})
# Most digits before the point, and after it.
_DIGITS = {"NUMERIC": (29, 9), "BIGNUMERIC": (38, 38)}


def checked(field: dict[str, Any], kind: str) -> dict[str, str]:
    """The parameters of a REST field in canonical form; raises invalid for what its type cannot have."""
    given = {name: field[name] for name in NAMES if field.get(name) not in (None, "")}
    try:
        numbers = {name: int(value) for name, value in given.items()}
    except (TypeError, ValueError):
        raise invalid(f"Invalid value for {next(iter(given))} of field {field['name']}: it must be a number") from None
    wrong = fault(kind, numbers)
    if wrong:
        raise invalid(f"Invalid type parameters of field {field['name']}: {wrong}")
    return {name: str(number) for name, number in numbers.items()}


def fault(kind: str, numbers: dict[str, int]) -> str:
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
