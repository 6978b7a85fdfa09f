"""The scalar functions over numbers that are implemented.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/mathematical_functions
"""

from __future__ import annotations

NUMBERS: dict[str, tuple[str, ...]] = {
    "ABS": (
        "INT64 -> INT64 : bq_abs({0})",
        "NUMERIC -> NUMERIC : abs({0})",
        "FLOAT64 -> FLOAT64 : abs({0})",
    ),
    "SIGN": (
        "INT64 -> INT64 : CAST(sign({0}) AS BIGINT)",
        "NUMERIC -> NUMERIC : CAST(sign({0}) AS DECIMAL(38,9))",
        "FLOAT64 -> FLOAT64 : CASE WHEN isnan({0}) THEN {0} ELSE CAST(sign({0}) AS DOUBLE) END",
    ),
    "ROUND": (
        "INT64 -> FLOAT64 : CAST({0} AS DOUBLE)",
        "INT64, INT64 -> FLOAT64 : bq_round_float(CAST({0} AS DOUBLE), {1})",
        "NUMERIC -> NUMERIC : bq_round_numeric({0}, 0)",
        "NUMERIC, INT64 -> NUMERIC : bq_round_numeric({0}, {1})",
        "NUMERIC, INT64, STRING -> NUMERIC : bq_round_numeric_by({0}, {1}, {2})",
        "FLOAT64 -> FLOAT64 : bq_round_float({0}, 0)",
        "FLOAT64, INT64 -> FLOAT64 : bq_round_float({0}, {1})",
    ),
    "TRUNC": (
        "INT64 -> FLOAT64 : CAST({0} AS DOUBLE)",
        "INT64, INT64 -> FLOAT64 : bq_trunc_float(CAST({0} AS DOUBLE), {1})",
        "NUMERIC -> NUMERIC : bq_trunc_numeric({0}, 0)",
        "NUMERIC, INT64 -> NUMERIC : bq_trunc_numeric({0}, {1})",
        "FLOAT64 -> FLOAT64 : trunc({0})",
        "FLOAT64, INT64 -> FLOAT64 : bq_trunc_float({0}, {1})",
    ),
    "CEIL": (
        "INT64 -> FLOAT64 : CAST({0} AS DOUBLE)",
        "NUMERIC -> NUMERIC : bq_ceil_numeric({0})",
        "FLOAT64 -> FLOAT64 : ceil({0})",
    ),
    "CEILING": (
        "INT64 -> FLOAT64 : CAST({0} AS DOUBLE)",
        "NUMERIC -> NUMERIC : bq_ceil_numeric({0})",
        "FLOAT64 -> FLOAT64 : ceil({0})",
    ),
    "FLOOR": (
        "INT64 -> FLOAT64 : CAST({0} AS DOUBLE)",
        "NUMERIC -> NUMERIC : bq_floor_numeric({0})",
        "FLOAT64 -> FLOAT64 : floor({0})",
    ),
    "MOD": ("INT64, INT64 -> INT64 : bq_mod({0}, {1})", "NUMERIC, NUMERIC -> NUMERIC : bq_mod_numeric({0}, {1})"),
    "DIV": ("INT64, INT64 -> INT64 : bq_div({0}, {1})", "NUMERIC, NUMERIC -> NUMERIC : bq_div_numeric({0}, {1})"),
    "IEEE_DIVIDE": (
        "NUMERIC, NUMERIC -> FLOAT64 : bq_ieee_divide(bq_numeric_to_float({0}), bq_numeric_to_float({1}))",
        "FLOAT64, FLOAT64 -> FLOAT64 : bq_ieee_divide({0}, {1})",
    ),
    "SAFE_DIVIDE": (
        "INT64, INT64 -> FLOAT64 : TRY(bq_divide_int({0}, {1}))",
        "NUMERIC, NUMERIC -> NUMERIC : TRY(bq_divide_numeric({0}, {1}))",
        "FLOAT64, FLOAT64 -> FLOAT64 : TRY(bq_divide({0}, {1}))",
    ),
    "SAFE_MULTIPLY": (
        "INT64, INT64 -> INT64 : TRY({0} * {1})",
        "NUMERIC, NUMERIC -> NUMERIC : TRY(bq_multiply_numeric({0}, {1}))",
        "FLOAT64, FLOAT64 -> FLOAT64 : TRY(bq_multiply_float({0}, {1}))",
    ),
    "SAFE_ADD": (
        "INT64, INT64 -> INT64 : TRY({0} + {1})",
        "NUMERIC, NUMERIC -> NUMERIC : TRY({0} + {1})",
        "FLOAT64, FLOAT64 -> FLOAT64 : TRY(bq_add_float({0}, {1}))",
    ),
    "SAFE_SUBTRACT": (
        "INT64, INT64 -> INT64 : TRY({0} - {1})",
        "NUMERIC, NUMERIC -> NUMERIC : TRY({0} - {1})",
        "FLOAT64, FLOAT64 -> FLOAT64 : TRY(bq_add_float({0}, -({1})))",
    ),
    "SAFE_NEGATE": (
        "INT64 -> INT64 : TRY(CAST(-({0}) AS BIGINT))",
        "NUMERIC -> NUMERIC : -({0})",
        "FLOAT64 -> FLOAT64 : -({0})",
    ),
    "POW": (
        "INT64, INT64 -> FLOAT64 : bq_pow(CAST({0} AS DOUBLE), CAST({1} AS DOUBLE))",
        "NUMERIC, NUMERIC -> NUMERIC : bq_pow_numeric({0}, {1})",
        "FLOAT64, FLOAT64 -> FLOAT64 : bq_pow({0}, {1})",
    ),
    "POWER": (
        "INT64, INT64 -> FLOAT64 : bq_pow(CAST({0} AS DOUBLE), CAST({1} AS DOUBLE))",
        "NUMERIC, NUMERIC -> NUMERIC : bq_pow_numeric({0}, {1})",
        "FLOAT64, FLOAT64 -> FLOAT64 : bq_pow({0}, {1})",
    ),
    "SQRT": (
        "INT64 -> FLOAT64 : bq_sqrt(CAST({0} AS DOUBLE))",
        "NUMERIC -> NUMERIC : bq_sqrt_numeric({0})",
        "FLOAT64 -> FLOAT64 : bq_sqrt({0})",
    ),
    "CBRT": (
        "INT64 -> FLOAT64 : bq_cbrt(CAST({0} AS DOUBLE))",
        "NUMERIC -> NUMERIC : bq_cbrt_numeric({0})",
        "FLOAT64 -> FLOAT64 : bq_cbrt({0})",
    ),
    "EXP": (
        "INT64 -> FLOAT64 : bq_exp(CAST({0} AS DOUBLE))",
        "NUMERIC -> NUMERIC : bq_exp_numeric({0})",
        "FLOAT64 -> FLOAT64 : bq_exp({0})",
    ),
    "LN": (
        "INT64 -> FLOAT64 : bq_ln(CAST({0} AS DOUBLE))",
        "NUMERIC -> NUMERIC : bq_ln_numeric({0})",
        "FLOAT64 -> FLOAT64 : bq_ln({0})",
    ),
    "LOG": (
        "INT64 -> FLOAT64 : bq_ln(CAST({0} AS DOUBLE))",
        "INT64, INT64 -> FLOAT64 : bq_log(CAST({0} AS DOUBLE), CAST({1} AS DOUBLE))",
        "NUMERIC -> NUMERIC : bq_ln_numeric({0})",
        "NUMERIC, NUMERIC -> NUMERIC : bq_log_numeric({0}, {1})",
        "FLOAT64 -> FLOAT64 : bq_ln({0})",
        "FLOAT64, FLOAT64 -> FLOAT64 : bq_log({0}, {1})",
    ),
    "LOG10": (
        "INT64 -> FLOAT64 : bq_log10(CAST({0} AS DOUBLE))",
        "NUMERIC -> NUMERIC : bq_log10_numeric({0})",
        "FLOAT64 -> FLOAT64 : bq_log10({0})",
    ),
    "PARSE_NUMERIC": ("STRING -> NUMERIC : bq_parse_numeric({0})",),
    "PARSE_BIGNUMERIC": ("STRING -> BIGNUMERIC : bq_parse_bignumeric({0})",),
    "IS_NAN": ("FLOAT64 -> BOOL : isnan({0})",),
    "IS_INF": ("FLOAT64 -> BOOL : isinf({0})",),
    "RAND": (" -> FLOAT64 : random()",),
    "BIT_COUNT": (
        "INT64 -> INT64 : CAST(bit_count({0}) AS BIGINT)",
        "BYTES -> INT64 : bq_bit_count_bytes({0})",
    ),
    "RANGE_BUCKET": ("T, T[] -> INT64 : bq_range_bucket({0}, {1})",),
    **{
        name: (f"FLOAT64 -> FLOAT64 : bq_{name.lower()}({{0}})",)
        for name in (
            "SIN",
            "COS",
            "TAN",
            "ASIN",
            "ACOS",
            "ATAN",
            "SINH",
            "COSH",
            "TANH",
            "ASINH",
            "ACOSH",
            "ATANH",
            "COT",
            "COTH",
            "CSC",
            "CSCH",
            "SEC",
            "SECH",
        )
    },
    "ATAN2": ("FLOAT64, FLOAT64 -> FLOAT64 : atan2({0}, {1})",),
}
