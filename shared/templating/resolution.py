"""Give each variable of a run its value, and refuse what may not stand in its place.

Precedence (rules 4): template default < operator settings < tenant variables < request < built-ins.
"""

from collections.abc import Iterable, Mapping

from shared.contracts.faults import nearest
from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.contracts.files.template_body import BUILT_IN, FAILURE_BUILT_IN
from shared.contracts.files.variable_spec import IDENTIFIER_TYPES, Scalar, Value, VariableSpec
from shared.errors import Fault, TemplateInvalid, VariablesInvalid
from shared.templating.identifiers import naming_variables
from shared.templating.placeholders import Name, names, split, texts
from shared.templating.variables import FAILURE_NOTE, TEXT, Origin, Variables, as_text

_LONGEST_CHAIN = 50  # far above what people write; each reference is a call within a call
_BUILT_IN_SPECS = {
    **dict.fromkeys((*BUILT_IN, *FAILURE_BUILT_IN), TEXT),
    **dict.fromkeys(("tenant_id", "provider", "domain", "template_name"), VariableSpec(type="identifier")),
    **dict.fromkeys(("date", "run_date"), VariableSpec(type="date")),
}


def resolve(
    template: PipelineTemplate,
    *,
    operator: Mapping[str, str],
    tenant: Mapping[str, str],
    request: Mapping[str, object],
    built_in: Mapping[str, str | None],
) -> Variables:
    """The variables of one run of one template.

    Operator settings and tenant variables that are empty count as not set. `built_in` need not hold pipeline_id: it is
    the template's own text, filled. A built-in that is None or not given is missing, which matters where it is used.

    Raises TemplateInvalid for references in a circle or to nothing, else VariablesInvalid with one fault for each wrong
    value: `variable_unknown`, `variable_protected`, `variable_invalid`.
    """
    return _Resolution(template, operator, tenant, request, built_in).run()


def is_protected(template: PipelineTemplate, name: str) -> bool:
    """Whether a declared variable cannot be overridden by a request.

    What names things is protected unless the template says `overridable: true` and bounds it with a pattern or enum.
    """
    spec = template.variables[name]
    if spec.overridable is False:
        return True
    names_things = spec.base_type in IDENTIFIER_TYPES or name in naming_variables(template)
    return names_things and not (spec.overridable and spec.is_bounded)


