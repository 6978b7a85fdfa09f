"""Compile operators with BigQuery's types and NULL, NaN and overflow rules.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/operators
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulators.bigquery.errors import invalid_query, not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.calls import dates
from emulators.bigquery.sql.compile.expressions import concatenation
from emulators.bigquery.sql.compile.values import Value, coerces, common, common_type, convert
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.tokens import line_and_column

if TYPE_CHECKING:
    from emulators.bigquery.sql.compile.expression_compiler import ExpressionCompiler

_ARITHMETIC = {
    ("+", "INT64"): "({0} + {1})",
    ("-", "INT64"): "({0} - {1})",
    ("*", "INT64"): "({0} * {1})",
    ("+", "NUMERIC"): "({0} + {1})",
    ("-", "NUMERIC"): "({0} - {1})",
    ("*", "NUMERIC"): "bq_multiply_numeric({0}, {1})",
    ("/", "NUMERIC"): "bq_divide_numeric({0}, {1})",
    ("+", "FLOAT64"): "bq_add_float({0}, {1})",
    ("-", "FLOAT64"): "bq_add_float({0}, -({1}))",
    ("*", "FLOAT64"): "bq_multiply_float({0}, {1})",
    ("/", "FLOAT64"): "bq_divide({0}, {1})",
}
# NaN equals nothing and orders against nothing; in DuckDB it equals itself and is the greatest
_FLOAT_COMPARISON = {
    "=": "({0} = {1} AND NOT isnan({0}))",
    "!=": "({0} <> {1} OR isnan({0}))",
    "<": "({0} < {1} AND NOT isnan({1}))",
    ">": "({0} > {1} AND NOT isnan({0}))",
    "<=": "({0} <= {1} AND NOT isnan({0}) AND NOT isnan({1}))",
    ">=": "({0} >= {1} AND NOT isnan({0}) AND NOT isnan({1}))",
}


def unary(c: ExpressionCompiler, node: s.Unary) -> Value:
    """-x, +x, ~x, NOT x."""
    value = c.compile(node.operand)
    if node.op == "NOT":
        if not coerces(value, t.BOOL):
            raise no_operator(c, "NOT", [value], node)
        return replace(convert(value, t.BOOL), sql=f"(NOT {convert(value, t.BOOL).sql})", literal=None, name="")
    if node.op == "~":
        if value.type.kind != "INT64":
            raise no_operator(c, "~", [value], node)
        return Value(f"(~{value.sql})", t.INT64, fragile=value.fragile)
    if value.type.kind == "NULL":
        value = convert(value, t.INT64)
    if value.type.kind not in {"INT64", "NUMERIC", "FLOAT64"}:
        if value.type.kind == "BIGNUMERIC":
            raise not_implemented("arithmetic on BIGNUMERIC")
        raise no_operator(c, node.op, [value], node)
    if node.op == "+":
        return replace(value, name="")
    return Value(f"CAST(-{value.sql} AS {value.type.duck})", value.type, fragile=True)


def binary(c: ExpressionCompiler, node: s.Binary) -> Value:
    """Any infix operator."""
    op = node.op
    if op in {"AND", "OR"}:
        left, right = c.compile(node.left), c.compile(node.right)
        for side in (left, right):
            if not coerces(side, t.BOOL):
                raise no_operator(c, op, [left, right], node)
        return _logical(op, convert(left, t.BOOL), convert(right, t.BOOL))
    if op in {"+", "-"} and (isinstance(node.right, s.Interval) or isinstance(node.left, s.Interval)):
        return dates.plus_interval(c, node)
    left, right = c.compile(node.left), c.compile(node.right)
    if op in _FLOAT_COMPARISON:
        return compare(c, op, left, right, node)
    if op == "||":
        return concatenation.operator(c, left, right, node)
    if op in {"&", "|", "^", "<<", ">>"}:
        return _bits(c, op, left, right, node)
    return _arithmetic(c, op, left, right, node)


def _logical(op: str, left: Value, right: Value) -> Value:
    """AND, OR; what may fail on the right is computed only where the left leaves the answer open.

    DuckDB computes both sides of AND in a SELECT list, and orders the parts of a filter by what they cost.
    """
    if not right.fragile:
        return Value(f"({left.sql} {op} {right.sql})", t.BOOL, fragile=left.fragile)
    decided = f"NOT {left.sql} THEN FALSE" if op == "AND" else f"{left.sql} THEN TRUE"
    return Value(f"CASE WHEN {decided} ELSE ({right.sql} {op} {left.sql}) END", t.BOOL, fragile=True)


def _arithmetic(c: ExpressionCompiler, op: str, left: Value, right: Value, node: s.Binary) -> Value:
    kinds = (left.type.kind, right.type.kind)
    if kinds[0] == "DATE" and op in {"+", "-"} and kinds[1] in {"INT64", "NULL"}:
        sign = "" if op == "+" else "-"
        return Value(f"bq_date_add({left.sql}, {sign}{convert(right, t.INT64).sql}, 'DAY')", t.DATE, fragile=True)
    if op == "+" and kinds[1] == "DATE" and kinds[0] == "INT64":
        return Value(f"bq_date_add({right.sql}, {left.sql}, 'DAY')", t.DATE, fragile=True)
    if op == "-" and kinds[0] == kinds[1] and kinds[0] in {"DATE", "TIMESTAMP", "DATETIME"}:
        raise not_implemented(
            f"{kinds[0]} - {kinds[0]}, which yields an INTERVAL; EXTRACT(DAY FROM …) of DATEs is served"
        )
    kind = common_type([left, right])
    if kind is None or not kind.is_numeric:
        raise no_operator(c, op, [left, right], node)
    if kind.kind == "BIGNUMERIC":
        raise not_implemented("arithmetic on BIGNUMERIC")
    if op == "/" and kind.kind == "INT64":
        kind = t.FLOAT64
        zero = "bq_divide_int({0}, {1})"
        return Value(zero.format(_as(left, t.INT64, c, node), _as(right, t.INT64, c, node)), kind, fragile=True)
    sql = _ARITHMETIC[op, kind.kind].format(_as(left, kind, c, node), _as(right, kind, c, node))
    return Value(sql, kind, fragile=True)


def _as(value: Value, kind: t.Type, c: ExpressionCompiler, node: s.Node) -> str:
    return convert(value, kind, c.analysis.sql, node.pos).sql


def _bits(c: ExpressionCompiler, op: str, left: Value, right: Value, node: s.Binary) -> Value:
    if left.type.kind not in {"INT64", "NULL"} or right.type.kind not in {"INT64", "NULL"}:
        if "BYTES" in {left.type.kind, right.type.kind}:
            raise not_implemented(f"{op} on BYTES")
        raise no_operator(c, op, [left, right], node)
    a, b = convert(left, t.INT64).sql, convert(right, t.INT64).sql
    if op in {"<<", ">>"}:
        name = "bq_shift_left" if op == "<<" else "bq_shift_right"
        return Value(f"{name}({a}, {b})", t.INT64, fragile=True)
    return Value(f"xor({a}, {b})" if op == "^" else f"({a} {op} {b})", t.INT64)


def compare(c: ExpressionCompiler, op: str, left: Value, right: Value, node: s.Node) -> Value:
    """A comparison; both sides coerce to a common type or the analyzer refuses."""
    kind = common_type([left, right])
    if kind is None:
        raise no_operator(c, op, [left, right], node)
    if kind.kind == "BIGNUMERIC":
        raise not_implemented("comparison of BIGNUMERIC")
    if op in {"=", "!="}:
        if kind.kind == "ARRAY" or not kind.groupable:
            raise c.error(
                f"{'Equality' if op == '=' else 'Inequality'} is not defined for arguments of type {kind}", node
            )
        if kind.kind == "STRUCT":
            return _compare_structs(c, op, left, right, kind, node)
    elif not kind.orderable:
        raise c.error(f"Less than is not defined for arguments of type {kind}", node)
    a, b = _as(left, kind, c, node), _as(right, kind, c, node)
    fragile = left.fragile or right.fragile or left.type != right.type
    if kind.kind == "FLOAT64" and not (left.literal or right.literal):
        return Value(_FLOAT_COMPARISON[op].format(a, b), t.BOOL, fragile=fragile)
    if kind.kind == "FLOAT64" and left.literal is None:
        nan = f" {'OR' if op == '!=' else 'AND NOT'} isnan({a})"
        return Value(f"({a} {op} {b}{nan})", t.BOOL, fragile=fragile)
    if kind.kind == "FLOAT64" and right.literal is None:
        nan = f" {'OR' if op == '!=' else 'AND NOT'} isnan({b})"
        return Value(f"({a} {op} {b}{nan})", t.BOOL, fragile=fragile)
    return Value(f"({a} {op} {b})", t.BOOL, fragile=fragile)


def _compare_structs(c: ExpressionCompiler, op: str, left: Value, right: Value, kind: t.Type, node: s.Node) -> Value:
    """Field by field, because NULL fields make the answer NULL, which DuckDB's struct equality does not."""
    parts = []
    for i, (_, field) in enumerate(kind.fields):
        one = [_part(v, i) for v in (left, right)]
        del field
        parts.append(compare(c, op, one[0], one[1], node).sql)
    return Value("(" + (" AND " if op == "=" else " OR ").join(parts) + ")", t.BOOL, fragile=True)


