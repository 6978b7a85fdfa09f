"""What a template says of one of its variables, and whether a value obeys it."""

import re
import sys
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator
from pydantic_core import SchemaError, SchemaValidator, core_schema

from shared.contracts.fields import EMAIL
from shared.contracts.tenant import DATASET_TYPE

Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...]
BaseType = Literal["string", "int", "float", "bool", "date", "email", "identifier", "table", "dataset_type"]
BASE_TYPES: tuple[str, ...] = get_args(BaseType)
IDENTIFIER_TYPES = frozenset({"identifier", "table", "dataset_type"})

MAX_TEXT = 4_096  # characters in one value: far beyond any name or address, far below a message's 64 KiB
MAX_ITEMS = 1_000  # values in one list

# One part of a BigQuery path between backquotes: no quote, dot, space, wildcard or decorator can be in it.
PATH_PART = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,1023}"
# A project may belong to a domain: `example.com:project`.
PROJECT = rf"(?:[a-z0-9][a-z0-9.-]{{0,253}}:)?{PATH_PART}"
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_GRAMMARS = {
    "identifier": (r"[A-Za-z_][A-Za-z0-9_-]{0,127}", "letters, digits, _ and -, not starting with a digit"),
    "table": (rf"(?:{PROJECT}\.)?{PATH_PART}\.{PATH_PART}", "project.dataset.table"),
    "dataset_type": (DATASET_TYPE.removeprefix("^").removesuffix("$"), "lower case letters, digits and single _"),
    "email": (EMAIL, "an address such as finance@example.com"),
}


def _check_type(name: object) -> object:
    base = name.removeprefix("list[").removesuffix("]") if isinstance(name, str) else name
    if base not in BASE_TYPES or (isinstance(name, str) and name not in (base, f"list[{base}]")):
        raise ValueError(f"no type {name!r}; known types: {', '.join(BASE_TYPES)}, and list[…] of these")
    return name


