"""Answer a call of a function that is not served: whether BigQuery has it, as far as its name tells.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all
"""

from __future__ import annotations

from emulators.bigquery.errors import ApiError, not_implemented
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.read import syntax as s

# BigQuery has them, the embedded service does not: 501 rather than "Function not found".
_REFUSED = frozenset(
    [
        "ARRAY_AVG",
        "ARRAY_FILTER",
        "ARRAY_MAX",
        "ARRAY_MIN",
        "ARRAY_SUM",
        "ARRAY_TRANSFORM",
        "ARRAY_ZIP",
        "BAG_OF_WORDS",
        "COLLATE",
        "COSINE_DISTANCE",
        "DETERMINISTIC_DECRYPT_BYTES",
        "DETERMINISTIC_DECRYPT_STRING",
        "DETERMINISTIC_ENCRYPT",
        "DLP_DETERMINISTIC_ENCRYPT",
        "EUCLIDEAN_DISTANCE",
        "EXTERNAL_OBJECT_TRANSFORM",
        "FLOAT32",
        "GAP_FILL",
        "GENERATE_RANGE_ARRAY",
        "HLL_COUNT.INIT",
        "HLL_COUNT.MERGE",
        "HLL_COUNT.MERGE_PARTIAL",
        "IFERROR",
        "ISERROR",
        "NULLIFERROR",
        "JSON_FLATTEN",
        "JUSTIFY_DAYS",
        "JUSTIFY_HOURS",
        "JUSTIFY_INTERVAL",
        "KEYS.NEW_KEYSET",
        "MAKE_INTERVAL",
        "NET.PUBLIC_SUFFIX",
        "OBJECT_PARSE",
        "RANGE",
        "RANGE_CONTAINS",
        "RANGE_START",
        "RANGE_END",
        "SEARCH",
        "TEXT_ANALYZE",
        "VECTOR_SEARCH",
        "TYPEOF",
        "ST_GEOGPOINT",
        "ST_DISTANCE",
        "NET.REG_DOMAIN",
        "NULLIFZERO",
        "ZEROIFNULL",
        "EXTERNAL_QUERY",
    ]
)
# Families of functions: a name of theirs that is not served may well be one of BigQuery's.
_FAMILIES = (
    "AEAD.",
    "AI.",
    "APPROX_",
    "ARRAY_",
    "BIT_",
    "DATE_",
    "DATETIME_",
    "DLP_",
    "FORMAT_",
    "GENERATE_",
    "HLL_COUNT.",
    "JSON_",
    "KEYS.",
    "KLL_QUANTILES.",
    "LAX_",
    "ML.",
    "NET.",
    "OBJ.",
    "PARSE_",
    "RANGE_",
    "REGEXP_",
    "SAFE_",
    "ST_",
    "TIME_",
    "TIMESTAMP_",
    "TO_",
    "VECTOR_",
)


def unknown(c: Compiling, node: s.Call) -> ApiError:
    """notImplemented for a function that BigQuery has, invalidQuery for one that it has not."""
    if node.name in _REFUSED or node.name.startswith(_FAMILIES):
        return not_implemented(f"the function {node.name}")
    return c.error(f"Function not found: {node.name}", node)
