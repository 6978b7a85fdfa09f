"""The types that a statement writes, in CAST, constructors and DDL, and the parameters behind them.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types
"""

from __future__ import annotations

from emulators.bigquery.errors import invalid_query, not_implemented
from emulators.bigquery.sql import type_parameters
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.read import syntax as s


def type_of(name: s.TypeName, *, parameters: bool = False) -> t.Type:
    """The type a TypeName spells, less its `parameters`, which are refused unless the caller sees to them.

    Raises invalidQuery for unknown names, notImplemented for parameters.
    """
    kind = t.ALIASES.get(name.name, name.name)
    if kind == "ARRAY":
        assert name.element is not None
        element = type_of(name.element, parameters=parameters)
        if element.kind == "ARRAY":
            raise invalid_query("Arrays of arrays are not supported")
        return t.array_of(element)
    if kind == "STRUCT":
        return t.struct_of([(f.name, type_of(f.type, parameters=parameters)) for f in name.fields])
    if kind not in t.SCALARS:
        if kind in {"GEOGRAPHY", "RANGE"}:
            raise not_implemented(f"the type {kind}")
        raise invalid_query(f"Type not found: {name.name}")
    if name.params and not parameters:
        raise not_implemented(f"type parameters ({kind}({', '.join(name.params)}))")
    return t.Type(kind)


def parameters_of(name: s.TypeName) -> dict[str, str]:
    """The parameters that a type is written with; raises invalidQuery for what it cannot have."""
    if not name.params:
        return {}
    kind = t.ALIASES.get(name.name, name.name)
    if kind not in type_parameters.PARAMETERIZED:
        raise invalid_query(f"{kind} does not support type parameters")
    if kind in {"STRING", "BYTES"} and name.params == ["MAX"]:
        return {}
    names = ("maxLength",) if kind in {"STRING", "BYTES"} else ("precision", "scale")
    if len(name.params) > len(names) or not all(p.isdigit() for p in name.params):
        raise invalid_query(f"{kind} type parameters must be {len(names)} integer(s) at most")
    numbers = dict(zip(names, map(int, name.params), strict=False))
    wrong = type_parameters.fault(kind, numbers)
    if wrong:
        raise invalid_query(wrong)
    return {name: str(number) for name, number in numbers.items()}
