"""Fill the texts of a template: plain text as it is, HTML escaped, SQL bound to parameters."""

import html
import re
import types
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from shared.contracts.fields import IsHtml
from shared.contracts.files.pipeline_template import PipelineTemplate, Step
from shared.contracts.sql import Sql
from shared.errors import Fault, IsolationRefused, PermanentError, SqlRefused, TemplateInvalid, VariablesInvalid
from shared.templating.identifiers import is_naming_field
from shared.templating.placeholders import Name, names, split
from shared.templating.variables import Variables

FieldPath = tuple[str | int, ...]
T = TypeVar("T")
TEMPLATE_CODES = frozenset({"double_braces", "variable_unresolved", "variable_circular", "template_invalid"})
"""Faults that only the template's author can mend."""


def fill(text: str, variables: Variables, *, where: str = "text") -> str:
    """The text with its placeholders replaced. A value is not looked into for placeholders again.

    Raises TemplateInvalid (`double_braces`, `variable_unresolved`) or VariablesInvalid (`variable_missing`).
    """
    return _fill(text, variables, where, str)


def fill_html(text: str, variables: Variables, *, where: str = "html") -> str:
    """The same for HTML: values are escaped, the template's own markup is not."""
    return _fill(text, variables, where, html.escape)


def _fill(text: str, variables: Variables, where: str, put: Callable[[str], str]) -> str:
    parts = split(text)
    faults = [fault for part in parts if isinstance(part, Name) and (fault := variables.fault(part, where))]
    if faults:
        raise refusal(faults)
    return "".join(part if isinstance(part, str) else put(variables.text(part.name)) for part in parts)


def refusal(faults: Sequence[Fault]) -> PermanentError:
    """The error for these faults: the template's, the query's, or the values'."""
    codes = {fault.code for fault in faults}
    kind: type[PermanentError] = VariablesInvalid
    if codes & TEMPLATE_CODES:
        kind = TemplateInvalid
    elif "isolation_refused" in codes:
        kind = IsolationRefused
    elif "sql_refused" in codes:
        kind = SqlRefused
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return kind(f"{faults[0].where}: {faults[0].message}{more}", faults=faults)


def fill_model(
    model: BaseModel,
    variables: Variables,
    bind_sql: Callable[[Sql], Sql],
    *,
    template: PipelineTemplate | None = None,
    step: Step | None = None,
) -> dict[str, Any]:
    """The model's data with every text filled, ready to be validated by the same model again.

    Fields of type `Sql` go through `bind_sql`, fields of type `Html` are escaped. Only what was set is returned, so
    that defaults stay defaults. Each fault has the path of its field, and with `template` and `step` its line.
    Raises what `refusal` picks, with the faults of all fields.
    """
    walk = _Walk(variables, bind_sql, template, step)
    data = walk.model(model, ())
    if walk.faults:
        raise refusal(walk.faults)
    return data


class _Walk:
    """One walk through a model; gathers faults."""

    def __init__(
        self,
        variables: Variables,
        bind_sql: Callable[[Sql], Sql],
        template: PipelineTemplate | None,
        step: Step | None,
    ) -> None:
        self._variables, self._bind_sql = variables, bind_sql
        self._template, self._step = template, step
        self.faults: list[Fault] = []

    def model(self, model: BaseModel, path: FieldPath) -> dict[str, Any]:
        filled = {}
        for name in model.model_fields_set:
            key, is_html = _field(type(model), name)
            filled[key] = self._value(getattr(model, name), (*path, key), is_html)
        return filled

    def _value(self, value: Any, path: FieldPath, is_html: bool) -> Any:
        if isinstance(value, str):
            return self._text(value, path, is_html)
        if isinstance(value, Sql):
            return self._try(lambda: self._bind_sql(value), value, path)
        if isinstance(value, BaseModel):
            return self.model(value, path)
        if isinstance(value, Mapping):
            return {key: self._value(item, (*path, key), is_html) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item, (*path, index), is_html) for index, item in enumerate(value)]
        return value

    def _text(self, text: str, path: FieldPath, is_html: bool) -> str:
        if "{" not in text:
            return text
        if is_naming_field(path):
            for part in names(text):
                if part.name in self._variables.caller_chosen:
                    message = f"{{{part.name}}} names something here, so a request cannot choose it freely"
                    self.faults.append(Fault(self._where(path), "variable_protected", message))
        put = fill_html if is_html else fill
        return self._try(lambda: put(text, self._variables), text, path)

    def _try(self, act: Callable[[], T], otherwise: T, path: FieldPath) -> T:
        try:
            return act()
        except PermanentError as error:
            where = self._where(path)
            found = error.faults or (Fault(where, error.code, error.message),)
            self.faults += [self._in_file(one, path) for one in found]
            return otherwise

    def _in_file(self, fault: Fault, path: FieldPath) -> Fault:
        """A fault of a text, with its place in the file: `query:3:1` is the start of the text's third line."""
        place = re.fullmatch(r"query:([0-9]+):([0-9]+)", fault.where)
        if place is None or self._template is None or self._step is None:
            return Fault(self._where(path), fault.code, fault.message)
        at = self._template.document.line_within((*self._step.path, *path), int(place[1]), int(place[2]))
        where = f"{self._template.file}:{at} {self._step.step_id}.{_dotted(path)}"
        return Fault(where, fault.code, fault.message.removeprefix(f"line {place[1]} of the query: "))

    def _where(self, path: FieldPath) -> str:
        if self._template is None or self._step is None:
            return _dotted(path)
        return f"{self._template.where((*self._step.path, *path))} {self._step.step_id}.{_dotted(path)}"


def _dotted(path: FieldPath) -> str:
    return ".".join(str(part) for part in path)


@lru_cache(maxsize=1024)
def _field(model: type[BaseModel], name: str) -> tuple[str, bool]:
    """How a file calls a field, and whether it is HTML."""
    info = model.model_fields.get(name)
    if info is None:
        return name, False
    return info.alias or name, _has_html(info.annotation) or any(_is_mark(one) for one in info.metadata)


def _is_mark(one: object) -> bool:
    return one is IsHtml or isinstance(one, IsHtml)


def _has_html(annotation: Any) -> bool:
    """Whether a type is Html, or a union or list of it."""
    if get_origin(annotation) is Annotated:
        return any(_is_mark(one) for one in annotation.__metadata__) or _has_html(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType, list, tuple, dict):
        return any(_has_html(one) for one in get_args(annotation))
    return False
