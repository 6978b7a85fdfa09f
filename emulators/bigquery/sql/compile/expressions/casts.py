"""Compile CAST and SAFE_CAST.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_functions
"""

from __future__ import annotations

from dataclasses import replace

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.safe import tried
from emulators.bigquery.sql.compile.type_names import parameters_of, type_of
from emulators.bigquery.sql.compile.values import Value, coerces, convert, struct_sql, untyped
from emulators.bigquery.sql.read import syntax as s

_CASTS = {
    ("INT64", "STRING"): "CAST({0} AS VARCHAR)",
    ("INT64", "BOOL"): "CAST({0} AS BOOLEAN)",
    ("INT64", "FLOAT64"): "CAST({0} AS DOUBLE)",
    ("INT64", "NUMERIC"): "CAST({0} AS DECIMAL(38,9))",
    ("INT64", "BIGNUMERIC"): "CAST({0} AS VARCHAR)",
    ("NUMERIC", "STRING"): "bq_numeric_to_string({0})",
    ("NUMERIC", "INT64"): "bq_numeric_to_int({0})",
    ("NUMERIC", "FLOAT64"): "bq_numeric_to_float({0})",
    ("NUMERIC", "BIGNUMERIC"): "bq_numeric_to_string({0})",
    ("BIGNUMERIC", "STRING"): "{0}",
    ("BIGNUMERIC", "INT64"): "bq_bignumeric_to_int({0})",
    ("BIGNUMERIC", "NUMERIC"): "bq_string_to_numeric({0})",
    ("BIGNUMERIC", "FLOAT64"): "bq_string_to_float({0})",
    ("FLOAT64", "STRING"): "bq_float_to_string({0})",
    ("FLOAT64", "INT64"): "bq_float_to_int({0})",
    ("FLOAT64", "NUMERIC"): "bq_float_to_numeric({0})",
    ("FLOAT64", "BIGNUMERIC"): "bq_float_to_bignumeric({0})",
    ("BOOL", "STRING"): "CAST({0} AS VARCHAR)",
    ("BOOL", "INT64"): "CAST({0} AS BIGINT)",
    ("STRING", "INT64"): "bq_string_to_int({0})",
    ("STRING", "FLOAT64"): "bq_string_to_float({0})",
    ("STRING", "NUMERIC"): "bq_string_to_numeric({0})",
    ("STRING", "BIGNUMERIC"): "bq_string_to_bignumeric({0})",
    ("STRING", "BOOL"): "bq_string_to_bool({0})",
    ("STRING", "BYTES"): "encode({0})",
    ("STRING", "DATE"): "bq_string_to_date({0})",
    ("STRING", "DATETIME"): "bq_string_to_datetime({0})",
    ("STRING", "TIME"): "bq_string_to_time({0})",
    ("STRING", "TIMESTAMP"): "bq_string_to_timestamp({0})",
    ("BYTES", "STRING"): "bq_bytes_to_string({0})",
    ("DATE", "STRING"): "bq_date_to_string({0})",
    ("DATE", "DATETIME"): "CAST({0} AS TIMESTAMP)",
    ("DATE", "TIMESTAMP"): "CAST({0} AS TIMESTAMP)",
    ("DATETIME", "STRING"): "bq_datetime_to_string({0})",
    ("DATETIME", "DATE"): "CAST({0} AS DATE)",
    ("DATETIME", "TIME"): "CAST({0} AS TIME)",
    ("DATETIME", "TIMESTAMP"): "{0}",
    ("TIME", "STRING"): "bq_time_to_string({0})",
    ("TIMESTAMP", "STRING"): "bq_timestamp_to_string({0})",
    ("TIMESTAMP", "DATE"): "CAST({0} AS DATE)",
    ("TIMESTAMP", "DATETIME"): "{0}",
    ("TIMESTAMP", "TIME"): "CAST({0} AS TIME)",
}


