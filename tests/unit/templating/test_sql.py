"""What becomes of a placeholder in SQL, by where it stands."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.files.variable_spec import Value
from shared.contracts.sql import Parameter, Sql
from shared.errors import PermanentError, SqlRefused, TemplateInvalid, VariablesInvalid
from shared.templating.lexing import lex
from shared.templating.sql import bind
from tests.unit.templating.given import BUILT_IN, resolved, template, typed

KNOWN: dict[str, tuple[str, Value]] = {
    "date": ("date", "2025-11-15"),
    "n": ("int", 5),
    "x": ("float", 1.5),
    "yes": ("bool", True),
    "s": ("string", "it's"),
    "table": ("table", "my-p.d.t"),
    "project": ("string", "my-p"),
    "dataset": ("identifier", "d_1"),
    "ids": ("list[int]", (1, 2)),
    "names": ("list[string]", ("a", "b'")),
}


def bound(text: str) -> tuple[str, list[tuple[str, Any]]]:
    sql = bind(Sql(text), typed(**KNOWN))
    return sql.text, [(one.type, one.value) for one in sql.parameters]


@pytest.mark.parametrize(
    ("text", "becomes", "parameters"),
    [
        ("'{date}'", "@p1_date", [("STRING", "2025-11-15")]),
        ('"{date}"', "@p1_date", [("STRING", "2025-11-15")]),
        ("'''{s} a'b'''", "@p1_s", [("STRING", "it's a'b")]),
        ('"""\n{s}"""', "@p1_s\n", [("STRING", "\nit's")]),
        ("'%{s}%{n}'", "@p1_s_n", [("STRING", "%it's%5")]),
        (r"'it\'s {s}\n\x41\u00e9\101'", "@p1_s", [("STRING", "it's it's\nAéA")]),
        (r"r'\d{s}'", "@p1_s", [("STRING", "\\dit's")]),
        (r"R'''\'{s}'''", "@p1_s", [("STRING", "\\'it's")]),
        (r"'\x7bdate}'", r"'\x7bdate}'", []),
        ("""'{"a": {}}'""", """'{"a": {}}'""", []),
        ("DATE '{date}'", "CAST(@p1_date AS DATE)", [("STRING", "2025-11-15")]),
        ("timestamp'{date} 00:00:00'", "CAST(@p1_date AS TIMESTAMP)", [("STRING", "2025-11-15 00:00:00")]),
        ("x='{s}'AND y", "x=@p1_s AND y", [("STRING", "it's")]),
        ("`{table}`", "`my-p.d.t`", []),
        ("`{project}.{dataset}.t`", "`my-p.d_1.t`", []),
        ("`{project}`.`{dataset}`.t", "`my-p`.`d_1`.t", []),
        ("`{project}.{dataset}_silver.t`", "`my-p.d_1_silver.t`", []),
        ("{n} {x}", "@p1_n @p2_x", [("INT64", 5), ("FLOAT64", 1.5)]),
        ("{yes} {date}", "@p1_yes @p2_date", [("BOOL", True), ("DATE", "2025-11-15")]),
        ("LIMIT {n}", "LIMIT @p1_n", [("INT64", 5)]),
        ("GROUP BY f(a, {n}) LIMIT {n}", "GROUP BY f(a, @p1_n) LIMIT @p2_n", [("INT64", 5), ("INT64", 5)]),
        ("STRING({n})", "STRING(@p1_n)", [("INT64", 5)]),
        ("JSON '{s}'", "PARSE_JSON(@p1_s)", [("STRING", "it's")]),
        ("NUMERIC'{n}'", "CAST(@p1_n AS NUMERIC)", [("STRING", "5")]),
        ("INTERVAL {n} DAY", "INTERVAL @p1_n DAY", [("INT64", 5)]),
        ("a IN ({ids})", "a IN  UNNEST(@p1_ids)", [("INT64", [1, 2])]),
        ("a NOT IN({names})", "a NOT IN UNNEST(@p1_names)", [("STRING", ["a", "b'"])]),
        ("a IN ({n})", "a IN (@p1_n)", [("INT64", 5)]),
        ("a IN UNNEST({ids})", "a IN UNNEST(@p1_ids)", [("INT64", [1, 2])]),
        ("a -- {nothing} '\n, b", "a               \n, b", []),
        ("a /* {{x}} ` */ + b # {y}", "a               + b      ", []),
    ],
)  # fmt: skip
def test_a_placeholder_is_bound_by_its_place(text: str, becomes: str, parameters: list[tuple[str, Any]]) -> None:
    assert bound(text) == (becomes, parameters)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{s}", "is text; write '{s}' for a value"),
        ("SELECT * FROM {table}", "`{table}` for a name"),
        ("b'{s}'", "bytes literal"),
        ("B'''{s}'''", "bytes literal"),
        ("rb'{s}'", "no string of BigQuery"),
        ("'{ids}'", "write IN ({ids}), without quotes"),
        ("{ids}", "may stand alone in IN"),
        ("a IN ({ids}, 3)", "may stand alone in IN"),
        ("`{ids}`", "is a list"),
        ("SELECT 1 AS '{s}'", "an alias"),
        ("SELECT 1 AS {n}", "an alias"),
        ("OPTIONS(a = '{s}')", "OPTIONS"),
        ("PIVOT(SUM(a) FOR b IN ('{s}'))", "PIVOT"),
        ("CAST(a AS STRING FORMAT '{s}')", "a FORMAT clause"),
        ("INTERVAL '{n}' DAY", "write INTERVAL {n} DAY"),
        ("""JSON '{"a": "{s}"}'""", "JSON_OBJECT"),
        ("JSON {s}", "PARSE_JSON"),
        ("CAST(a AS NUMERIC({n}))", "the parameters of a type"),
        ("ARRAY<STRING({n})>[]", "the parameters of a type"),
        ("COLLATE(a, '{s}')", "COLLATE"),
        ("RANGE '{s}'", "a RANGE literal"),
        ("ORDER BY {n}", "after ORDER BY would be a constant"),
        ("GROUP BY a, {n}", "after GROUP BY would be a constant"),
        ("ORDER /* */ BY f(a), {n}", "would be a constant"),
        ("'a' '{s}'", "adjacent strings"),
        ("'{s}' 'a'", "adjacent strings"),
        ("a{n}", "glued"),
        ("${n}", "write {n}, without $"),
        ("{n}a", "glued"),
        ("1{n}", "glued"),
        ("{n}{x}", "glued"),
        ("{project}.{dataset}.t", "glued"),
        ("{ n }", "without spaces"),
        ("{1}", "no placeholder"),
        ("}", "no placeholder"),
        ("{% if x %}", "no SQL"),
        ("{# n #}", "neither a token nor a comment"),
        ("@x", "parameters are the platform's"),
        ("@@x", "parameters are the platform's"),
        ("?", "parameters are the platform's"),
        ("@{x=1} SELECT", "parameters are the platform's"),
        (r"'\{s}'", "no escape sequence"),
        (r"'\u00{s}'", "no escape sequence"),
        ("'{s}", "not closed"),
        ("`{table}", "not closed"),
        ("/* {s}", "not closed"),
        ("'a\n{s}'", "several lines"),
        ("`a\\`{table}`", "no backquote, backslash"),
        ("`a``{table}`", "no backquote, backslash"),
        ("SELECT\u00a0'{s}'", "neither a token"),
        ("SELECT ‘{s}’", "outside ASCII"),
        ("SEL\u200bECT '{s}'", "outside ASCII"),
    ],
)
def test_where_no_value_can_stand_a_placeholder_is_refused(text: str, says: str) -> None:
    with pytest.raises(SqlRefused) as caught:
        bound(text)

    assert says in str(caught.value) or any(says in fault.message for fault in caught.value.faults)


@pytest.mark.parametrize(
    "value",
    [
        "a`b",
        "a.b.c.d.e",
        "a b",
        "a-b; DROP",
        "t*",
        "t$20250101",
        "t@0",
        "",
        "..",
        "a..b",
        "a\nb",
        "ａ",
        "{table}",
        "a/*",
        "-a",
        "a.",
        ".a",
    ],
)
def test_what_is_no_name_cannot_stand_between_backquotes(value: str) -> None:
    variables = typed(v=("string", value))
    for text in ("`{v}`", "`a.{v}.c`"):
        with pytest.raises(VariablesInvalid):
            bind(Sql(text), variables)


@pytest.mark.parametrize("text", ["`{table}.x`", "`p.{table}`", "`x_{table}`"])
def test_a_value_that_is_part_of_a_name_cannot_add_parts(text: str) -> None:
    with pytest.raises(VariablesInvalid, match="one part of a name"):
        bound(text)


def test_a_name_with_a_wildcard_is_refused_as_it_reads_once_filled_in() -> None:
    with pytest.raises(VariablesInvalid, match=r"`my-p\.d\.\*`, filled in, is no table path"):
        bound("`{project}.d.*`")


def test_a_callers_free_choice_cannot_be_a_name() -> None:
    of = template("\n  note: hello", "\nsteps: [{step_id: a, ps_type: a.b, x: '{note}'}]")

    with pytest.raises(VariablesInvalid, match="a request cannot choose it freely"):
        bind(Sql("SELECT * FROM `{note}`"), resolved(of, {"note": "techcorp_99zx4"}))


@pytest.mark.parametrize("name", ["trigger_by", "error_message", "label"])
def test_a_built_in_that_somebody_else_words_cannot_be_a_name_either(name: str) -> None:
    of = template('\n  label: "{trigger_by}"', "\nsteps: [{step_id: a, ps_type: a.b}]")
    variables = resolved(of, built_in={**BUILT_IN, "trigger_by": "x_meta_api_keys", "error_message": "x_meta_api_keys"})

    with pytest.raises(VariablesInvalid, match="a request cannot choose it freely"):
        bind(Sql(f"SELECT * FROM `acmeinc_23xv2.{{{name}}}`"), variables)


def test_every_fault_of_a_query_names_its_line() -> None:
    with pytest.raises(TemplateInvalid) as caught:
        bound("SELECT {s},\n  '{dat}',\n  {{n}}")

    assert [fault.message for fault in caught.value.faults] == [
        "line 1 of the query: {s} is text; write '{s}' for a value, `{s}` for a name",
        "line 2 of the query: no variable {dat}; did you mean 'date' or 'dataset'?",
        "line 3 of the query: {{n}} has double braces; write {n}",
    ]


def test_a_bound_query_is_not_bound_again() -> None:
    with pytest.raises(ValueError, match="bound already"):
        bind(Sql("@p1_x '{x}'", (Parameter("p1_x", "STRING", "{date}"),)), typed())


QUERIES = (
    "SELECT '{v}', \"{v}\", '''a {v} b''', r'{v}', DATE '{v}' FROM t WHERE a LIKE '%{v}%' -- {v}",
    "SELECT * FROM t WHERE a = '{v}' AND b IN ({list}) /* {v} */ LIMIT {n}",
    "SELECT '{v}{v}' || 'x' FROM `p.d.t` WHERE '{v}'='{v}'OR FALSE",
)


@given(
    st.sampled_from(QUERIES),
    st.text(max_size=100),
    st.integers(-(2**63), 2**63 - 1),
    st.lists(st.text(max_size=5), max_size=3),
)
def test_the_text_that_runs_never_depends_on_a_value(query: str, value: str, number: int, several: list[str]) -> None:
    def text(v: str, n: int, some: tuple[str, ...]) -> Sql:
        return bind(Sql(query), typed(v=("string", v), n=("int", n), list=("list[string]", some)))

    sql = text(value, number, tuple(several))

    assert sql.text == text("a", 1, ("b",)).text
    assert {one.value for one in sql.parameters if one.type == "STRING" and not one.array} <= {
        value, f"a {value} b", f"%{value}%", value + value,
    }  # fmt: skip


@given(st.text(alphabet="ab`'\"\\-.{}/*#\n;@$ ü", max_size=12))
def test_a_name_stays_one_token_whatever_it_is_filled_with(value: str) -> None:
    plain = [one.kind for one in lex("SELECT * FROM `p.d.t` WHERE x")]
    try:
        sql = bind(Sql("SELECT * FROM `p.{v}.t` WHERE x"), typed(v=("string", value)))
    except PermanentError:
        return

    assert [one.kind for one in lex(sql.text)] == plain


@given(st.text(alphabet="ab'\"`\\{}xr#-/*\n \r;@$ü0(),.", max_size=40))
def test_no_query_text_makes_the_platform_fall_over(text: str) -> None:
    try:
        sql = bind(Sql(text), typed(x=("string", "'"), a=("int", 1)))
    except PermanentError:
        return

    assert "{" not in "".join(one.source for one in lex(sql.text) if not one.is_string and not one.is_quoted_name)


def test_no_more_parameters_than_bigquery_takes() -> None:
    text = "SELECT " + ", ".join(["{n}"] * 10_001)
    with pytest.raises(SqlRefused, match="10001 placeholders are as many query parameters; BigQuery takes 10,000"):
        bind(Sql(text), typed(n=("int", 1)))
