"""BigQuery's types, how they are spelled, stored in DuckDB, and converted implicitly.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types, …/conversion_rules
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from emulators.bigquery.errors import ApiError, invalid_query, not_implemented


@dataclass(frozen=True)
class Type:
    """A type: `kind` in BigQuery's standard spelling; ARRAY has `element`, STRUCT has `fields`.

    A struct field without a name has the name ''.

    >>> str(array_of(struct_of([("key", STRING), ("n", INT64)])))
    'ARRAY<STRUCT<key STRING, n INT64>>'
    """

    kind: str
    element: Type | None = None
    fields: tuple[tuple[str, Type], ...] = ()

    def __str__(self) -> str:
        if self.kind == "ARRAY":
            return f"ARRAY<{self.element}>"
        if self.kind == "STRUCT":
            return f"STRUCT<{', '.join(f'{n} {t}'.strip() for n, t in self.fields)}>"
        return self.kind

    @cached_property
    def duck(self) -> str:
        """The DuckDB type that holds it."""
        if self.kind == "ARRAY":
            return f"{self.of.duck}[]"
        if self.kind == "STRUCT":
            inner = ", ".join(f"{quote(name)} {t.duck}" for name, t in zip(self.duck_names, self.types, strict=True))
            return f"STRUCT({inner})"
        return DUCK[self.kind]

    @property
    def of(self) -> Type:
        """The element type of an array."""
        assert self.element is not None
        return self.element

    @property
    def types(self) -> tuple[Type, ...]:
        """The types of a struct's fields."""
        return tuple(t for _, t in self.fields)

    @cached_property
    def duck_names(self) -> tuple[str, ...]:
        """Distinct field names for DuckDB, which knows neither empty nor repeated ones."""
        seen: set[str] = set()
        names = []
        for i, (name, _) in enumerate(self.fields):
            unique = name if name and name.lower() not in seen else f"_f{i}"
            seen.add(unique.lower())
            names.append(unique)
        return tuple(names)

    def field(self, name: str) -> tuple[int, Type] | None:
        """Index and type of a field by name, case-insensitively; None when absent, an error when ambiguous."""
        found = [(i, t) for i, (n, t) in enumerate(self.fields) if n.lower() == name.lower()]
        if len(found) > 1:
            raise invalid_query(f"Struct field name {name} is ambiguous")
        return found[0] if found else None

    @property
    def is_numeric(self) -> bool:
        """INT64, NUMERIC, BIGNUMERIC or FLOAT64."""
        return self.kind in NUMERIC_RANK

    @property
    def groupable(self) -> bool:
        """Whether GROUP BY, DISTINCT and joins by it are allowed."""
        if self.kind in {"ARRAY", "STRUCT"}:
            return all(t.groupable for t in (self.types if self.kind == "STRUCT" else (self.of,)))
        return self.kind not in {"JSON", "GEOGRAPHY"}

    @property
    def orderable(self) -> bool:
        """Whether ORDER BY, MIN and comparison by < are allowed."""
        return self.kind not in {"ARRAY", "STRUCT", "JSON", "GEOGRAPHY"}


