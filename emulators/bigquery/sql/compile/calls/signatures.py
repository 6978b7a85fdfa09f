"""Choose the overload of a function from a table of one-line signatures.

A signature reads `argument types -> result type : DuckDB template`: `T` is any type (the same everywhere),
`T[]` an array of it, `*` after the last type any number of them, `?` an optional argument (which then needs a
signature of its own for its template). `{0}` is the first argument, `{*}` all of them; `!what` refuses the overload.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from emulators.bigquery.errors import ApiError, invalid_query, not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.calls import native_regexps
from emulators.bigquery.sql.compile.expressions.safe import tried
from emulators.bigquery.sql.compile.values import Value, closed, coerces, convert, open_type
from emulators.bigquery.sql.read.tokens import line_and_column

_DECIMAL = {"NUMERIC", "BIGNUMERIC"}


@dataclass(frozen=True)
class Signature:
    """One overload."""

    args: tuple[str, ...]
    variadic: bool
    result: str
    template: str


@cache
def read(line: str) -> Signature:
    """One line of the table.

    >>> read("STRING, INT64* -> STRING : f({*})").args
    ('STRING', 'INT64')
    """
    match = re.fullmatch(r"\s*(.*?)\s*->\s*(\S+)\s*:\s*(.*)", line, re.DOTALL)
    assert match is not None, line
    args, result, template = match.groups()
    variadic = args.endswith("*")
    names = tuple(a.strip() for a in args.rstrip("*").split(",") if a.strip())
    return Signature(names, variadic, result, template)


def choose(name: str, lines: tuple[str, ...], values: list[Value], sql: str, pos: int) -> Value:
    """The call compiled by the first overload that fits exactly, or else by coercion.

    A literal such as 0.5 is a FLOAT64: overloads that make it a NUMERIC come last, unless another argument is one.
    """
    signatures = [read(line) for line in lines]
    decimal = any(v.type.kind in _DECIMAL for v in values)
    for exact, rounding in ((True, False), (False, decimal), (False, True)):
        for signature in signatures:
            kinds = _fit(signature, values, exact=exact)
            if kinds is None or (not rounding and _rounds(values, kinds[0])):
                continue
            if _loses_digits(values, kinds[0], signatures):
                raise not_implemented(f"{name} over BIGNUMERIC")
            if signature.template.startswith("!"):
                raise not_implemented(signature.template[1:])
            converted = [convert(v, k, sql, pos) for v, k in zip(values, kinds[0], strict=True)]
            arguments = [c.sql for c in converted]
            if signature.template.startswith("TRY("):
                sql = tried(arguments, lambda parts, form=signature.template: render(form[4:-1], parts))  # type: ignore[misc]
                return Value(sql, kinds[1], fragile=any(c.fragile for c in converted))
            said = native_regexps.said(name, converted)
            return Value(said or render(signature.template, arguments), kinds[1], fragile=True)
    unsure = _beyond_the_table(values, signatures)
    if unsure:
        raise not_implemented(f"{name} {unsure}")
    raise no_match(name, values, sql, pos, signatures)


def _beyond_the_table(values: list[Value], signatures: list[Signature]) -> str:
    """Why BigQuery may have an overload that the table has not; '' when the call is wrong for sure."""
    most = max(len(s.args) for s in signatures)
    if len(values) > most and not any(s.variadic for s in signatures):
        return f"with {len(values)} arguments"
    kinds = {v.type.kind for v in values} & {"BYTES", "BIGNUMERIC", "JSON"}
    return f"over {sorted(kinds)[0]}" if kinds else ""


def no_match(name: str, values: list[Value], sql: str, pos: int, signatures: list[Signature]) -> ApiError:
    """`No matching signature for function …` with what was given and what would be right."""
    given = ", ".join("NULL" if v.type.kind == "NULL" else str(v.type) for v in values)
    shapes = "\n".join(f"  Signature: {name}({', '.join(s.args)}{', ...' if s.variadic else ''})" for s in signatures)
    return invalid_query(
        f"No matching signature for function {name}\n  Argument types: {given}\n{shapes} at {line_and_column(sql, pos)}"
    )


def render(template: str, args: list[str]) -> str:
    """Put arguments into a template.

    >>> render("f({1}, {0}, {*})", ["a", "b"])
    'f(b, a, a, b)'
    """
    return re.sub(r"\{(\d+|\*)\}", lambda m: ", ".join(args) if m[1] == "*" else args[int(m[1])], template)


def _fit(signature: Signature, values: list[Value], *, exact: bool) -> tuple[list[t.Type], t.Type] | None:
    shapes = list(signature.args)
    if signature.variadic:
        if len(values) < len(shapes):
            return None
        shapes += [shapes[-1]] * (len(values) - len(shapes))
    if len(shapes) != len(values):
        return None
    bound: t.Type | None = None
    if any(s in {"T", "T[]"} for s in shapes):
        bound = _bind(shapes, values)
        if bound is None:
            return None
    kinds = []
    for shape, value in zip(shapes, values, strict=True):
        kind = _named(shape, bound)
        if exact and value.type not in (kind, t.NULL):
            return None
        if not exact and not coerces(value, kind):
            return None
        kinds.append(kind)
    return kinds, _named(signature.result, bound)


def _rounds(values: list[Value], kinds: list[t.Type]) -> bool:
    """Whether a FLOAT64 literal becomes a decimal."""
    return any(v.type == t.FLOAT64 and k.kind in _DECIMAL for v, k in zip(values, kinds, strict=True))


def _loses_digits(values: list[Value], kinds: list[t.Type], signatures: list[Signature]) -> bool:
    """Whether a BIGNUMERIC becomes a FLOAT64 where BigQuery has an overload of decimals."""
    floats = any(v.type.kind == "BIGNUMERIC" and k.kind == "FLOAT64" for v, k in zip(values, kinds, strict=True))
    return floats and any("NUMERIC" in s.args for s in signatures)


def _named(shape: str, bound: t.Type | None) -> t.Type:
    if shape.endswith("[]"):
        return t.array_of(_named(shape[:-2], bound))
    if shape == "T":
        assert bound is not None
        return bound
    return t.Type(shape)


def _bind(shapes: list[str], values: list[Value]) -> t.Type | None:
    parts: list[tuple[t.Type, bool, bool]] = []
    for shape, value in zip(shapes, values, strict=True):
        if shape == "T":
            parts.append((open_type(value), value.is_literal, value.parameter))
        elif shape == "T[]":
            if value.type.kind == "ARRAY":
                parts.append((open_type(value).of, value.is_literal, value.parameter))
            elif value.type.kind != "NULL":
                return None
    kind = t.supertype(parts) if parts else t.NULL
    return kind and closed(kind)