def _part(value: Value, index: int) -> Value:
    if value.items is not None:
        return value.items[index]
    name = value.type.duck_names[index]
    return Value(f"struct_extract({value.sql}, {t.text(name)})", value.type.types[index], parameter=value.parameter)


def is_in(c: ExpressionCompiler, node: s.In) -> Value:
    """IN over a list, a subquery or an array."""
    value = c.compile(node.value)
    prefix = "NOT " if node.negated else ""
    if node.items is not None:
        items = [c.compile(i) for i in node.items]
        if any(common_type([value, item]) is None for item in items):
            given = ", ".join(dict.fromkeys(str(i.type) for i in items))
            raise c.error(
                f"No matching signature for operator IN for argument types {value.type} and {{{given}}}", node
            )
        plain = all(i.type == value.type for i in items) and value.type.kind in {"INT64", "STRING", "DATE"}
        if plain:
            listed = ", ".join(i.sql for i in items)
            return Value(f"({value.sql} {prefix}IN ({listed}))", t.BOOL, fragile=value.fragile)
        tests = [compare(c, "=", value, i, node).sql for i in items]
        return Value(f"({prefix}({' OR '.join(tests)}))", t.BOOL, fragile=True)
    if node.query is not None:
        compiled = c.queries.subquery(node.query, c.scope)
        c.check_correlation(compiled.correlation | ({"="} if compiled.correlation else set()), compiled.tables)
        if len(compiled.columns) != 1:
            raise c.error("Subquery of type IN must have only one output column", node)
        column = compiled.columns[0]
        c.analysis.reads |= column.reads
        element, source, name = column.type, f"({compiled.sql}) AS bq_in", f"bq_in.{column.sql}"
    else:
        assert node.unnest is not None
        array = c.compile(node.unnest)
        if array.type.kind != "ARRAY":
            raise c.error(f"Second argument of IN UNNEST must be an array but was {array.type}", node)
        element = array.type.of
        if (array.items is not None and array.is_literal) or array.parameter:
            kind = t.supertype([(value.type, value.is_literal, value.parameter), (element, True, array.parameter)])
            if kind is not None and kind != element and coerces(array, t.array_of(kind)):
                array = convert(array, t.array_of(kind), c.analysis.sql, node.pos)
                element = kind
        if value.type == element and element.kind in {"INT64", "STRING", "DATE", "TIMESTAMP", "NUMERIC", "BOOL"}:
            sql = f"bq_in_array({value.sql}, {array.sql})"
            return Value(f"({prefix}{sql})", t.BOOL, fragile=value.fragile or array.fragile)
        alias = c.analysis.alias("u")
        source, name = f"UNNEST({array.sql}) AS {alias}(x)", f"{alias}.x"
    inner = Value("x", element)
    kind = common_type([value, inner])
    if kind is None or not kind.groupable or kind.kind in {"STRUCT", "BIGNUMERIC"}:
        if kind is not None and kind.kind == "STRUCT" and _comparable(kind):
            # NULL fields make some comparisons NULL, which DuckDB's IN does not know of
            equal = compare(c, "=", value, Value(name, element), node).sql
            found = f"CASE WHEN bool_or({equal}) THEN TRUE WHEN count(*) = count({equal}) THEN FALSE END"
            return Value(f"({prefix}(SELECT {found} FROM {source}))", t.BOOL, fragile=True)
        if kind is not None and kind.kind in {"STRUCT", "BIGNUMERIC"}:
            raise not_implemented(f"IN over values of type {kind}")
        raise no_operator(c, "IN", [value, inner], node)
    right = convert(Value(name, element), kind).sql
    left = _as(value, kind, c, node)
    return Value(f"({left} {prefix}IN (SELECT {right} FROM {source}))", t.BOOL, fragile=True)


