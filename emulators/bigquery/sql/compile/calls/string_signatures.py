"""The scalar functions over strings and bytes that are implemented.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions, …/hash_functions,
…/net_functions
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
