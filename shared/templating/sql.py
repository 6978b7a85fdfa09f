"""Turn a query's placeholders into query parameters and checked names: no value is ever pasted into SQL.

What becomes of a placeholder depends on where it stands (rules 4, "SQL"):

    in a string literal        the whole literal is one STRING parameter; text around the placeholder joins the value
    in a typed literal         DATE '{date}' is CAST(@p AS DATE); JSON '{x}' is PARSE_JSON(@p), and nothing beside {x}
    between backquotes         a name, checked against BigQuery's grammar part by part
    in a comment               dropped with the comment
    bare                       a parameter of the variable's type: int, float, bool, date
    a list, alone in IN (…)    an array parameter
    where BigQuery wants a literal (aliases, OPTIONS, PIVOT, FORMAT)   refused

In a LIKE pattern a value's %, _ and \\ keep their meaning there, as the author asked for a pattern: with the value "%"
LIKE '%{x}%' is true of every text (of the tenant's own rows). STARTS_WITH and STRPOS take a value for what it is.
"""

import re

from shared.contracts.files.variable_spec import PATH_PART, PROJECT, Value
from shared.contracts.sql import Parameter, ParameterType, Scalar, Sql
from shared.errors import Fault
from shared.templating.fields import refusal
from shared.templating.placeholders import Name
from shared.templating.places import Bare, InLiteral, InName, Place, outline
from shared.templating.variables import Variables

# Source: facts 10.
MOST_PARAMETERS = 10_000
_BARE_TYPES: dict[str, ParameterType] = {"int": "INT64", "float": "FLOAT64", "bool": "BOOL", "date": "DATE"}
_PATH = re.compile(rf"(?:{PROJECT}\.)?{PATH_PART}(?:\.{PATH_PART}){{0,2}}")
_PART = re.compile(PATH_PART)
_PROJECT_PART = re.compile(PROJECT)


def bind(sql: Sql, variables: Variables, *, prefix: str = "p") -> Sql:
    """The query with its placeholders bound. Its tokens depend on its text and the variables' types, never on values.

    Names between backquotes are the exception in text, not in kind: one name token stays one name token. Parameters are
    named p1_…, p2_… (after `prefix`) in the order of the text; a query's author may use none, so that no names meet.

    Raises SqlRefused, TemplateInvalid or VariablesInvalid with all faults, each message naming the query's line.
    """
    if sql.parameters:
        raise ValueError("this query is bound already; values are not looked into for placeholders again")
    plan = outline(sql.text)
    binder = _Binder(variables, list(plan.faults), prefix)
    text = "".join(piece if isinstance(piece, str) else binder.put(piece) for piece in plan.pieces)
    if len(binder.parameters) > MOST_PARAMETERS:
        message = (
            f"{len(binder.parameters)} placeholders are as many query parameters; BigQuery takes {MOST_PARAMETERS:,}"
        )
        binder.faults.append(Fault("query:1:1", "sql_refused", message))
    if binder.faults:
        raise refusal(binder.faults)
    return Sql(text, tuple(binder.parameters))


class _Binder:
    """Writes each place, gathering parameters and faults."""

    def __init__(self, variables: Variables, faults: list[Fault], prefix: str) -> None:
        self._variables, self._prefix = variables, prefix
        self.parameters: list[Parameter] = []
        self.faults = faults

    def put(self, place: Place) -> str:
        parts = (place.name,) if isinstance(place, Bare) else place.parts
        faults = [fault for part in parts if isinstance(part, Name) and (fault := self._variables.fault(part, "query"))]
        if faults:
            for one in faults:
                self._fault(place, one.message, one.code)
            return ""
        if isinstance(place, InLiteral):
            return self._literal(place)
        if isinstance(place, InName):
            return self._name(place)
        return self._bare(place)

    def _literal(self, place: InLiteral) -> str:
        for part in place.parts:
            if isinstance(part, Name) and self._variables.spec(part.name).is_list:
                self._fault(place, f"{{{part.name}}} is a list; write IN ({{{part.name}}}), without quotes")
        value = "".join(part if isinstance(part, str) else self._variables.text(part.name) for part in place.parts)
        parameter = self._parameter(place.parts, "STRING", value)
        if place.cast == "JSON":
            return f"PARSE_JSON({parameter})"
        return f"CAST({parameter} AS {place.cast})" if place.cast else parameter

    def _bare(self, place: Bare) -> str:
        name = place.name.name
        spec, value = self._variables.spec(name), self._variables[name]
        if spec.is_list:
            if not place.listed:
                self._fault(place, f"{{{name}}} is a list; it may stand alone in IN (…) or UNNEST(…) only")
                return ""
            kind = _BARE_TYPES.get(spec.base_type, "STRING")
            parameter = self._parameter((place.name,), kind, value)
            return f" UNNEST({parameter})" if place.parenthesised else parameter
        if spec.base_type not in _BARE_TYPES:
            self._fault(place, f"{{{name}}} is text; write '{{{name}}}' for a value, `{{{name}}}` for a name")
            return ""
        parameter = self._parameter((place.name,), _BARE_TYPES[spec.base_type], value)
        return f"({parameter})" if place.parenthesised else parameter

    def _name(self, place: InName) -> str:
        """Fill a name. A placeholder that is the whole name may be a path; else it fills no more than its part."""
        filled = []
        for index, part in enumerate(place.parts):
            if isinstance(part, str):
                filled.append(part)
                continue
            value = self._variables.text(part.name)
            if self._variables.spec(part.name).is_list:
                self._fault(place, f"{{{part.name}}} is a list, and a name is one thing")
                return ""
            if part.name in self._variables.caller_chosen:
                message = f"{{{part.name}}} names something here, so a request cannot choose it freely"
                self._fault(place, message, "variable_protected")
                return ""
            if len(place.parts) == 1:
                grammar, expected = _PATH, "a name, or project.dataset.table"
            elif index == 0 and str(place.parts[1]).startswith("."):
                grammar, expected = _PROJECT_PART, "one part of a name"
            else:
                grammar, expected = _PART, "one part of a name: letters, digits, _ and -"
            if not grammar.fullmatch(value):
                self._fault(
                    place, f"{{{part.name}}} stands between backquotes and must be {expected}", "variable_invalid"
                )
                return ""
            filled.append(value)
        name = "".join(filled)
        if not _PATH.fullmatch(name):
            message = (
                f"`{name}`, filled in, is no table path; write project.dataset.table, without wildcard or decorator"
            )
            self._fault(place, message, "variable_invalid")
        return f"`{name}`"

    def _parameter(self, parts: tuple[str | Name, ...], kind: ParameterType, value: Value) -> str:
        names = "_".join(part.name for part in parts if isinstance(part, Name))[:60]
        name = f"{self._prefix}{len(self.parameters) + 1}_{names}"
        plain: Scalar | list[Scalar] = list(value) if isinstance(value, tuple) else value
        self.parameters.append(Parameter(name, kind, plain, array=isinstance(value, tuple)))
        return f"@{name}"

    def _fault(self, place: Place, message: str, code: str = "sql_refused") -> None:
        where = f"query:{place.line}:{place.column}"
        self.faults.append(Fault(where, code, f"line {place.line} of the query: {message}"))
