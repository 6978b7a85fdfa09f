"""The scalar functions that are implemented, by name; one that is not here is refused.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all
"""

from __future__ import annotations

STRINGS: dict[str, tuple[str, ...]] = {
    "UPPER": (
        "STRING -> STRING : bq_upper({0})",
        "BYTES -> BYTES : bq_upper_bytes({0})",
    ),
    "LOWER": (
        "STRING -> STRING : bq_lower({0})",
        "BYTES -> BYTES : bq_lower_bytes({0})",
    ),
    "LENGTH": ("STRING -> INT64 : length({0})", "BYTES -> INT64 : octet_length({0})"),
    "CHAR_LENGTH": ("STRING -> INT64 : length({0})",),
    "CHARACTER_LENGTH": ("STRING -> INT64 : length({0})",),
    "BYTE_LENGTH": ("STRING -> INT64 : strlen({0})", "BYTES -> INT64 : octet_length({0})"),
    "OCTET_LENGTH": ("STRING -> INT64 : strlen({0})", "BYTES -> INT64 : octet_length({0})"),
    "STARTS_WITH": (
        "STRING, STRING -> BOOL : starts_with({0}, {1})",
        "BYTES, BYTES -> BOOL : bq_starts_bytes({0}, {1})",
    ),
    "ENDS_WITH": ("STRING, STRING -> BOOL : ends_with({0}, {1})", "BYTES, BYTES -> BOOL : bq_ends_bytes({0}, {1})"),
    "STRPOS": (
        "STRING, STRING -> INT64 : strpos({0}, {1})",
        "BYTES, BYTES -> INT64 : bq_strpos_bytes({0}, {1})",
    ),
    "SUBSTR": (
        "STRING, INT64 -> STRING : bq_substr({0}, {1})",
        "STRING, INT64, INT64 -> STRING : bq_substr({0}, {1}, {2})",
        "BYTES, INT64 -> BYTES : bq_substr_bytes({0}, {1}, 9223372036854775807)",
        "BYTES, INT64, INT64 -> BYTES : bq_substr_bytes({0}, {1}, {2})",
    ),
    "SUBSTRING": (
        "STRING, INT64 -> STRING : bq_substr({0}, {1})",
        "STRING, INT64, INT64 -> STRING : bq_substr({0}, {1}, {2})",
        "BYTES, INT64 -> BYTES : bq_substr_bytes({0}, {1}, 9223372036854775807)",
        "BYTES, INT64, INT64 -> BYTES : bq_substr_bytes({0}, {1}, {2})",
    ),
    "LEFT": (
        "STRING, INT64 -> STRING : bq_left({0}, {1})",
        "BYTES, INT64 -> BYTES : bq_left_bytes({0}, {1})",
    ),
    "RIGHT": (
        "STRING, INT64 -> STRING : bq_right({0}, {1})",
        "BYTES, INT64 -> BYTES : bq_right_bytes({0}, {1})",
    ),
    "TRIM": (
        "STRING -> STRING : bq_trim({0})",
        "STRING, STRING -> STRING : bq_trim_chars({0}, {1})",
        "BYTES, BYTES -> BYTES : bq_trim_bytes({0}, {1})",
    ),
    "LTRIM": (
        "STRING -> STRING : bq_ltrim({0})",
        "STRING, STRING -> STRING : bq_ltrim_chars({0}, {1})",
        "BYTES, BYTES -> BYTES : bq_ltrim_bytes({0}, {1})",
    ),
    "RTRIM": (
        "STRING -> STRING : bq_rtrim({0})",
        "STRING, STRING -> STRING : bq_rtrim_chars({0}, {1})",
        "BYTES, BYTES -> BYTES : bq_rtrim_bytes({0}, {1})",
    ),
    "REPLACE": (
        "STRING, STRING, STRING -> STRING : bq_replace({0}, {1}, {2})",
        "BYTES, BYTES, BYTES -> BYTES : bq_replace_bytes({0}, {1}, {2})",
    ),
    "REVERSE": ("STRING -> STRING : bq_reverse({0})", "BYTES -> BYTES : bq_reverse_bytes({0})"),
    "REPEAT": (
        "STRING, INT64 -> STRING : bq_repeat({0}, {1})",
        "BYTES, INT64 -> BYTES : bq_repeat_bytes({0}, {1})",
    ),
    "LPAD": (
        "STRING, INT64 -> STRING : bq_lpad({0}, {1}, ' ')",
        "STRING, INT64, STRING -> STRING : bq_lpad({0}, {1}, {2})",
        "BYTES, INT64 -> BYTES : bq_lpad_bytes({0}, {1}, from_hex('20'))",
        "BYTES, INT64, BYTES -> BYTES : bq_lpad_bytes({0}, {1}, {2})",
    ),
    "RPAD": (
        "STRING, INT64 -> STRING : bq_rpad({0}, {1}, ' ')",
        "STRING, INT64, STRING -> STRING : bq_rpad({0}, {1}, {2})",
        "BYTES, INT64 -> BYTES : bq_rpad_bytes({0}, {1}, from_hex('20'))",
        "BYTES, INT64, BYTES -> BYTES : bq_rpad_bytes({0}, {1}, {2})",
    ),
    "SPLIT": (
        "STRING -> STRING[] : bq_split({0}, ',')",
        "STRING, STRING -> STRING[] : bq_split({0}, {1})",
        "BYTES, BYTES -> BYTES[] : bq_split_bytes({0}, {1})",
    ),
    "INITCAP": ("STRING -> STRING : bq_initcap({0})", "STRING, STRING -> STRING : bq_initcap_by({0}, {1})"),
    "INSTR": (
        "STRING, STRING -> INT64 : bq_instr({0}, {1}, 1, 1)",
        "STRING, STRING, INT64 -> INT64 : bq_instr({0}, {1}, {2}, 1)",
        "STRING, STRING, INT64, INT64 -> INT64 : bq_instr({0}, {1}, {2}, {3})",
        "BYTES, BYTES -> INT64 : bq_instr_bytes({0}, {1}, 1, 1)",
        "BYTES, BYTES, INT64 -> INT64 : bq_instr_bytes({0}, {1}, {2}, 1)",
        "BYTES, BYTES, INT64, INT64 -> INT64 : bq_instr_bytes({0}, {1}, {2}, {3})",
    ),
    "ASCII": ("STRING -> INT64 : bq_ascii({0})",),
    "CHR": ("INT64 -> STRING : bq_chr({0})",),
    "UNICODE": ("STRING -> INT64 : bq_unicode({0})",),
    "TRANSLATE": (
        "STRING, STRING, STRING -> STRING : bq_translate({0}, {1}, {2})",
        "BYTES, BYTES, BYTES -> BYTES : bq_translate_bytes({0}, {1}, {2})",
    ),
    "SOUNDEX": ("STRING -> STRING : bq_soundex({0})",),
    "TO_HEX": ("BYTES -> STRING : lower(hex({0}))",),
    "FROM_HEX": ("STRING -> BYTES : bq_from_hex({0})",),
    "TO_BASE64": ("BYTES -> STRING : base64({0})",),
    "FROM_BASE64": ("STRING -> BYTES : bq_from_base64({0})",),
    "TO_BASE32": ("BYTES -> STRING : bq_to_base32({0})",),
    "FROM_BASE32": ("STRING -> BYTES : bq_from_base32({0})",),
    "TO_CODE_POINTS": ("STRING -> INT64[] : bq_to_code_points({0})", "BYTES -> INT64[] : bq_bytes_to_code_points({0})"),
    "CODE_POINTS_TO_STRING": ("INT64[] -> STRING : bq_code_points_to_string({0})",),
    "CODE_POINTS_TO_BYTES": ("INT64[] -> BYTES : bq_code_points_to_bytes({0})",),
    "SAFE_CONVERT_BYTES_TO_STRING": ("BYTES -> STRING : bq_safe_utf8({0})",),
    "MD5": ("STRING -> BYTES : bq_md5(encode({0}))", "BYTES -> BYTES : bq_md5({0})"),
    "SHA1": ("STRING -> BYTES : bq_sha1(encode({0}))", "BYTES -> BYTES : bq_sha1({0})"),
    "SHA256": ("STRING -> BYTES : bq_sha256(encode({0}))", "BYTES -> BYTES : bq_sha256({0})"),
    "SHA512": ("STRING -> BYTES : bq_sha512(encode({0}))", "BYTES -> BYTES : bq_sha512({0})"),
    "FARM_FINGERPRINT": (
        "STRING -> INT64 : bq_farm_fingerprint(encode({0}))",
        "BYTES -> INT64 : bq_farm_fingerprint({0})",
    ),
    "REGEXP_CONTAINS": (
        "STRING, STRING -> BOOL : regexp_matches({0}, bq_regexp({1}))",
        "BYTES, BYTES -> BOOL : bq_regexp_contains_bytes({0}, {1})",
    ),
    "REGEXP_EXTRACT": (
        "STRING, STRING -> STRING : bq_regexp_extract({0}, {1}, 1, 1)",
        "STRING, STRING, INT64 -> STRING : bq_regexp_extract({0}, {1}, {2}, 1)",
        "STRING, STRING, INT64, INT64 -> STRING : bq_regexp_extract({0}, {1}, {2}, {3})",
        "BYTES, BYTES -> BYTES : bq_regexp_extract_bytes({0}, {1}, 1, 1)",
        "BYTES, BYTES, INT64 -> BYTES : bq_regexp_extract_bytes({0}, {1}, {2}, 1)",
        "BYTES, BYTES, INT64, INT64 -> BYTES : bq_regexp_extract_bytes({0}, {1}, {2}, {3})",
    ),
    "REGEXP_SUBSTR": (
        "STRING, STRING -> STRING : bq_regexp_extract({0}, {1}, 1, 1)",
        "STRING, STRING, INT64 -> STRING : bq_regexp_extract({0}, {1}, {2}, 1)",
        "STRING, STRING, INT64, INT64 -> STRING : bq_regexp_extract({0}, {1}, {2}, {3})",
        "BYTES, BYTES -> BYTES : bq_regexp_extract_bytes({0}, {1}, 1, 1)",
        "BYTES, BYTES, INT64 -> BYTES : bq_regexp_extract_bytes({0}, {1}, {2}, 1)",
        "BYTES, BYTES, INT64, INT64 -> BYTES : bq_regexp_extract_bytes({0}, {1}, {2}, {3})",
    ),
    "REGEXP_EXTRACT_ALL": ("STRING, STRING -> STRING[] : bq_regexp_extract_all({0}, {1})",),
    "REGEXP_REPLACE": (
        "STRING, STRING, STRING -> STRING : bq_regexp_replace({0}, {1}, {2})",
        "BYTES, BYTES, BYTES -> BYTES : bq_regexp_replace_bytes({0}, {1}, {2})",
    ),
    "REGEXP_INSTR": (
        "STRING, STRING -> INT64 : bq_regexp_instr({0}, {1}, 1, 1, 0)",
        "STRING, STRING, INT64 -> INT64 : bq_regexp_instr({0}, {1}, {2}, 1, 0)",
        "STRING, STRING, INT64, INT64 -> INT64 : bq_regexp_instr({0}, {1}, {2}, {3}, 0)",
        "STRING, STRING, INT64, INT64, INT64 -> INT64 : bq_regexp_instr({0}, {1}, {2}, {3}, {4})",
    ),
    "NET.HOST": ("STRING -> STRING : bq_net_host({0})",),
    "NET.IP_FROM_STRING": ("STRING -> BYTES : bq_net_ip_from_string({0})",),
    "NET.SAFE_IP_FROM_STRING": ("STRING -> BYTES : bq_net_safe_ip_from_string({0})",),
    "NET.IP_TO_STRING": ("BYTES -> STRING : bq_net_ip_to_string({0})",),
    "NET.IP_NET_MASK": ("INT64, INT64 -> BYTES : bq_net_ip_net_mask({0}, {1})",),
    "NET.IP_TRUNC": ("BYTES, INT64 -> BYTES : bq_net_ip_trunc({0}, {1})",),
    "NET.IPV4_FROM_INT64": ("INT64 -> BYTES : bq_net_ipv4_from_int64({0})",),
    "NET.IPV4_TO_INT64": ("BYTES -> INT64 : bq_net_ipv4_to_int64({0})",),
    "GENERATE_UUID": (" -> STRING : CAST(uuid() AS VARCHAR)",),
}

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
