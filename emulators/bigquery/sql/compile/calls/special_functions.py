"""Functions whose types or arguments need more than a signature: dates, conditions, JSON and text of any type.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all
"""

from __future__ import annotations

from collections.abc import Callable

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.calls import dates
from emulators.bigquery.sql.compile.calls.arguments import arity, named_argument, typed
from emulators.bigquery.sql.compile.calls.json_functions import JSON_FUNCTIONS
from emulators.bigquery.sql.compile.calls.signatures import choose
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions import concatenation
from emulators.bigquery.sql.compile.expressions.comparisons import compare
from emulators.bigquery.sql.compile.values import Value, common
from emulators.bigquery.sql.read import syntax as s

# Functions that take arguments by name; each checks the names itself.
NAMED_ARGUMENTS = frozenset(
    [
        "EDIT_DISTANCE", "JSON_ARRAY_APPEND", "JSON_ARRAY_INSERT", "JSON_KEYS", "JSON_SET", "JSON_STRIP_NULLS",
        "PARSE_JSON", "TO_JSON", "FLOAT64",
    ]
)  # fmt: skip


def _nullif(c: Compiling, node: s.Call) -> Value:
    arity(c, node, 2, 2)
    left, right = (c.compile(a) for a in node.args)
    values, kind = common([left, right], c.analysis.sql, node.pos, "NULLIF arguments have no common type")
    equal = compare(c, "=", left, right, node)
    return Value(f"CASE WHEN {equal.sql} THEN NULL ELSE {values[0].sql} END", kind, fragile=True)


def _extreme(c: Compiling, node: s.Call) -> Value:
    """GREATEST and LEAST: NULL if any argument is NULL, NaN if any is NaN."""
    arity(c, node, 1, 1000)
    values, kind = common(
        [c.compile(a) for a in node.args], c.analysis.sql, node.pos, f"{node.name} has no common type"
    )
    if not kind.orderable or kind.kind == "BIGNUMERIC":
        if kind.kind == "BIGNUMERIC":
            raise not_implemented(f"{node.name} of BIGNUMERIC")
        raise c.error(f"{node.name} is not defined for arguments of type {kind}", node)
    sqls = [v.sql for v in values]
    null = " OR ".join(f"{q} IS NULL" for q in sqls)
    nan = ""
    if kind.kind == "FLOAT64":
        nan = f"WHEN {' OR '.join(f'isnan({q})' for q in sqls)} THEN CAST('nan' AS DOUBLE) "
    sql = f"CASE WHEN {null} THEN NULL {nan}ELSE {node.name.lower()}({', '.join(sqls)}) END"
    return Value(sql, kind, fragile=True)


def _error(c: Compiling, node: s.Call) -> Value:
    arity(c, node, 1, 1)
    message = c.as_type(node.args[0], t.STRING, "ERROR")
    return Value(f"bq_raise_text({message.sql})", t.NULL, fragile=True)


def _format(c: Compiling, node: s.Call) -> Value:
    """FORMAT(pattern, …): arguments travel as text with their types."""
    if not node.args:
        raise c.error("No matching signature for function FORMAT with no arguments", node)
    pattern = c.as_type(node.args[0], t.STRING, "FORMAT")
    given = [c.compile(a) for a in node.args[1:]]
    kinds = ",".join(v.type.kind for v in given)
    values = [typed(v) for v in given]
    texts = ", ".join(_as_text(v) for v in values)
    return Value(f"bq_format({pattern.sql}, {t.text(kinds)}, CAST([{texts}] AS VARCHAR[]))", t.STRING, fragile=True)


_TEXTS = {
    "STRING": "{0}", "JSON": "{0}", "BIGNUMERIC": "{0}", "INT64": "CAST({0} AS VARCHAR)", "BYTES": "hex({0})",
    "BOOL": "CAST({0} AS VARCHAR)", "FLOAT64": "CAST({0} AS VARCHAR)", "NUMERIC": "bq_numeric_to_string({0})",
    "DATE": "bq_date_to_string({0})", "DATETIME": "bq_datetime_to_string({0})", "TIME": "bq_time_to_string({0})",
    "TIMESTAMP": "bq_timestamp_to_string({0})",
}  # fmt: skip


def _as_text(value: Value) -> str:
    kind = value.type
    if kind.kind not in {"ARRAY", "STRUCT"}:
        return _TEXTS[kind.kind].format(value.sql)
    both = [_shown(value.sql, kind, how) for how in ("readable", "literal")]
    return f"CASE WHEN {value.sql} IS NULL THEN NULL ELSE {both[0]} || chr(31) || {both[1]} END"


def _shown(sql: str, kind: t.Type, how: str) -> str:
    """The text of %t (readable) or %T (literal), part by part."""
    if kind.kind == "ARRAY":
        parts = f"list_transform({sql}, lambda bq_f: {_shown('bq_f', kind.of, how)})"
        text = f"'[' || array_to_string({parts}, ', ') || ']'"
    elif kind.kind == "STRUCT":
        fields = [
            _shown(f"struct_extract({sql}, {t.text(n)})", k, how)
            for n, k in zip(kind.duck_names, kind.types, strict=True)
        ]
        opening = "STRUCT(" if how == "literal" and len(fields) == 1 else "("
        text = f"'{opening}' || " + " || ', ' || ".join(fields) + " || ')'"
    else:
        text = f"bq_format_{how}({_TEXTS[kind.kind].format(sql)}, '{kind.kind}')"
    return f"COALESCE({text}, 'NULL')"


def _concat(c: Compiling, node: s.Call) -> Value:
    """CONCAT of one value or more."""
    if not node.args:
        raise c.error("No matching signature for function CONCAT with no arguments", node)
    return concatenation.joined(c, [c.compile(a) for a in node.args], "function CONCAT", node)