def like(c: ExpressionCompiler, node: s.Like) -> Value:
    """LIKE with backslash escapes."""
    value = c.compile(node.value)
    patterns = [c.compile(p) for p in node.patterns]
    for pattern in patterns:
        if not all(v.type.kind in {"STRING", "NULL"} for v in (value, pattern)):
            if "BYTES" in {value.type.kind, pattern.type.kind}:
                raise not_implemented("LIKE on BYTES")
            raise no_operator(c, "LIKE", [value, pattern], node)
    left = convert(value, t.STRING).sql
    tests = [f"({left} LIKE {_pattern(convert(p, t.STRING))} ESCAPE '\\')" for p in patterns]
    joined = (" AND " if node.quantifier == "ALL" else " OR ").join(tests)
    return Value(f"(NOT ({joined}))" if node.negated else f"({joined})", t.BOOL, fragile=True)


def _pattern(value: Value) -> str:
    """A LIKE pattern; one that ends inside of an escape is an error."""
    wrong = "LIKE pattern ends with a backslash"
    if value.literal is not None:
        if (len(value.literal) - len(value.literal.rstrip("\\"))) % 2:
            raise invalid_query(wrong)
        return value.sql
    return (
        rf"list_transform([{value.sql}], lambda bq_l: CASE WHEN regexp_matches(bq_l, '(^|[^\\])(\\\\)*\\$') "
        f"THEN CAST(bq_raise_int('{wrong}') AS VARCHAR) ELSE bq_l END)[1]"
    )


