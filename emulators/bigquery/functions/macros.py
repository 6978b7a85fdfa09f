"""BigQuery's functions that DuckDB can say itself, as macros.

An argument that a macro names twice is put into a list or struct first where it may be long, since DuckDB pastes it.
"""

from __future__ import annotations

MACROS = r"""
CREATE MACRO bq_floor_mod(a, b) AS ((a % b) + b) % b;
CREATE MACRO bq_floor_div(a, b) AS (a - ((a % b) + b) % b) // b;
CREATE MACRO bq_upper(x) AS list_transform([x], lambda v: CASE WHEN strlen(v) = length(v) THEN upper(v) ELSE
  bq_upper_any(v) END)[1];
CREATE MACRO bq_lower(x) AS list_transform([x], lambda v: CASE WHEN strlen(v) = length(v) THEN lower(v) ELSE
  bq_lower_any(v) END)[1];
CREATE MACRO bq_trim(x) AS list_transform([x], lambda v: CASE WHEN strlen(v) = length(v) THEN trim(v,
  chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || ' ') ELSE bq_trim_any(v) END)[1];
CREATE MACRO bq_ltrim(x) AS list_transform([x], lambda v: CASE WHEN strlen(v) = length(v) THEN ltrim(v,
  chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || ' ') ELSE bq_ltrim_any(v) END)[1];
CREATE MACRO bq_rtrim(x) AS list_transform([x], lambda v: CASE WHEN strlen(v) = length(v) THEN rtrim(v,
  chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || ' ') ELSE bq_rtrim_any(v) END)[1];
CREATE MACRO bq_finite(x) AS list_transform([x], lambda v: CASE WHEN isinf(v) THEN
  bq_raise_float('Floating point overflow') ELSE v END)[1];
CREATE MACRO bq_add_float(a, b) AS list_transform([struct_pack(a := a, b := b)], lambda v: CASE WHEN
  isinf(struct_extract(v, 'a')) OR isinf(struct_extract(v, 'b')) THEN struct_extract(v, 'a') + struct_extract(v, 'b')
  ELSE bq_finite(struct_extract(v, 'a') + struct_extract(v, 'b')) END)[1];
CREATE MACRO bq_multiply_float(a, b) AS list_transform([struct_pack(a := a, b := b)], lambda v: CASE WHEN
  isinf(struct_extract(v, 'a')) OR isinf(struct_extract(v, 'b')) THEN struct_extract(v, 'a') * struct_extract(v, 'b')
  ELSE bq_finite(struct_extract(v, 'a') * struct_extract(v, 'b')) END)[1];
CREATE MACRO bq_date_to_string(x) AS CAST(x AS VARCHAR);
CREATE MACRO bq_divide(a, b) AS list_transform([struct_pack(a := a, b := b)], lambda v: CASE WHEN
  struct_extract(v, 'b') = 0 THEN bq_raise_float('division by zero: ' ||
  bq_float_to_string(struct_extract(v, 'a')) || ' / ' || bq_float_to_string(struct_extract(v, 'b'))) WHEN
  isinf(struct_extract(v, 'a')) THEN struct_extract(v, 'a') / struct_extract(v, 'b') ELSE
  bq_finite(struct_extract(v, 'a') / struct_extract(v, 'b')) END)[1];
CREATE MACRO bq_divide_int(a, b) AS list_transform([struct_pack(a := a, b := b)], lambda v: CASE WHEN
  struct_extract(v, 'b') = 0 THEN bq_raise_float('division by zero: ' || struct_extract(v, 'a') || ' / '
  || struct_extract(v, 'b')) ELSE struct_extract(v, 'a') / struct_extract(v, 'b') END)[1];
CREATE MACRO bq_ieee_divide(a, b) AS CASE WHEN isnan(a) OR isnan(b) OR (a = 0 AND b = 0) THEN CAST('nan'
  AS DOUBLE) ELSE a / b END;
CREATE MACRO bq_abs(x) AS CASE WHEN x = CAST('-9223372036854775808' AS BIGINT) THEN
  bq_raise_int('int64 overflow: ABS(-9223372036854775808)') ELSE abs(x) END;
CREATE MACRO bq_date_add(x, n, part) AS list_transform([struct_pack(d := x, n := n)], lambda v: CASE WHEN part = 'DAY'
  AND struct_extract(v, 'n') BETWEEN -3660000 AND 3660000 AND struct_extract(v, 'd') +
  CAST(struct_extract(v, 'n') AS INTEGER) BETWEEN DATE '0001-01-01' AND DATE '9999-12-31' THEN struct_extract(v, 'd') +
  CAST(struct_extract(v, 'n') AS INTEGER) ELSE bq_date_add_any(struct_extract(v, 'd'), struct_extract(v, 'n'), part)
  END)[1];
CREATE MACRO bq_datetime_add(x, n, part) AS list_transform([struct_pack(d := x, n := n)], lambda v: CASE WHEN part IN
  ('DAY', 'HOUR', 'MINUTE', 'SECOND') AND struct_extract(v, 'n') BETWEEN -3600000 AND 3600000 AND struct_extract(v, 'd')
  BETWEEN TIMESTAMP '1000-01-01' AND TIMESTAMP '9000-01-01' AND (part <> 'DAY' OR struct_extract(v, 'n') BETWEEN -300000
  AND 300000) THEN struct_extract(v, 'd') + to_microseconds(struct_extract(v, 'n') * CASE part WHEN 'DAY' THEN
  86400000000 WHEN 'HOUR' THEN 3600000000 WHEN 'MINUTE' THEN 60000000 ELSE 1000000 END) ELSE
  bq_datetime_add_any(struct_extract(v, 'd'), struct_extract(v, 'n'), part) END)[1];
CREATE MACRO bq_week_start(x, first) AS list_transform([x], lambda v: CASE WHEN v < DATE '0001-01-08' THEN
  bq_date_trunc_any(v, CASE first WHEN 0 THEN 'WEEK' ELSE 'ISOWEEK' END) ELSE v - CAST((dayofweek(v) - first + 7) % 7
  AS INTEGER) END)[1];
CREATE MACRO bq_week_number(x, first) AS bq_floor_div(CAST(x - DATE '1970-01-01' AS BIGINT) + 4 - first, 7);
CREATE MACRO bq_substr(s, p) AS bq_substr3(s, p, 9223372036854775807), (s, p, n) AS bq_substr3(s, p, n);
CREATE MACRO bq_in_array(x, l) AS CASE WHEN len(l) = 0 OR l IS NULL THEN FALSE WHEN x IS NULL THEN NULL
  WHEN list_contains(l, x) THEN TRUE WHEN len(list_filter(l, lambda e: e IS NULL)) > 0 THEN NULL ELSE
  FALSE END;
CREATE MACRO bq_array_at(l, i) AS CASE WHEN l IS NULL OR i IS NULL THEN NULL WHEN i < 1 OR i > len(l)
  THEN list_transform(l[1:0], lambda e: e)[bq_raise_int('Array index ' || (i - 1) ||
  ' is out of bounds')] ELSE l[i] END;
CREATE MACRO bq_array_at_safe(l, i) AS CASE WHEN i < 1 THEN NULL ELSE l[i] END;
CREATE MACRO bq_array_first(l) AS CASE WHEN len(l) = 0 THEN
  l[bq_raise_int('ARRAY_FIRST cannot get the first element of an empty array')] ELSE l[1] END;
CREATE MACRO bq_array_last(l) AS CASE WHEN len(l) = 0 THEN
  l[bq_raise_int('ARRAY_LAST cannot get the last element of an empty array')] ELSE l[-1] END;
CREATE MACRO bq_array_slice(l, a, b) AS CASE WHEN l IS NULL OR a IS NULL OR b IS NULL THEN NULL ELSE
  list_slice(l, CAST(greatest(CASE WHEN a < 0 THEN len(l) + a ELSE a END, 0) + 1 AS BIGINT),
  CAST(least(CASE WHEN b < 0 THEN len(l) + b ELSE b END, len(l) - 1) + 1 AS BIGINT)) END;
CREATE MACRO bq_array_includes(l, x) AS CASE WHEN l IS NULL OR x IS NULL THEN NULL ELSE list_contains(l,
  x) END;
CREATE MACRO bq_array_is_distinct(l) AS CASE WHEN l IS NULL THEN NULL ELSE len(list_distinct(l)) + CASE
  WHEN len(list_filter(l, lambda e: e IS NULL)) > 0 THEN 1 ELSE 0 END = len(l) END;
CREATE MACRO bq_top_count(h, n) AS list_transform(list_slice(list_sort(list_transform(map_entries(h), lambda e:
  struct_pack(c := -CAST(struct_extract(e, 'value') AS BIGINT), v := struct_extract(struct_extract(e, 'key'), 'v')))),
  1, n), lambda e: struct_pack("value" := struct_extract(e, 'v'), "count" := -struct_extract(e, 'c')));
CREATE MACRO bq_quantiles(l, n) AS CASE WHEN len(l) > 0 THEN list_select(l, list_transform(range(0, CASE WHEN n < 1
  THEN bq_raise_int('The number of quantiles must be at least 1') ELSE n END + 1), lambda i:
  greatest((i * len(l) + n - 1) // n, 1))) END;
CREATE MACRO bq_range_bucket(x, l) AS CASE WHEN x IS NULL OR l IS NULL THEN NULL WHEN len(list_filter(l, lambda e:
  e IS NULL)) > 0 THEN bq_raise_int('Elements in input array to RANGE_BUCKET cannot be NULL') WHEN list_sort(l) <> l
  THEN bq_raise_int('Elements in input array to RANGE_BUCKET must be in ascending order') ELSE
  CAST(len(list_filter(l, lambda e: e <= x)) AS BIGINT) END;
"""
