"""Compile the JSON functions whose types or arguments need more than a signature.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions
"""

from __future__ import annotations

from collections.abc import Callable

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.calls.arguments import arity, named_argument, typed
from emulators.bigquery.sql.compile.calls.signatures import choose
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.values import Value, convert
from emulators.bigquery.sql.read import syntax as s


def _to_json_text(value: Value, stringify: str = "FALSE") -> str:
    """DuckDB text of a value as JSON, 'null' for NULL."""
    return f"COALESCE(bq_to_json(to_json({_json_ready(value)}), {stringify}), 'null')"


def _json_ready(value: Value) -> str:
    """What DuckDB's to_json turns into BigQuery's encoding once marks are read."""
    value = typed(value)
    _check_names(value.type)
    return _marked(value.sql, value.type)


def _check_names(kind: t.Type) -> None:
    """Refuse structs with unnamed or repeated fields, whose names in JSON are not documented."""
    if kind.kind == "ARRAY":
        _check_names(kind.of)
    if kind.kind == "STRUCT":
        if len({n.lower() for n, _ in kind.fields if n}) != len(kind.fields):
            raise not_implemented("JSON of a STRUCT with unnamed or repeated fields")
        for field in kind.types:
            _check_names(field)


def _marked(sql: str, kind: t.Type) -> str:
    if kind.kind in {"STRING", "BOOL"}:
        return sql
    if kind.kind == "NUMERIC":
        return f"bq_json_number(bq_numeric_to_string({sql}))"
    if kind.kind == "BYTES":
        return f"base64({sql})"
    if kind.kind == "ARRAY":
        return f"COALESCE(list_transform({sql}, lambda bq_j: {_marked('bq_j', kind.of)}), [])"
    if kind.kind == "STRUCT":
        parts = ", ".join(
            f"{t.quote(n)} := {_marked(f'struct_extract({sql}, {t.text(n)})', k)}"
            for n, k in zip(kind.duck_names, kind.types, strict=True)
        )
        return f"CASE WHEN {sql} IS NULL THEN NULL ELSE struct_pack({parts}) END"
    name = {"INT64": "int", "FLOAT64": "float", "BIGNUMERIC": "number"}.get(kind.kind, kind.kind.lower())
    return f"bq_json_{name}({sql})"


def _to_json_string(c: Compiling, node: s.Call) -> Value:
    arity(c, node, 1, 2)
    value = c.compile(node.args[0])
    pretty = c.as_type(node.args[1], t.BOOL, "pretty_print").sql if len(node.args) == 2 else "FALSE"
    sql = f"bq_to_json_string(to_json({_json_ready(value)}), {pretty})"
    return Value(f"COALESCE({sql}, 'null')", t.STRING, fragile=True)


def _to_json(c: Compiling, node: s.Call) -> Value:
    arity(c, node, 1, 1)
    stringify = named_argument(c, node, "stringify_wide_numbers", t.BOOL, "FALSE")
    return Value(_to_json_text(c.compile(node.args[0]), stringify), t.JSON, fragile=True)


def _parse_json(c: Compiling, node: s.Call) -> Value:
    arity(c, node, 1, 1)
    mode = named_argument(c, node, "wide_number_mode", t.STRING, "'exact'")
    return Value(f"bq_parse_json({c.as_type(node.args[0], t.STRING, node.name).sql}, {mode})", t.JSON, fragile=True)


def _json_float64(c: Compiling, node: s.Call) -> Value:
    """FLOAT64(json)."""
    if node.named:
        raise not_implemented("FLOAT64 with wide_number_mode")
    lines = ("JSON -> FLOAT64 : bq_json_float64({0})",)
    return choose(node.name, lines, [c.compile(a) for a in node.args], c.analysis.sql, node.pos)


def _json_keys(c: Compiling, node: s.Call) -> Value:
    """JSON_KEYS(json[, max_depth][, mode => text])."""
    arity(c, node, 1, 2)
    depth = c.as_type(node.args[1], t.INT64, "max_depth").sql if len(node.args) == 2 else "9223372036854775807"
    mode = named_argument(c, node, "mode", t.STRING, "'strict'")
    value = c.as_type(node.args[0], t.JSON, node.name).sql
    return Value(f"bq_json_keys({value}, {depth}, lower({mode}))", t.array_of(t.STRING), fragile=True)


