"""Compile aggregate functions.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/aggregate_functions,
…/approximate_aggregate_functions, …/statistical_aggregate_functions
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.ordering import order_key, order_sql
from emulators.bigquery.sql.compile.values import Value, coerces, convert
from emulators.bigquery.sql.read import syntax as s

_STATISTICS = {
    "STDDEV": "stddev_samp", "STDDEV_SAMP": "stddev_samp", "STDDEV_POP": "stddev_pop", "VARIANCE": "var_samp",
    "VAR_SAMP": "var_samp", "VAR_POP": "var_pop",
}  # fmt: skip
_PAIRS = {"CORR": "corr", "COVAR_POP": "covar_pop", "COVAR_SAMP": "covar_samp"}


def _plain(c: Compiling, node: s.Call, *allowed: str) -> None:
    """Refuse the modifiers that this aggregate does not take."""
    given = {
        "DISTINCT": node.distinct, "*": node.star, "NULLS": node.nulls is not None, "ORDER BY": bool(node.order),
        "LIMIT": node.limit is not None, "HAVING": node.having is not None,
    }  # fmt: skip
    for name, present in given.items():
        if present and name not in allowed:
            if name == "HAVING":
                raise not_implemented(f"{node.name} with HAVING MAX or MIN")
            raise c.error(f"{name} is not supported by the function {node.name}", node)


def _one(c: Compiling, node: s.Call, count: int = 1) -> list[Value]:
    if len(node.args) != count:
        raise c.error(f"Number of arguments does not match for aggregate function {node.name}", node)
    return [c.compile(a) for a in node.args]


def number(c: Compiling, node: s.Call, value: Value) -> Value:
    """The value when it is a number; raises invalidQuery when it is none, notImplemented for a BIGNUMERIC."""
    if value.type.kind == "NULL":
        return convert(value, t.INT64)
    if value.type.kind == "BIGNUMERIC":
        raise not_implemented(f"{node.name} of BIGNUMERIC")
    if not value.type.is_numeric:
        raise no_match(c, node, [value])
    return value


def no_match(c: Compiling, node: s.Call, values: list[Value]) -> Exception:
    """An invalidQuery that names the types given."""
    given = ", ".join(str(v.type) for v in values)
    return c.error(f"No matching signature for aggregate function {node.name} for argument types: {given}", node)


def _count(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node, "DISTINCT", "*")
    if node.star:
        return Value(f"count(*){over}", t.INT64)
    value = _one(c, node)[0]
    if node.distinct and not value.type.groupable:
        raise c.error(f"Aggregate functions with DISTINCT cannot be used with arguments of type {value.type}", node)
    return Value(f"count({'DISTINCT ' if node.distinct else ''}{value.sql}){over}", t.INT64)


def _sum(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node, "DISTINCT")
    value = number(c, node, _one(c, node)[0])
    distinct = "DISTINCT " if node.distinct else ""
    if value.type.kind == "INT64":
        return Value(f"CAST(sum({distinct}{value.sql}){over} AS BIGINT)", t.INT64, fragile=True)
    return Value(f"sum({distinct}{value.sql}){over}", value.type, fragile=True)


def _avg(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node, "DISTINCT")
    value = number(c, node, _one(c, node)[0])
    distinct = "DISTINCT " if node.distinct else ""
    if value.type.kind == "NUMERIC":
        total, count = f"sum({distinct}{value.sql}){over}", f"count({distinct}{value.sql}){over}"
        return Value(f"bq_divide_numeric({total}, CAST(NULLIF({count}, 0) AS DECIMAL(38,9)))", t.NUMERIC, fragile=True)
    sql = convert(replace(value, literal=None), t.FLOAT64).sql
    return Value(f"avg({distinct}{sql}){over}", t.FLOAT64, fragile=True)


def _extreme(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node, "DISTINCT")
    value = _one(c, node)[0]
    value = convert(value, t.INT64) if value.type.kind == "NULL" else value
    if not value.type.orderable:
        raise c.error(f"{node.name} is not defined for arguments of type {value.type}", node)
    if value.type.kind == "BIGNUMERIC":
        raise not_implemented(f"{node.name} of BIGNUMERIC")
    sql = f"{node.name.lower()}({value.sql}){over}"
    if value.type.kind == "FLOAT64":  # NaN wins both in BigQuery; in DuckDB it is the greatest
        sql = f"CASE WHEN bool_or(isnan({value.sql})){over} THEN CAST('nan' AS DOUBLE) ELSE {sql} END"
    return Value(sql, value.type)


def _logical(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node, *(["DISTINCT"] if node.name == "COUNTIF" else []))
    if len(node.args) != 1:
        raise c.error(f"Number of arguments does not match for aggregate function {node.name}", node)
    value = c.as_type(node.args[0], t.BOOL, node.name)
    if node.name == "COUNTIF":
        distinct = "DISTINCT " if node.distinct else ""
        return Value(f"count({distinct}CASE WHEN {value.sql} THEN 1 END){over}", t.INT64)
    name = {"LOGICAL_AND": "bool_and", "LOGICAL_OR": "bool_or"}[node.name]
    return Value(f"{name}({value.sql}){over}", t.BOOL)


def _any_value(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node, "HAVING")
    value = _one(c, node)[0]
    value = convert(value, t.INT64) if value.type.kind == "NULL" else value
    if node.having is not None:
        key = c.compile(node.having[1])
        name = "arg_max" if node.having[0] == "MAX" else "arg_min"
        return Value(f"{name}_null({value.sql}, {key.sql}){over}", value.type)
    # the first row's value, NULL or not, like the service, whose choice is free
    return Value(f"any_value({value.sql}){over}", value.type)


def _by(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node)
    value, key = _one(c, node, 2)
    if not key.type.orderable or key.type.kind == "BIGNUMERIC":
        raise no_match(c, node, [value, key])
    name = "arg_max_null" if node.name == "MAX_BY" else "arg_min_null"
    return Value(f"{name}({value.sql}, {key.sql}){over}", value.type)


def _statistic(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node, "DISTINCT")
    if node.name in _PAIRS:
        values = [convert(number(c, node, v), t.FLOAT64) for v in _one(c, node, 2)]
        return Value(f"{_PAIRS[node.name]}({values[0].sql}, {values[1].sql}){over}", t.FLOAT64, fragile=True)
    value = number(c, node, _one(c, node)[0])
    distinct = "DISTINCT " if node.distinct else ""
    sql = convert(replace(value, literal=None), t.FLOAT64).sql
    return Value(f"{_STATISTICS[node.name]}({distinct}{sql}){over}", t.FLOAT64, fragile=True)


def _ordered(c: Compiling, node: s.Call) -> str:
    return f" ORDER BY {order_sql(c, node.order)}" if node.order else ""


def _limited(c: Compiling, node: s.Call, sql: str) -> str:
    if node.limit is None:
        return sql
    limit = c.as_type(node.limit, t.INT64, "LIMIT")
    return f"({sql})[:{limit.sql}]"


def _array_agg(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node, "DISTINCT", "NULLS", "ORDER BY", "LIMIT")
    value = _one(c, node)[0]
    value = convert(value, t.INT64) if value.type.kind == "NULL" else value
    if value.type.kind == "ARRAY":
        raise c.error("The argument to ARRAY_AGG must not be an array type but was " + str(value.type), node)
    keep = f" FILTER (WHERE {value.sql} IS NOT NULL)" if node.nulls == "IGNORE" else ""
    distinct = "DISTINCT " if node.distinct else ""
    sql = f"list({distinct}{value.sql}{_ordered(c, node)}){keep}{over}"
    return Value(_limited(c, node, sql), t.array_of(value.type), fragile=True)


def _array_concat_agg(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node, "ORDER BY", "LIMIT")
    value = _one(c, node)[0]
    if value.type.kind != "ARRAY":
        raise no_match(c, node, [value])
    inner = f"list({value.sql}{_ordered(c, node)}) FILTER (WHERE {value.sql} IS NOT NULL){over}"
    return Value(f"flatten({_limited(c, node, inner)})", value.type, fragile=True)


def _string_agg(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node, "DISTINCT", "ORDER BY", "LIMIT")
    if not 1 <= len(node.args) <= 2:
        raise c.error("Number of arguments does not match for aggregate function STRING_AGG", node)
    value = c.compile(node.args[0])
    kind = t.BYTES if value.type.kind == "BYTES" else t.STRING
    if not coerces(value, kind):
        raise no_match(c, node, [value])
    value = convert(value, kind)
    separator = "','" if kind == t.STRING else "from_hex('2c')"
    if len(node.args) == 2:
        separator = c.as_type(node.args[1], kind, "STRING_AGG separator").sql
    if node.distinct or node.limit is not None or over or kind == t.BYTES:
        distinct = "DISTINCT " if node.distinct else ""
        keep = f" FILTER (WHERE {value.sql} IS NOT NULL)"
        parts = _limited(c, node, f"list({distinct}{value.sql}{_ordered(c, node)}){keep}{over}")
        return Value(f"bq_join{'_bytes' if kind == t.BYTES else ''}({parts}, {separator})", kind)
    return Value(f"string_agg({value.sql}, {separator}{_ordered(c, node)}){over}", t.STRING)


def _approximate(c: Compiling, node: s.Call, over: str) -> Value:
    """Approximate aggregates are computed exactly: an exact answer is one of those allowed."""
    if node.name == "APPROX_COUNT_DISTINCT":
        _plain(c, node)
        value = _one(c, node)[0]
        return Value(f"count(DISTINCT {value.sql}){over}", t.INT64)
    if over:
        raise not_implemented(f"{node.name} with OVER")
    _plain(c, node, *(["DISTINCT", "NULLS"] if node.name == "APPROX_QUANTILES" else []))
    values = _one(c, node, 3 if node.name == "APPROX_TOP_SUM" else 2)
    if values[-1].type.kind != "INT64":
        raise no_match(c, node, values)
    return _APPROXIMATE[node.name](c, node, values)


def _quantiles(c: Compiling, node: s.Call, values: list[Value]) -> Value:
    """APPROX_QUANTILES(x, n): the least, n - 1 values in between, the greatest; NULLs are left out or the least."""
    value, number = values
    if not value.type.orderable or value.type.kind in {"BIGNUMERIC", "NULL"}:
        raise not_implemented(f"APPROX_QUANTILES of {value.type}")
    key = order_key(value, s.OrderItem(node.pos, node.args[0]), c)
    if node.distinct and value.type.kind == "FLOAT64":
        raise not_implemented("APPROX_QUANTILES(DISTINCT …) of FLOAT64")
    keep = "" if node.nulls == "RESPECT" else f" FILTER (WHERE {value.sql} IS NOT NULL)"
    listed = f"list({'DISTINCT ' if node.distinct else ''}{value.sql} ORDER BY {key}){keep}"
    return Value(f"bq_quantiles({listed}, {number.sql})", t.array_of(value.type), fragile=True)


def _top_count(c: Compiling, node: s.Call, values: list[Value]) -> Value:
    """APPROX_TOP_COUNT(x, n): the most frequent values, NULL among them."""
    value, number = values
    if not value.type.groupable:
        raise no_match(c, node, values)
    kind = t.struct_of([("value", value.type), ("count", t.INT64)])
    return Value(
        f"bq_top_count(histogram(struct_pack(v := {value.sql})), {number.sql})", t.array_of(kind), fragile=True
    )


def _top_sum(c: Compiling, node: s.Call, values: list[Value]) -> Value:
    """APPROX_TOP_SUM(x, weight, n): the values with the greatest sums of INT64 weights."""
    value, weight, number = values
    if not value.type.groupable or not weight.type.is_numeric:
        raise no_match(c, node, values)
    if weight.type.kind != "INT64" or value.type.kind in {"STRUCT", "ARRAY"}:
        raise not_implemented(f"APPROX_TOP_SUM of {value.type} with weights of type {weight.type}")
    kind = t.struct_of([("value", value.type), ("sum", t.INT64)])
    texts, weights = f"list(CAST({value.sql} AS VARCHAR))", f"list({weight.sql})"
    packed = f"struct_pack(l := list({value.sql}), f := bq_top_sums({texts}, {weights}, {number.sql}))"
    pair = "struct_pack(value := bq_t.l[bq_t.f[i]], sum := bq_t.f[i + 1])"
    pairs = f"list_transform(range(1, len(bq_t.f), 2), lambda i: {pair})"
    return Value(f"list_transform([{packed}], lambda bq_t: {pairs})[1]", t.array_of(kind), fragile=True)


_APPROXIMATE = {"APPROX_QUANTILES": _quantiles, "APPROX_TOP_COUNT": _top_count, "APPROX_TOP_SUM": _top_sum}


def _bits(c: Compiling, node: s.Call, over: str) -> Value:
    _plain(c, node, "DISTINCT")
    value = _one(c, node)[0]
    if value.type.kind != "INT64":
        raise no_match(c, node, [value])
    return Value(f"{node.name.lower()}({'DISTINCT ' if node.distinct else ''}{value.sql}){over}", t.INT64)


def _grouping(c: Compiling, node: s.Call, _over: str) -> Value:
    _plain(c, node)
    return Value(f"CAST(grouping({_one(c, node)[0].sql}) AS BIGINT)", t.INT64)


AGGREGATES: dict[str, Callable[[Compiling, s.Call, str], Value]] = {
    "COUNT": _count, "SUM": _sum, "AVG": _avg, "MIN": _extreme, "MAX": _extreme, "COUNTIF": _logical,
    "LOGICAL_AND": _logical, "LOGICAL_OR": _logical, "ANY_VALUE": _any_value, "MAX_BY": _by, "MIN_BY": _by,
    **dict.fromkeys([*_STATISTICS, *_PAIRS], _statistic),
    "ARRAY_AGG": _array_agg, "ARRAY_CONCAT_AGG": _array_concat_agg, "STRING_AGG": _string_agg,
    **dict.fromkeys(["APPROX_COUNT_DISTINCT", *_APPROXIMATE], _approximate),
    "BIT_AND": _bits, "BIT_OR": _bits, "BIT_XOR": _bits, "GROUPING": _grouping,
}  # fmt: skip


def aggregate(c: Compiling, node: s.Call) -> Value:
    """An aggregate call without OVER."""
    if node.safe:
        raise not_implemented(f"SAFE.{node.name}")
    if c.in_aggregate:
        raise c.error("Aggregations of aggregations are not allowed", node)
    if c.clause in {"WHERE", "JOIN ON"}:
        raise c.error(f"Aggregate function {node.name} not allowed in {c.clause} clause", node)
    c.has_aggregate = True
    c.in_aggregate = True
    try:
        return replace(AGGREGATES[node.name](c, node, ""), name="", aggregate=True)
    finally:
        c.in_aggregate = False