def is_(c: ExpressionCompiler, node: s.Is) -> Value:
    """IS [NOT] NULL, TRUE, FALSE, DISTINCT FROM."""
    value = c.compile(node.value)
    negation = "NOT " if node.negated else ""
    if node.what == "NULL":
        kind = t.INT64 if value.type.kind == "NULL" else value.type
        return Value(f"({convert(value, kind).sql} IS {negation}NULL)", t.BOOL, fragile=value.fragile)
    if node.what in {"TRUE", "FALSE"}:
        if not coerces(value, t.BOOL):
            raise no_operator(c, f"IS {node.what}", [value], node)
        sql = f"({convert(value, t.BOOL).sql} IS {negation}{node.what})"
        return Value(sql, t.BOOL, fragile=value.fragile)
    assert node.other is not None
    values, kind = common(
        [value, c.compile(node.other)], c.analysis.sql, node.pos, "IS DISTINCT FROM has no common type"
    )
    if not _comparable(kind):
        raise not_implemented(f"IS DISTINCT FROM over {kind}")
    return Value(f"({values[0].sql} IS {negation}DISTINCT FROM {values[1].sql})", t.BOOL, fragile=True)


def _comparable(kind: t.Type) -> bool:
    """Whether DuckDB's equality is BigQuery's, through all fields."""
    if kind.kind == "STRUCT":
        return all(map(_comparable, kind.types))
    return kind.kind not in {"BIGNUMERIC", "ARRAY", "JSON", "GEOGRAPHY"}


def case(c: ExpressionCompiler, node: s.Case) -> Value:
    """CASE; the results have a common supertype."""
    results = [c.compile(r) for _, r in node.whens]
    results.append(c.compile(node.otherwise) if node.otherwise else Value("NULL", t.NULL))
    what = "Result types of CASE have no common supertype"
    converted, kind = common(results, c.analysis.sql, node.pos, what)
    tests = []
    if node.operand is not None:
        operand = c.compile(node.operand)
        tests = [compare(c, "=", operand, c.compile(w), node).sql for w, _ in node.whens]
    else:
        tests = [c.as_type(w, t.BOOL, "CASE condition").sql for w, _ in node.whens]
    arms = " ".join(f"WHEN {w} THEN {r.sql}" for w, r in zip(tests, converted, strict=False))
    return Value(f"CASE {arms} ELSE {converted[-1].sql} END", kind, fragile=True)


def index(c: ExpressionCompiler, node: s.Index) -> Value:
    """array[OFFSET(i)] and its kin; json[i] and json['key']."""
    of = c.compile(node.of)
    if of.type.kind == "JSON" and not node.how:
        key = c.compile(node.index)
        if key.type.kind == "STRING":
            return Value(f"bq_json_field({of.sql}, {key.sql})", t.JSON, fragile=True)
        if key.type.kind == "INT64":
            return Value(f"bq_json_element({of.sql}, {key.sql})", t.JSON, fragile=True)
    if of.type.kind == "STRUCT" and node.how in {"OFFSET", "ORDINAL"}:
        raise not_implemented("struct[OFFSET(…)]")
    if of.type.kind != "ARRAY":
        raise c.error(
            f"Element access using [{node.how or 'INT64'}()] is not supported on values of type {of.type}", node
        )
    position = c.as_type(node.index, t.INT64, "Array position")
    how = node.how or "OFFSET"
    plus = "" if how.endswith("ORDINAL") else " + 1"
    safe = how.startswith("SAFE")
    macro = "bq_array_at_safe" if safe else "bq_array_at"
    return Value(f"{macro}({of.sql}, {position.sql}{plus})", of.type.of, fragile=True)


def no_operator(c: ExpressionCompiler, op: str, values: list[Value], node: s.Node) -> Exception:
    """The analyzer's words for operands that an operator does not take."""
    kinds = [v.type for v in values]
    shape = {"AND": "BOOL", "OR": "BOOL", "NOT": "BOOL"}.get(op)
    where = f" at {line_and_column(c.analysis.sql, node.pos)}"
    signature = f"\n  Signature: {op} ({shape})" if shape else ""
    if op in _FLOAT_COMPARISON:
        listed = ", ".join(str(k) for k in kinds)
        signature = (
            f"\n  Signature: T1 {op} T1\n    Unable to find common supertype for templated argument <T1>\n"
            f"      Input types for <T1>: {{{listed}}}"
        )
    return t.no_signature(f"operator {op}", kinds, signature + where)