class _Resolution:
    """One call of `resolve`: fills the four mappings of Variables and gathers faults."""

    def __init__(
        self,
        template: PipelineTemplate,
        operator: Mapping[str, str],
        tenant: Mapping[str, str],
        request: Mapping[str, object],
        built_in: Mapping[str, str | None],
    ) -> None:
        self._template = template
        self._layers: tuple[tuple[Origin, Mapping[str, str]], ...] = (("tenant", tenant), ("operator", operator))
        self._request = request
        self._built_in = built_in
        self._values: dict[str, Value] = {}
        self._origins: dict[str, Origin] = {}
        self._specs: dict[str, VariableSpec] = {}
        self._missing: dict[str, str] = {}
        self._caller_chosen: set[str] = {"trigger_by", "error_message"}  # built in, but worded by others
        self._requested = {*self._caller_chosen, *request}
        self._template_faults: list[Fault] = []
        self._faults: list[Fault] = []
        self._open: list[str] = []
        # Without a value because of a fault that is listed, or will be.
        self._failed: set[str] = set(request) - {"pipeline_id"}

    def run(self) -> Variables:
        overridden = self._read_request()
        self._read_built_ins()
        self._read_layers(skip=overridden)
        for name in self._template.variables:
            self._default(name)
        self._default("pipeline_id")
        faults = [*self._template_faults, *self._faults]
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            kind = TemplateInvalid if self._template_faults else VariablesInvalid
            raise kind(f"{faults[0].where}: {faults[0].message}{more}", faults=faults)
        return Variables(
            self._values,
            self._origins,
            self._specs,
            self._missing,
            frozenset(self._caller_chosen),
            frozenset(self._requested),
        )

    def _set(self, name: str, value: Value, origin: Origin, spec: VariableSpec) -> None:
        self._values[name] = value
        self._origins[name] = origin
        self._specs[name] = spec

    def _read_request(self) -> set[str]:
        declared = self._template.variables
        for name, value in self._request.items():
            where = f"body.{name}"
            spec = declared.get(name)
            if spec is None:
                self._faults.append(Fault(where, *self._not_declared(name)))
            elif is_protected(self._template, name):
                message = f"{name!r} cannot be overridden: it is set by the template and the operator"
                self._faults.append(Fault(where, "variable_protected", message))
            else:
                try:
                    self._set(name, spec.read(value), "request", spec)
                except ValueError as error:
                    self._faults.append(Fault(where, "variable_invalid", f"{name!r} {error}"))
                if not spec.is_bounded:
                    self._caller_chosen.add(name)
        return set(self._request)

    def _not_declared(self, name: str) -> tuple[str, str]:
        if name in _BUILT_IN_SPECS:
            return "variable_protected", f"{name!r} is built in; the platform sets it"
        if any(name in layer for _, layer in self._layers):
            return "variable_protected", f"{name!r} is set by the operator; this template does not open it to requests"
        open_names = [other for other in self._template.variables if not is_protected(self._template, other)]
        return (
            "variable_unknown",
            f"template {self._template.address} has no variable {name!r}; {nearest(name, open_names)}",
        )

    def _read_built_ins(self) -> None:
        for name, spec in _BUILT_IN_SPECS.items():
            value = self._built_in.get(name)
            if value is not None:
                self._set(name, value, "built-in", spec)
            elif name == "date":
                self._missing[name] = '{date} is used, and this run has no date; give one: "date": "2025-11-15"'
            elif name in FAILURE_BUILT_IN:
                self._missing[name] = f"{{{name}}} {FAILURE_NOTE}"
            elif name != "pipeline_id":
                self._missing[name] = f"{{{name}}} has no value in this run"

    def _read_layers(self, skip: set[str]) -> None:
        for origin, layer in self._layers:  # the stronger first
            for name, value in layer.items():
                if name in self._values or name in _BUILT_IN_SPECS or name in skip:
                    continue
                spec = self._template.variables.get(name, TEXT)
                if value == "":
                    if name not in self._template.variables:
                        self._missing[name] = f"{{{name}}} is not set; the operator sets it"
                    continue
                self._missing.pop(name, None)
                try:
                    self._set(name, spec.read(value, from_text=True), origin, spec)
                except ValueError as error:
                    where = f"{origin}.{name}"
                    self._faults.append(Fault(where, "variable_invalid", f"the {origin}'s {name!r} {error}"))

    def _default(self, name: str) -> None:
        """Give the variable its default, and before it those that it refers to."""
        if name in self._values or name in self._missing or name in self._failed:
            return
        default: Value = self._template.pipeline_id
        spec: VariableSpec = TEXT
        origin: Origin = "built-in"
        if name != "pipeline_id":
            spec, origin = self._template.variables[name], "template"
            if spec.default is None:
                self._missing[name] = f"{{{name}}} has no value; give it in the request, or have the operator set it"
                return
            default = spec.default
        self._open.append(name)
        self._failed.add(name)
        if self._are_there(name, default):
            self._fill_default(name, spec, default, origin)
        self._open.pop()

    def _where(self, name: str) -> str:
        """The place of a default in the file."""
        return self._template.where((name,) if name == "pipeline_id" else ("variables", name))

    def _are_there(self, name: str, default: object) -> bool:
        """Whether all that a default refers to has a value; what has none is recorded."""
        complete = True
        for part in (part for _, text in texts(default) for part in names(text)):
            if part.name in self._open:
                circle = " → ".join([*self._open[self._open.index(part.name) :], part.name])
                message = f"{name!r} refers to itself: {circle}"
                self._template_faults.append(Fault(self._where(name), "variable_circular", message))
                complete = False
            elif len(self._open) > _LONGEST_CHAIN:
                message = f"{name!r} refers through more than {_LONGEST_CHAIN} variables; shorten the chain"
                self._template_faults.append(Fault(self._where(name), "template_invalid", message))
                return False
            elif not self._is_there(name, part):
                complete = False
        return complete

    def _is_there(self, name: str, part: Name) -> bool:
        """Whether a placeholder in the default of `name` has a value; if not, the reason is recorded."""
        other = part.name
        if other in self._template.variables or other == "pipeline_id":
            self._default(other)
        if other in self._values and not part.doubled:
            for chosen in (self._caller_chosen, self._requested):
                if other in chosen:
                    chosen.add(name)
            return True
        partial = Variables(self._values, self._origins, self._specs, self._missing)
        fault = partial.fault(part, self._where(name))
        assert fault is not None, "without a value there is a reason"
        if fault.code == "variable_missing":
            self._missing.setdefault(name, f"{{{name}}} refers to a variable without value: {fault.message}")
        elif other not in self._failed:
            self._template_faults.append(fault)
        return False

    def _fill_default(self, name: str, spec: VariableSpec, default: object, origin: Origin) -> None:
        if isinstance(default, str):
            filled: object = self._items(default.split(",")) if spec.is_list else self._filled(default)
        elif isinstance(default, tuple):
            filled = self._items(default)
        else:
            filled = default
        try:
            if name == "pipeline_id" and not str(filled).strip():
                raise ValueError("is empty")  # noqa: TRY301 - said as any other wrong value
            self._set(name, spec.read(filled, from_text=True), origin, spec)
        except ValueError as error:
            message = f"{name!r} {error}, once its references are filled in"
            self._faults.append(Fault(self._where(name), "variable_invalid", message))

    def _items(self, items: Iterable[Scalar]) -> tuple[Scalar, ...]:
        """The items of a list, filled. One that is nothing but a list is all of its items; a value adds no others."""
        found: list[Scalar] = []
        for item in items:
            parts = split(item.strip()) if isinstance(item, str) else (item,)
            only = parts[0] if len(parts) == 1 else None
            several = self._values[only.name] if isinstance(only, Name) else None
            if isinstance(several, tuple):
                found += several
            elif isinstance(item, str):
                found += [self._filled(item.strip())] if item.strip() else []
            else:
                found.append(item)
        return tuple(found)

    def _filled(self, text: str) -> str:
        return "".join(part if isinstance(part, str) else as_text(self._values[part.name]) for part in split(text))
