"""What each variable of a run is worth, and who set it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from shared.contracts.faults import nearest
from shared.contracts.files.variable_spec import Value, VariableSpec
from shared.errors import Fault
from shared.templating.placeholders import Name

Origin = Literal["template", "operator", "tenant", "request", "built-in"]

FAILURE_NOTE = "is there only in steps whose trigger is on_failure or always"
TEXT = VariableSpec()


@dataclass(frozen=True)
class Variables(Mapping[str, Value]):
    """The values of one run, by name. A name that is known but has no value is not in the mapping; `fault` says why.

    `caller_chosen` are those whose value a request decides freely: they can name nothing. `requested` are all that hold
    something of a request's, also within the bounds of a pattern or enum.
    """

    _values: Mapping[str, Value]
    _origins: Mapping[str, Origin]
    _specs: Mapping[str, VariableSpec]
    _missing: Mapping[str, str]
    caller_chosen: frozenset[str] = field(default=frozenset())
    requested: frozenset[str] = field(default=frozenset())

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def origin(self, name: str) -> Origin:
        """Who set the value."""
        return self._origins[name]

    def spec(self, name: str) -> VariableSpec:
        """The variable's type and bounds; text for what no template declares."""
        return self._specs[name]

    def text(self, name: str) -> str:
        """The value as it reads in text: `true`, `2025-11-15`, `a, b`."""
        return as_text(self._values[name])

    def comes_with_failure(self, name: str) -> bool:
        """Whether the value is missing only because nothing has failed (yet)."""
        return name in self._missing and FAILURE_NOTE in self._missing[name]

    def after_failure(self, failure: Mapping[str, str]) -> "Variables | None":
        """The same with what went wrong set; None where other variables refer to that, and have to be resolved anew."""
        if any(FAILURE_NOTE in why for name, why in self._missing.items() if name not in failure):
            return None
        return Variables(
            {**self._values, **failure},
            {**self._origins, **dict.fromkeys(failure, "built-in")},
            {**self._specs, **dict.fromkeys(failure, TEXT)},
            {name: why for name, why in self._missing.items() if name not in failure},
            self.caller_chosen,
            self.requested,
        )

    def fault(self, part: Name, where: str) -> Fault | None:
        """What is wrong with using this placeholder, or None.

        Codes: `double_braces`, `variable_missing` (known, but this run gives it no value), `variable_unresolved`.
        """
        name = part.name
        if part.doubled:
            return Fault(where, "double_braces", f"{{{{{name}}}}} has double braces; write {{{name}}}")
        if name in self._values:
            return None
        if name in self._missing:
            return Fault(where, "variable_missing", self._missing[name])
        known = {*self._values, *self._missing}
        return Fault(where, "variable_unresolved", f"no variable {{{name}}}; {nearest(name, known)}")


def as_text(value: Value) -> str:
    """A value as it reads in text.

    >>> as_text(True), as_text(("a", 2)), as_text(1.5)
    ('true', 'a, 2', '1.5')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(as_text(item) for item in value)
    return str(value)