class VariableSpec(BaseModel):
    """One variable, as the long form writes it; the short form (`limit: 10`) is read into the same.

    `default` None means that a value must come from the operator, the tenant or the request.
    `overridable` None means: yes, unless the variable is used as an identifier.
    `min` and `max` bound numbers and dates (as ISO text); `pattern` must match the whole of a text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    default: Annotated[
        str | int | float | bool | tuple[str | int | float | bool, ...] | None,
        Field(
            union_mode="smart",
            description="The value where nobody gives one; without it somebody must. Other {variables} may be in it.",
        ),
    ] = None
    type: Annotated[
        str,
        BeforeValidator(_check_type),
        WithJsonSchema({"enum": [*BASE_TYPES, *(f"list[{one}]" for one in BASE_TYPES)]}),
    ] = Field("string", description="What kind of value it is; left out, the default says it.")
    overridable: bool | None = Field(
        None, description="Whether requests may set it; left out: yes, unless it names a table, dataset or the like."
    )
    description: str = Field("", description="What the variable is for.")
    pattern: str | None = Field(
        None, description="A regular expression that the whole of a text must match; no look-around or backreferences."
    )
    enum: tuple[Scalar, ...] | None = Field(None, description="The only values that are taken.")
    min: Annotated[
        int | float | str | None, Field(union_mode="smart", description="The least number, or the first date.")
    ] = None
    max: Annotated[
        int | float | str | None, Field(union_mode="smart", description="The greatest number, or the last date.")
    ] = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.pattern is not None:
            _expression(self.pattern)
            if self.base_type in ("int", "float", "bool"):
                raise ValueError(f"pattern is for text; bound a variable of type {self.type} with min, max or enum")
        if self.enum is not None and not self.enum:
            raise ValueError("enum is empty; name the values, or leave it out")
        if (self.min is not None or self.max is not None) and self.base_type not in ("int", "float", "date"):
            raise ValueError(f"min and max are for int, float and date, not for {self.type}")
        if self.overridable and self.base_type in IDENTIFIER_TYPES and not self.is_bounded:
            raise ValueError(f"overridable {self.type} needs a pattern or an enum: it chooses what is read or written")
        for value in self.enum or ():
            _must_be(self.base_type, value, f"enum value {value!r}")
        for name, bound in (("min", self.min), ("max", self.max)):
            if bound is not None:
                _must_be("date" if self.base_type == "date" else "float", bound, name)
        if self.min is not None and self.max is not None and self.min > self.max:  # type: ignore[operator]
            raise ValueError(f"min {self.min} is above max {self.max}: no value could be right")
        if self.default is not None and "{" not in str(self.default):  # else: read once its references are filled in
            try:
                self.read(self.default)
            except ValueError as error:
                raise ValueError(f"default {error}") from error
        return self

    @property
    def base_type(self) -> str:
        """The type of one value: `int` for `list[int]`."""
        return self.type.removeprefix("list[").removesuffix("]")

    @property
    def is_list(self) -> bool:
        """Whether the variable holds several values."""
        return self.type.startswith("list[")

    @property
    def is_bounded(self) -> bool:
        """Whether the author said which values a caller may give: what an overridable identifier needs."""
        return self.pattern is not None or self.enum is not None

    def read(self, value: object, *, from_text: bool = False) -> Value:
        """The value, if it is one of this variable's; raises ValueError that says what would be right.

        With `from_text`, text is read as the type (`"5"` as an int, `"a, b"` as a list): that is how operator settings,
        tenant variables and references among variables arrive. A request's values must have the JSON type.

        >>> VariableSpec(type="list[int]", max=9).read("1, 2", from_text=True)
        (1, 2)
        """
        if not self.is_list:
            return self._read_one(value, from_text)
        if from_text and isinstance(value, str):
            value = [item.strip() for item in value.split(",") if item.strip()]
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise ValueError(f"must be a list of {self.base_type}")  # noqa: TRY004 - one kind of error for a wrong value
        if len(value) > MAX_ITEMS:
            raise ValueError(f"has {len(value)} values; at most {MAX_ITEMS} are taken")
        return tuple(self._read_one(item, from_text) for item in value)

    def _read_one(self, value: object, from_text: bool) -> Scalar:
        typed = _typed(self.base_type, _from_text(self.base_type, value) if from_text else value)
        if self.pattern is not None and not _matches(self.pattern, str(typed)):
            raise ValueError(f"must match {self.pattern}")
        if self.enum is not None and typed not in [_typed(self.base_type, one) for one in self.enum]:
            raise ValueError(f"must be one of {', '.join(map(str, self.enum))}")
        # Dates are ISO text here, whose order is that of the days.
        if self.min is not None and typed < self.min:  # type: ignore[operator]  # same kind: checked by _is_consistent
            raise ValueError(f"must be at least {self.min}")
        if self.max is not None and typed > self.max:  # type: ignore[operator]
            raise ValueError(f"must be at most {self.max}")
        return typed


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> SchemaValidator:
    r"""The pattern, for the whole of a text, in the regular expressions of Rust.

    Python's own take exponential time for a careless pattern such as `([a-z]+-?)+` and a text that a caller chose for
    it; these take time linear in the text, and refuse what cannot be had so: look-around, backreferences, large counts.
    """
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern))  # by itself: "a)|(b" must not close what is put around
        return SchemaValidator(core_schema.str_schema(pattern=rf"\A(?:{pattern})\z"))
    except SchemaError as error:
        reason = str(error).rpartition("\n")[2].strip().removeprefix("error: ").removeprefix("SchemaError: ")
        raise ValueError(f"pattern is no regular expression of linear time: {reason}") from error


def _matches(pattern: str, text: str) -> bool:
    try:
        _expression(pattern).validate_python(text)
    except ValidationError:
        return False
    return True


def _from_text(kind: str, value: object) -> object:
    if not isinstance(value, str):
        return str(value) if kind not in ("int", "float", "bool") else value
    try:
        if kind == "int":
            return int(value) if re.fullmatch(r"[-+]?[0-9]{1,19}", value) else value
        if kind == "float":
            return float(value)
    except ValueError:
        return value
    return {"true": True, "false": False}.get(value.lower(), value) if kind == "bool" else value


def _must_be(kind: str, value: object, what: str) -> None:
    try:
        _typed(kind, value)
    except ValueError as error:
        raise ValueError(f"{what} {error}") from error


def _typed(kind: str, value: object) -> Scalar:
    if kind == "bool":
        if isinstance(value, bool):
            return value
        raise ValueError("must be true or false")
    if kind == "int":
        if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
            return value
        raise ValueError("must be a whole number")
    if kind == "float":
        # A whole number of JSON has no bound; above the largest double it has no float.
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
            return float(value)
        raise ValueError("must be a number")
    if not isinstance(value, str):
        raise ValueError(f"must be text ({kind})")  # noqa: TRY004 - one kind of error for a wrong value
    return _text(kind, value)


def _text(kind: str, value: str) -> str:
    if len(value) > MAX_TEXT:
        raise ValueError(f"has {len(value)} characters; at most {MAX_TEXT} are taken")
    if _NO_TEXT.search(value):
        raise ValueError("holds a NUL or half a surrogate pair: no Unicode text")
    if kind == "date":
        try:
            # fromisoformat also takes 20251115 and 2025-W46-6; only one spelling is ours.
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                date.fromisoformat(value)
                return value
        except ValueError:
            pass
        raise ValueError("must be a date such as 2025-11-15")
    if kind in _GRAMMARS:
        grammar, example = _GRAMMARS[kind]
        if not re.fullmatch(grammar, value):
            raise ValueError(f"must be {'an' if kind[0] in 'aei' else 'a'} {kind}: {example}")
    return value