def _json_strip_nulls(c: Compiling, node: s.Call) -> Value:
    """JSON_STRIP_NULLS(json[, path][, include_arrays => bool][, remove_empty => bool])."""
    arity(c, node, 1, 2)
    path = c.as_type(node.args[1], t.STRING, "json_path").sql if len(node.args) == 2 else "'$'"
    flags = {"include_arrays": "TRUE", "remove_empty": "FALSE"}
    for name, given in node.named.items():
        if name not in flags:
            raise c.error(f"Named argument {name} not found in signature for call to function {node.name}", node)
        flags[name] = c.as_type(given, t.BOOL, f"{node.name} {name}").sql
    value = c.as_type(node.args[0], t.JSON, node.name).sql
    sql = f"bq_json_strip_nulls({value}, {path}, {flags['include_arrays']}, {flags['remove_empty']})"
    return Value(sql, t.JSON, fragile=True)


def _json_object(c: Compiling, node: s.Call) -> Value:
    """JSON_OBJECT(key, value, …) or JSON_OBJECT(keys, values)."""
    given = [c.compile(a) for a in node.args]
    if [v.type.kind for v in given] == ["ARRAY", "ARRAY"] and given[0].type.of == t.STRING:
        one = Value("bq_v", given[1].type.of)
        listed = f"list_transform({given[1].sql}, lambda bq_v: {_to_json_text(one)})"
        return Value(f"bq_json_object({given[0].sql}, {listed})", t.JSON, fragile=True)
    if len(given) % 2:
        raise c.error("No matching signature for function JSON_OBJECT: it needs pairs of key and value", node)
    keys, values = given[::2], given[1::2]
    if any(k.type.kind not in {"STRING", "NULL"} for k in keys):
        raise c.error("No matching signature for function JSON_OBJECT: keys must be STRING", node)
    listed = ", ".join(_to_json_text(v) for v in values)
    names = ", ".join(k.sql for k in keys)
    return Value(f"bq_json_object(CAST([{names}] AS VARCHAR[]), CAST([{listed}] AS VARCHAR[]))", t.JSON, fragile=True)


def _json_array(c: Compiling, node: s.Call) -> Value:
    listed = ", ".join(_to_json_text(c.compile(a)) for a in node.args)
    return Value(f"bq_json_array(CAST([{listed}] AS VARCHAR[]))", t.JSON, fragile=True)


_FLAGS = {
    "JSON_SET": "create_if_missing", "JSON_ARRAY_INSERT": "insert_each_element",
    "JSON_ARRAY_APPEND": "append_each_element",
}  # fmt: skip


def _json_change(c: Compiling, node: s.Call) -> Value:
    """JSON_SET, JSON_ARRAY_INSERT, JSON_ARRAY_APPEND: pairs of path and value, applied in turn."""
    if len(node.args) < 3 or len(node.args) % 2 == 0:
        raise c.error(f"{node.name} needs a JSON value and pairs of path and value", node)
    value = c.compile(node.args[0])
    if value.type.kind not in {"JSON", "NULL"}:
        raise c.error(f"No matching signature for function {node.name}\n  Argument types: {value.type}", node)
    flag = named_argument(c, node, _FLAGS[node.name], t.BOOL, "TRUE")
    sql = convert(value, t.JSON).sql
    for path, new in zip(node.args[1::2], node.args[2::2], strict=True):
        given = c.compile(new)
        each = flag if node.name == "JSON_SET" or given.type.kind == "ARRAY" else "FALSE"
        where = c.as_type(path, t.STRING, node.name).sql
        sql = f"bq_{node.name.lower()}({sql}, {where}, {_to_json_text(given)}, {each})"
    return Value(sql, t.JSON, fragile=True)


def _json_remove(c: Compiling, node: s.Call) -> Value:
    """JSON_REMOVE(json, path, …)."""
    if len(node.args) < 2:
        raise c.error("JSON_REMOVE needs a JSON value and at least one path", node)
    sql = c.as_type(node.args[0], t.JSON, node.name).sql
    for path in node.args[1:]:
        sql = f"bq_json_remove({sql}, {c.as_type(path, t.STRING, node.name).sql})"
    return Value(sql, t.JSON, fragile=True)


JSON_FUNCTIONS: dict[str, Callable[[Compiling, s.Call], Value]] = {
    "TO_JSON_STRING": _to_json_string,
    "TO_JSON": _to_json,
    "PARSE_JSON": _parse_json,
    "FLOAT64": _json_float64,
    "JSON_KEYS": _json_keys,
    "JSON_STRIP_NULLS": _json_strip_nulls,
    "JSON_OBJECT": _json_object,
    "JSON_ARRAY": _json_array,
    "JSON_SET": _json_change,
    "JSON_ARRAY_INSERT": _json_change,
    "JSON_ARRAY_APPEND": _json_change,
    "JSON_REMOVE": _json_remove,
}