def _edit_distance(c: Compiling, node: s.Call) -> Value:
    """EDIT_DISTANCE(a, b[, max_distance => n]) of two STRING or two BYTES."""
    arity(c, node, 2, 2)
    most = named_argument(c, node, "max_distance", t.INT64, "9223372036854775807")
    lines = tuple(
        f"{kind}, {kind} -> INT64 : bq_edit_distance{name}({{0}}, {{1}}, {most})"
        for kind, name in (("STRING", ""), ("BYTES", "_bytes"))
    )
    return choose(node.name, lines, [c.compile(a) for a in node.args], c.analysis.sql, node.pos)


def _contains_substr(c: Compiling, node: s.Call) -> Value:
    """CONTAINS_SUBSTR(any value, text): TRUE if a part contains it, else NULL if a part is NULL."""
    arity(c, node, 2, 2)
    if node.named:
        raise not_implemented("CONTAINS_SUBSTR with json_scope")
    value, wanted = typed(c.compile(node.args[0])), c.as_type(node.args[1], t.STRING, node.name)
    if value.type.kind in {"JSON", "BYTES"}:
        raise not_implemented(f"CONTAINS_SUBSTR of {value.type.kind}")
    if not isinstance(node.args[1], s.Literal | s.Param):
        raise not_implemented("CONTAINS_SUBSTR of what is not a literal")
    if isinstance(node.args[1], s.Literal) and node.args[1].kind == "NULL":
        raise c.error("CONTAINS_SUBSTR does not take a NULL literal as what to search for", node)
    parts = f"CAST({_texts_of(value.sql, value.type)} AS VARCHAR[])"
    found = f"len(list_filter({parts}, lambda bq_p: bq_contains_substr(bq_p, {wanted.sql}))) > 0"
    null = f"len(list_filter({parts}, lambda bq_p: bq_p IS NULL)) > 0"
    sql = f"CASE WHEN {value.sql} IS NULL THEN NULL WHEN {found} THEN TRUE WHEN {null} THEN NULL ELSE FALSE END"
    return Value(sql, t.BOOL, fragile=True)


def _texts_of(sql: str, kind: t.Type) -> str:
    """A list of the texts of all scalars in a value."""
    if kind.kind == "ARRAY":
        return f"flatten(list_transform({sql}, lambda bq_a: {_texts_of('bq_a', kind.of)}))"
    if kind.kind == "STRUCT":
        fields = zip(kind.duck_names, kind.types, strict=True)
        return " || ".join(_texts_of(f"struct_extract({sql}, {t.text(n)})", k) for n, k in fields)
    text = _TEXTS[kind.kind] if kind.kind != "FLOAT64" else "bq_float_to_string({0})"
    return f"[{text.format(sql)}]"


def _session_user(c: Compiling, node: s.Call) -> Value:
    arity(c, node, 0, 0)
    return Value("'anonymous@embedded.invalid'", t.STRING)


def _system_variable(c: Compiling, node: s.Call) -> Value:
    """A variable of the job: system-variables page."""
    project, dataset = c.analysis.default_dataset or (None, None)
    found = {
        "@@PROJECT_ID": c.analysis.catalog.project,
        "@@DATASET_PROJECT_ID": project,
        "@@DATASET_ID": dataset,
        "@@TIME_ZONE": "UTC",
    }[node.name]
    return Value("CAST(NULL AS VARCHAR)" if found is None else t.text(found), t.STRING)


def _hll(c: Compiling, node: s.Call) -> Value:
    """HLL_COUNT.EXTRACT(HLL_COUNT.INIT(x)): the sketch is never seen, so counting exactly is allowed."""
    arity(c, node, 1, 1)
    inner = node.args[0]
    if isinstance(inner, s.Call) and inner.name == "HLL_COUNT.INIT" and len(inner.args) in {1, 2}:
        c.has_aggregate = True
        with c.ungrouped(c.scope):
            return Value(f"count(DISTINCT {c.compile(inner.args[0]).sql})", t.INT64, aggregate=True)
    raise not_implemented("HLL_COUNT sketches as values")


def _normalize(c: Compiling, node: s.Call) -> Value:
    """NORMALIZE(text[, mode]), the mode being a bare word."""
    arity(c, node, 1, 2)
    mode = "NFC"
    if len(node.args) == 2:
        given = node.args[1]
        mode = given.name.upper() if isinstance(given, s.Name) else ""
        if mode not in {"NFC", "NFKC", "NFD", "NFKD"}:
            raise c.error(f"{node.name} needs a normalization mode: NFC, NFKC, NFD or NFKD", given)
    name = "bq_normalize" if node.name == "NORMALIZE" else "bq_normalize_casefold"
    return Value(f"{name}({c.as_type(node.args[0], t.STRING, node.name).sql}, '{mode}')", t.STRING, fragile=True)


SPECIAL: dict[str, Callable[[Compiling, s.Call], Value]] = {
    **dates.DATE_FUNCTIONS,
    **JSON_FUNCTIONS,
    "NULLIF": _nullif,
    "GREATEST": _extreme,
    "LEAST": _extreme,
    "ERROR": _error,
    "NORMALIZE": _normalize,
    "NORMALIZE_AND_CASEFOLD": _normalize,
    "CONCAT": _concat,
    "EDIT_DISTANCE": _edit_distance,
    "CONTAINS_SUBSTR": _contains_substr,
    "FORMAT": _format,
    "SESSION_USER": _session_user,
    "@@PROJECT_ID": _system_variable,
    "@@DATASET_PROJECT_ID": _system_variable,
    "@@DATASET_ID": _system_variable,
    "@@TIME_ZONE": _system_variable,
    "HLL_COUNT.EXTRACT": _hll,
}