def quote(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A DuckDB string literal."""
    if "\0" in value:
        raise not_implemented("the character U+0000 in SQL text")
    return "'" + value.replace("'", "''") + "'"


INT64, FLOAT64, NUMERIC, BIGNUMERIC = Type("INT64"), Type("FLOAT64"), Type("NUMERIC"), Type("BIGNUMERIC")
STRING, BYTES, BOOL, JSON = Type("STRING"), Type("BYTES"), Type("BOOL"), Type("JSON")
DATE, DATETIME, TIME, TIMESTAMP = Type("DATE"), Type("DATETIME"), Type("TIME"), Type("TIMESTAMP")
INTERVAL = Type("INTERVAL")
NULL = Type("NULL")  # the type of an untyped NULL before it is coerced

DUCK = {
    "INT64": "BIGINT", "FLOAT64": "DOUBLE", "NUMERIC": "DECIMAL(38,9)", "STRING": "VARCHAR", "BYTES": "BLOB",
    "BOOL": "BOOLEAN", "DATE": "DATE", "DATETIME": "TIMESTAMP", "TIME": "TIME", "TIMESTAMP": "TIMESTAMP",
    # BIGNUMERIC has 76 digits, DuckDB 38: kept as canonical text, computed by functions of our own.
    "JSON": "VARCHAR", "BIGNUMERIC": "VARCHAR", "INTERVAL": "STRUCT(m BIGINT, d BIGINT, us BIGINT)", "NULL": "BIGINT",
}  # fmt: skip
NUMERIC_RANK = {"INT64": 0, "NUMERIC": 1, "BIGNUMERIC": 2, "FLOAT64": 3}

ALIASES = {
    "INT": "INT64", "SMALLINT": "INT64", "INTEGER": "INT64", "BIGINT": "INT64", "TINYINT": "INT64", "BYTEINT": "INT64",
    "DECIMAL": "NUMERIC", "BIGDECIMAL": "BIGNUMERIC", "BOOLEAN": "BOOL",
}  # fmt: skip
# Legacy names that the REST API uses in schemas and parameters.
REST_ALIASES = ALIASES | {"FLOAT": "FLOAT64", "RECORD": "STRUCT"}
REST_NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}
SCALARS = frozenset(DUCK) - {"NULL"}


def array_of(element: Type) -> Type:
    """ARRAY<element>."""
    return Type("ARRAY", element)


def struct_of(fields: list[tuple[str, Type]]) -> Type:
    """STRUCT of named fields."""
    return Type("STRUCT", None, tuple(fields))


def coerces(source: Type, target: Type, *, literal: bool = False, parameter: bool = False) -> bool:
    """Whether a value of `source` becomes `target` without a cast.

    `literal` and `parameter` widen the rules (conversion rules, "Literal coercion", "Parameter coercion").
    """
    if source == target or source.kind == "NULL":
        return True
    if source.kind in NUMERIC_RANK and target.kind in NUMERIC_RANK:
        if literal and source.kind == "FLOAT64" and target.kind in {"NUMERIC", "BIGNUMERIC"}:
            return True
        return NUMERIC_RANK[source.kind] < NUMERIC_RANK[target.kind]
    if source.kind == "STRING" and (literal or parameter):
        if literal and target.kind == "BYTES":
            return False
        return target.kind in {"DATE", "DATETIME", "TIME", "TIMESTAMP"}
    if source.kind == "DATE":
        return target.kind == "DATETIME"
    if source.kind == target.kind == "ARRAY":
        return coerces(source.of, target.of, literal=literal, parameter=parameter)
    if source.kind == target.kind == "STRUCT":
        return len(source.fields) == len(target.fields) and all(
            coerces(a, b, literal=literal, parameter=parameter) for a, b in zip(source.types, target.types, strict=True)
        )
    return False


def supertype(types: list[tuple[Type, bool, bool]]) -> Type | None:
    """The type that all of (type, is literal, is parameter) coerce to; None when there is none.

    >>> supertype([(INT64, False, False), (NUMERIC, False, False)])
    Type(kind='NUMERIC', element=None, fields=())
    """
    solid = [t for t, literal, parameter in types if t.kind != "NULL" and not literal and not parameter]
    known = [t for t, _, _ in types if t.kind != "NULL"]
    if not known:
        return NULL if types else None
    candidates = list(dict.fromkeys([*solid, *known]))
    widened = [_merge(candidates)] if _merge(candidates) else []
    for candidate in [*candidates, *[w for w in widened if w]]:
        if candidate and all(coerces(t, candidate, literal=lit, parameter=par) for t, lit, par in types):
            return _named_as(candidate, known[0])
    return None


def _named_as(kind: Type, first: Type) -> Type:
    """The struct with the field names of the first of its kind, which are the ones that count."""
    if kind.kind != "STRUCT" or first.kind != "STRUCT":
        return kind
    return struct_of([(name, field) for (name, _), field in zip(first.fields, kind.types, strict=True)])


def _merge(types: list[Type]) -> Type | None:
    """A common type of structs or arrays that differ in their parts."""
    first = types[0]
    if len({t.kind for t in types}) != 1:
        kinds = {t.kind for t in types}
        return max(types, key=lambda t: NUMERIC_RANK[t.kind]) if kinds <= set(NUMERIC_RANK) else None
    if first.kind == "ARRAY":
        inner = supertype([(t.of, False, False) for t in types])
        return array_of(inner) if inner else None
    if first.kind == "STRUCT":
        if len({len(t.fields) for t in types}) != 1:
            return None
        parts = [supertype([(t.types[i], False, False) for t in types]) for i in range(len(first.fields))]
        names = [name for name, _ in first.fields]
        if any(p is None for p in parts):
            return None
        return struct_of([(n, p) for n, p in zip(names, parts, strict=True) if p])
    return None


def no_signature(what: str, args: list[Type], where: str) -> ApiError:
    """`No matching signature for …`, as the analyzer words it."""
    kinds = ", ".join(str(t) if t.kind != "NULL" else "NULL" for t in args)
    return invalid_query(f"No matching signature for {what} for argument types: {kinds}{where}")
