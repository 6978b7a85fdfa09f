"""The scalar functions that are implemented, by name; one that is not here is refused.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all
"""

from __future__ import annotations

from emulators.bigquery.sql.compile.calls.number_signatures import NUMBERS
from emulators.bigquery.sql.compile.calls.string_signatures import STRINGS

CONDITIONS: dict[str, tuple[str, ...]] = {
    "COALESCE": ("T* -> T : COALESCE({*})",),
    "IFNULL": ("T, T -> T : COALESCE({0}, {1})",),
    "IF": ("BOOL, T, T -> T : CASE WHEN {0} THEN {1} ELSE {2} END",),
}

ARRAYS: dict[str, tuple[str, ...]] = {
    "ARRAY_LENGTH": ("T[] -> INT64 : len({0})",),
    "ARRAY_REVERSE": ("T[] -> T[] : list_reverse({0})",),
    "ARRAY_CONCAT": ("T[]* -> T[] : bq_array_concat({*})",),
    "ARRAY_FIRST": ("T[] -> T : bq_array_first({0})",),
    "ARRAY_LAST": ("T[] -> T : bq_array_last({0})",),
    "ARRAY_SLICE": ("T[], INT64, INT64 -> T[] : bq_array_slice({0}, {1}, {2})",),
    "ARRAY_TO_STRING": (
        "STRING[], STRING -> STRING : bq_array_to_string({0}, {1})",
        "STRING[], STRING, STRING -> STRING : bq_array_to_string_null({0}, {1}, {2})",
        "BYTES[], BYTES -> BYTES : bq_array_to_bytes({0}, {1})",
        "BYTES[], BYTES, BYTES -> BYTES : bq_array_to_bytes_null({0}, {1}, {2})",
    ),
    "ARRAY_INCLUDES": ("T[], T -> BOOL : bq_array_includes({0}, {1})",),
    "ARRAY_IS_DISTINCT": ("T[] -> BOOL : bq_array_is_distinct({0})",),
    "GENERATE_ARRAY": (
        "INT64, INT64 -> INT64[] : bq_generate_array({0}, {1}, 1)",
        "INT64, INT64, INT64 -> INT64[] : bq_generate_array({0}, {1}, {2})",
        "NUMERIC, NUMERIC, NUMERIC -> NUMERIC[] : bq_generate_array_numeric({0}, {1}, {2})",
        "FLOAT64, FLOAT64 -> FLOAT64[] : bq_generate_array_float({0}, {1}, 1)",
        "FLOAT64, FLOAT64, FLOAT64 -> FLOAT64[] : bq_generate_array_float({0}, {1}, {2})",
    ),
}

JSON: dict[str, tuple[str, ...]] = {
    "TO_JSON_STRING": (),  # by a special form, like all that depend on the type
    "JSON_VALUE": (
        "STRING -> STRING : bq_json_value({0}, '$')",
        "STRING, STRING -> STRING : bq_json_value({0}, {1})",
        "JSON -> STRING : bq_json_value({0}, '$')",
        "JSON, STRING -> STRING : bq_json_value({0}, {1})",
    ),
    "JSON_QUERY": (
        "JSON -> JSON : bq_json_query_json({0}, '$')",
        "JSON, STRING -> JSON : bq_json_query_json({0}, {1})",
        "STRING -> STRING : bq_json_query({0}, '$')",
        "STRING, STRING -> STRING : bq_json_query({0}, {1})",
    ),
    "JSON_EXTRACT": (
        "JSON -> JSON : bq_json_query_json_legacy({0}, '$')",
        "JSON, STRING -> JSON : bq_json_query_json_legacy({0}, {1})",
        "STRING -> STRING : bq_json_query_legacy({0}, '$')",
        "STRING, STRING -> STRING : bq_json_query_legacy({0}, {1})",
    ),
    "JSON_EXTRACT_SCALAR": (
        "STRING -> STRING : bq_json_value_legacy({0}, '$')",
        "STRING, STRING -> STRING : bq_json_value_legacy({0}, {1})",
        "JSON -> STRING : bq_json_value_legacy({0}, '$')",
        "JSON, STRING -> STRING : bq_json_value_legacy({0}, {1})",
    ),
    "JSON_QUERY_ARRAY": (
        "JSON -> JSON[] : bq_json_query_array({0}, '$')",
        "JSON, STRING -> JSON[] : bq_json_query_array({0}, {1})",
        "STRING -> STRING[] : bq_json_query_array({0}, '$')",
        "STRING, STRING -> STRING[] : bq_json_query_array({0}, {1})",
    ),
    "JSON_EXTRACT_ARRAY": (
        "JSON -> JSON[] : bq_json_query_array_legacy({0}, '$')",
        "JSON, STRING -> JSON[] : bq_json_query_array_legacy({0}, {1})",
        "STRING -> STRING[] : bq_json_query_array_legacy({0}, '$')",
        "STRING, STRING -> STRING[] : bq_json_query_array_legacy({0}, {1})",
    ),
    "JSON_VALUE_ARRAY": (
        "JSON -> STRING[] : bq_json_value_array({0}, '$')",
        "JSON, STRING -> STRING[] : bq_json_value_array({0}, {1})",
        "STRING -> STRING[] : bq_json_value_array({0}, '$')",
        "STRING, STRING -> STRING[] : bq_json_value_array({0}, {1})",
    ),
    "JSON_TYPE": ("JSON -> STRING : bq_json_type({0})",),
    "LAX_INT64": ("JSON -> INT64 : bq_lax_int64({0})",),
    "LAX_STRING": ("JSON -> STRING : bq_lax_string({0})",),
    "LAX_BOOL": ("JSON -> BOOL : bq_lax_bool({0})",),
    "LAX_FLOAT64": ("JSON -> FLOAT64 : bq_lax_float64({0})",),
    **{
        f"{prefix}{kind}_ARRAY": (f"JSON -> {kind}[] : bq_{low}{kind.lower()}_array({{0}})",)
        for prefix, low in (("", "json_"), ("LAX_", "lax_"))
        for kind in ("INT64", "FLOAT64", "BOOL", "STRING")
    },
    "JSON_EXTRACT_STRING_ARRAY": (
        "JSON -> STRING[] : bq_json_value_array_legacy({0}, '$')",
        "JSON, STRING -> STRING[] : bq_json_value_array_legacy({0}, {1})",
        "STRING -> STRING[] : bq_json_value_array_legacy({0}, '$')",
        "STRING, STRING -> STRING[] : bq_json_value_array_legacy({0}, {1})",
    ),
    "INT64": ("JSON -> INT64 : bq_json_int64({0})",),
    "BOOL": ("JSON -> BOOL : bq_json_bool({0})",),
}

FUNCTIONS: dict[str, tuple[str, ...]] = {
    name: lines for table in (STRINGS, NUMBERS, CONDITIONS, ARRAYS, JSON) for name, lines in table.items() if lines
}