def cast(c: Compiling, node: s.Cast) -> Value:
    """CAST(value AS type)."""
    parameters = parameters_of(node.type)
    target = type_of(node.type, parameters=True)
    if node.format is not None:
        if parameters:
            raise not_implemented(f"CAST with FORMAT and type parameters ({target})")
        return _formatted(c, node, target)
    value = c.compile(node.value)
    if value.type.kind == "ARRAY" and value.items == () and target.kind == "ARRAY":
        return Value(f"CAST([] AS {target.duck})", target)
    if value.type.kind == "NULL":
        return Value(untyped(value.sql, target), target, fragile=value.fragile)
    sql = _held(target, parameters, convert_explicitly(value, target, c, node))
    if node.safe:
        if isinstance(node.value, s.Literal | s.Param | s.Name):
            return Value(f"TRY({sql})", target)

        def inner(parts: list[str]) -> str:
            given = replace(value, sql=parts[0], literal=None, items=None)
            return _held(target, parameters, convert_explicitly(given, target, c, node))

        return Value(tried([value.sql], inner), target, fragile=value.fragile)
    return Value(sql, target, fragile=True)


def _held(kind: t.Type, parameters: dict[str, str], sql: str) -> str:
    """DuckDB text of a value of `kind`, held to the parameters of the type it is cast to."""
    if not parameters:
        return sql
    numbers = [parameters["maxLength"]] if "maxLength" in parameters else [parameters["precision"],
                                                                           parameters.get("scale", "0")]  # fmt: skip
    return f"bq_limit_{kind.kind.lower()}({sql}, {', '.join(numbers)})"


_CIVIL = {"DATE", "DATETIME", "TIME", "TIMESTAMP"}


def _formatted(c: Compiling, node: s.Cast, target: t.Type) -> Value:
    """CAST(… FORMAT pattern) between STRING and dates, times or BYTES; numbers are refused."""
    assert node.format is not None
    value, pattern = c.compile(node.value), c.as_type(node.format, t.STRING, "FORMAT").sql
    kinds = (value.type.kind, target.kind)

    def written(sql: str) -> str:
        if kinds == ("TIME", "STRING"):
            return f"bq_cast_write_time({sql}, {pattern})"
        if kinds[0] in _CIVIL and kinds[1] == "STRING":
            return f"bq_cast_write(CAST({sql} AS TIMESTAMP), {pattern}, {t.text(kinds[0])})"
        if kinds[0] == "STRING" and kinds[1] in _CIVIL:
            return f"CAST(bq_cast_parse({sql}, {pattern}, {t.text(kinds[1])}) AS {target.duck})"
        if kinds == ("BYTES", "STRING"):
            return f"bq_cast_bytes_to_text({sql}, {pattern})"
        if kinds == ("STRING", "BYTES"):
            return f"bq_cast_text_to_bytes({sql}, {pattern})"
        raise not_implemented(f"CAST({value.type} AS {target} FORMAT …)")

    if node.safe:
        return Value(tried([value.sql], lambda parts: written(parts[0])), target, fragile=value.fragile)
    return Value(written(value.sql), target, fragile=True)


def convert_explicitly(value: Value, target: t.Type, c: Compiling, node: s.Node) -> str:
    """DuckDB text of the value cast to `target`, or the analyzer's refusal."""
    source = value.type
    if source == target:
        return value.sql
    if source.kind == "NULL":
        return untyped(value.sql, target)
    if (source.kind, target.kind) in _CASTS:
        return _CASTS[source.kind, target.kind].format(value.sql)
    if value.items is not None and coerces(value, target):
        return convert(value, target, c.analysis.sql, node.pos).sql
    if source.kind == target.kind == "STRUCT" and len(source.fields) == len(target.fields):
        parts = [
            convert_explicitly(Value(f"struct_extract({value.sql}, {t.text(n)})", a), b, c, node)
            for n, a, b in zip(source.duck_names, source.types, target.types, strict=True)
        ]
        return f"CASE WHEN {value.sql} IS NULL THEN NULL ELSE {struct_sql(target, parts)} END"
    if source.kind == target.kind == "ARRAY":
        inner = convert_explicitly(Value("bq_e", source.of), target.of, c, node)
        return f"list_transform({value.sql}, lambda bq_e: {inner})"
    raise c.error(f"Invalid cast from {source} to {target}", node)
