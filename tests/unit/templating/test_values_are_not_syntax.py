"""For any template and any values: the tokens that run are the template's own, and a value stays what it is."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.files.variable_spec import PATH_PART, Value
from shared.contracts.sql import Parameter, Sql
from shared.errors import PermanentError
from shared.templating.fields import fill, fill_html
from shared.templating.lexing import lex
from shared.templating.sql import bind
from tests.unit.templating.given import resolved, template, typed

PIECES = (
    "'{s}'", '"{s}"', "'''a {s}'b'''", '"""{s}\n"""', "r'{s}'", "r'''{s}\\'''", "'%{s}_'", "'{s}{n}{d}'",
    "'it\\'s {s}'", "'{list}'", "b'{s}'", "b'x'", "'x'", "DATE '{d}'", "TIMESTAMP '{d} {s}'", "NUMERIC '{n}'",
    "JSON '{s}'", "JSON '[{s}]'", "INTERVAL {n} DAY", "INTERVAL '{s}' DAY", "{n}", "{x}", "{yes}", "{d}", "{s}",
    "{list}", "IN ({list})", "NOT IN({ints})", "IN ({n}, {x})", "IN UNNEST({ints})", "`{name}`", "`p.{name}.t`",
    "`p.d.{name}_x`", "`{name}{name}`", "`a b`", "-- {s} '\n", "/* {s} ` */", "# {{s}}\n", "SELECT", "FROM", "AS",
    "ORDER BY", "FORMAT", "LIMIT {n}", "OPTIONS", "PIVOT", "NUMERIC", "(", ")", ",", "=", ".", "a", "1", "@p1_s",
    "\\", "'", '"', "`", "{{s}}", "{ s }", "{other}",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["'", '"', "\\", "`", "'''", "' OR '1'='1", "*/", "--", "\n", "{n}", "{{s}}", "{tenant_id}", "@p1_s", "%"]
    ),
)
NAMES = st.one_of(st.from_regex(PATH_PART, fullmatch=True).filter(lambda name: len(name) < 99), TEXTS)
VALUES = st.fixed_dictionaries(
    {
        "s": TEXTS,
        "n": st.integers(-(2**63), 2**63 - 1),
        "x": st.floats(allow_nan=False, allow_infinity=False),
        "yes": st.booleans(),
        "d": st.dates().map(str),
        "list": st.lists(TEXTS, max_size=3).map(tuple),
        "ints": st.lists(st.integers(-9, 9), max_size=3).map(tuple),
        "name": NAMES,
    }
)
TYPES = {
    "s": "string", "n": "int", "x": "float", "yes": "bool", "d": "date", "list": "list[string]", "ints": "list[int]",
    "name": "string",
}  # fmt: skip
QUERIES = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(["", " ", " ", "\n"])), max_size=8).map(
    lambda pieces: "".join(piece + gap for piece, gap in pieces)
)


def bound(query: str, values: Mapping[str, Value]) -> Sql | set[tuple[str, str]]:
    """The bound query, or the faults of its text: those that name a value's own fault are left out."""
    try:
        return bind(Sql(query), typed(**{name: (TYPES[name], value) for name, value in values.items()}))
    except PermanentError as error:
        faults = error.faults or ()
        return {(one.code, one.message) for one in faults if one.code != "variable_invalid"}


def shape(sql: Sql) -> tuple[list[Any], list[tuple[str, str, bool]]]:
    """Everything but values: the tokens, those of names by their kind only, and the parameters' names and types."""
    tokens = [(one.kind, None if one.is_quoted_name else one.source) for one in lex(sql.text)]
    return tokens, [(one.name, one.type, one.array) for one in sql.parameters]


@settings(max_examples=400, deadline=None)
@given(QUERIES, VALUES, VALUES)
def test_tokens_and_refusals_depend_on_the_template_and_never_on_values(
    query: str, some: Mapping[str, Value], others: Mapping[str, Value]
) -> None:
    one, two = bound(query, some), bound(query, others)

    if isinstance(one, Sql) and isinstance(two, Sql):
        assert shape(one) == shape(two)
    elif not isinstance(one, Sql) and not isinstance(two, Sql):
        assert one == two
    else:  # one of them has a value that is no name; the text itself has no fault
        assert set() in (one, two)


@settings(max_examples=400, deadline=None)
@given(QUERIES, VALUES)
def test_a_value_is_in_its_parameter_as_it_is(query: str, values: Mapping[str, Value]) -> None:
    sql = bound(query, values)

    if isinstance(sql, Sql):
        assert all(_holds(parameter, values) for parameter in sql.parameters)


def _holds(parameter: Parameter, values: Mapping[str, Value]) -> bool:
    """Whether a parameter is a text that contains its variables' values, or is the one value that it stands for."""
    names = parameter.name.split("_")[1:]
    if len(names) == 1 and parameter.type != "STRING":
        return parameter.value in (values[names[0]], list(values["ints"]))  # type: ignore[arg-type]  # a tuple of ints
    if parameter.array:
        return parameter.value == list(values[names[0]])  # type: ignore[arg-type]
    return all(str(values[name]) in str(parameter.value) for name in names)


@settings(deadline=None)
@given(st.text(max_size=60), st.lists(st.sampled_from(["{a}", "{b}", "{date}", "x", "{ a }", "<"]), max_size=6))
def test_a_filled_text_holds_values_as_they_are(value: str, pieces: list[str]) -> None:
    value = "".join(one for one in value if one != "\0") + "{a}{b}{{date}}"
    of = template('\n  a: hello\n  b: "<{a}>"', "\nsteps: [{step_id: a, ps_type: a.b}]")
    variables = resolved(of, {"a": value})
    meant = {"{a}": value, "{b}": f"<{value}>", "{date}": "2025-11-15"}

    assert fill("".join(pieces), variables) == "".join(meant.get(piece, piece) for piece in pieces)
    shown = fill_html("".join(piece for piece in pieces if piece != "<"), variables)
    assert "<" not in shown
