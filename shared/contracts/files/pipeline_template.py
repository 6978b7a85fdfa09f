"""A pipeline template: one file of `configs/`, read strictly, each fault with its line."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from shared.contracts.faults import nearest
from shared.contracts.files import strict_yaml
from shared.contracts.files.explain import dotted, explain
from shared.contracts.files.template_body import RESERVED, VARIABLE_NAME, Retry, StepBody, TemplateBody, Trigger
from shared.contracts.files.variable_spec import VariableSpec
from shared.contracts.template_address import TemplateAddress
from shared.errors import Fault, TemplateInvalid

MAX_FILE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Step:
    """One step. `fields` are the engine's own, as read from the file; `timeout` is in seconds.

    `depends_on` are all the steps that it waits for: those that the file names, or else every step before it.
    """

    step_id: str
    name: str
    ps_type: str
    trigger: Trigger
    depends_on: tuple[str, ...]
    retry: Retry
    timeout: float | None
    fields: Mapping[str, object]
    line: int
    index: int

    @property
    def path(self) -> tuple[str | int, ...]:
        """Where the step is in the file, for `PipelineTemplate.line_of`."""
        return ("steps", self.index)


@dataclass(frozen=True, eq=False)
class PipelineTemplate:
    """A template that has the right shape.

    Compared and hashed by identity: what is derived from it is cached per object. `file` is its name in messages
    (`configs/gcp/cost/x.yml`); `version` is the first 16 hex digits of the SHA-256 of the file's bytes.
    """

    address: TemplateAddress
    file: str
    version: str
    pipeline_id: str
    description: str
    variables: Mapping[str, VariableSpec]
    steps: tuple[Step, ...]
    document: strict_yaml.Document = field(repr=False)

    def line_of(self, path: tuple[str | int, ...]) -> int:
        """The line of a value such as `("steps", 0, "source", "query")`, or of its nearest ancestor."""
        return self.document.line_of(path)

    def where(self, path: tuple[str | int, ...]) -> str:
        """The same as `file:line`, for a Fault."""
        return f"{self.file}:{self.line_of(path)}"


@dataclass(frozen=True)
class Examined:
    """What a template's bytes came to: everything that is wrong, and what could be read all the same.

    `body` is None where the file does not have a template's shape; `faults` then says why. They are sorted by line.
    """

    document: strict_yaml.Document
    body: "TemplateBody | None"
    faults: tuple[Fault, ...]


def examine(data: bytes, *, file: str) -> Examined:
    """Look at a template's bytes; nothing is raised."""
    if len(data) > MAX_FILE_BYTES:
        return _unread(f"{file}:1", "too_large", f"{len(data)} bytes; a template has at most {MAX_FILE_BYTES}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return _unread(f"{file}:{line}", "yaml_invalid", "not UTF-8 text; save the file as UTF-8")
    document = strict_yaml.read(text, file=file)
    faults = list(document.faults)
    body: TemplateBody | None = None
    if isinstance(document.value, dict):
        faults += _name_faults(document, file)
        try:
            body = TemplateBody.model_validate(document.value)
        except ValidationError as error:
            faults += explain(error, document, file=file, model=TemplateBody)
    elif not faults:
        empty = "the file is empty; " if document.value is None else ""
        message = f"{empty}a template is a mapping with the keys pipeline_id, description, variables, steps"
        faults = [Fault(f"{file}:1", "template_invalid", message)]
    if body is not None:
        faults += _step_faults(body, document, file)
    return Examined(document, body, tuple(sorted(faults, key=lambda one: int(one.where.rpartition(":")[2]))))


def _unread(where: str, code: str, message: str) -> Examined:
    return Examined(strict_yaml.Document(), None, (Fault(where, code, message),))


def read_template(data: bytes, *, address: TemplateAddress, file: str) -> PipelineTemplate:
    """Read a template's bytes. Raises TemplateInvalid with every fault of the file, in the order of its lines."""
    examined = examine(data, file=file)
    faults, body, document = examined.faults, examined.body, examined.document
    if faults or body is None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        message = f"{file} is not a valid template: {faults[0].where}: {faults[0].message}{more}"
        raise TemplateInvalid(message, faults=faults)
    waits_for = _waits_for(body.steps)
    steps = tuple(
        Step(
            step_id=one.step_id,
            name=one.name or one.step_id,
            ps_type=one.ps_type,
            trigger=one.trigger,
            depends_on=waits_for[one.step_id],
            retry=one.retry,
            timeout=one.timeout,
            fields=dict(one.model_extra or {}),
            line=document.line_of(("steps", index)),
            index=index,
        )
        for index, one in enumerate(body.steps)
    )
    return PipelineTemplate(
        address=address,
        file=file,
        version=hashlib.sha256(data).hexdigest()[:16],
        pipeline_id=body.pipeline_id,
        description=body.description,
        variables=dict(body.variables),
        steps=steps,
        document=document,
    )


def _name_faults(document: strict_yaml.Document, file: str) -> list[Fault]:
    """Variables whose name cannot be one."""
    assert isinstance(document.value, dict)
    declared = document.value.get("variables")
    faults = []
    for name in declared if isinstance(declared, dict) else ():
        where = f"{file}:{document.line_of(('variables', name))}"
        if name in RESERVED:
            faults.append(
                Fault(
                    where, "template_invalid", f"variables.{name}: built in; the platform sets it, choose another name"
                )
            )
        elif not re.fullmatch(VARIABLE_NAME, name):
            faults.append(
                Fault(
                    where,
                    "template_invalid",
                    f"variables.{name}: a name is lower case letters, digits and _, at most 64",
                )
            )
    return faults


def _waits_for(steps: Sequence[StepBody]) -> dict[str, tuple[str, ...]]:
    """For each step those that it waits for. One that names none comes after all that could run before it, so that
    naming a later step is no circle.
    """
    left, ordered = list(steps), dict[str, tuple[str, ...]]()
    while left:
        step = next(step for step in left if ordered.keys() >= set(step.depends_on or ()))
        left.remove(step)
        ordered[step.step_id] = tuple(ordered) if step.depends_on is None else step.depends_on
    return ordered


def _step_faults(body: TemplateBody, document: strict_yaml.Document, file: str) -> list[Fault]:
    """Step ids that are not unique; depends_on that names no step, or goes round in a circle."""
    faults: list[Fault] = []

    def fault(index: int, key: str, message: str) -> None:
        path = ("steps", index, key)
        where = f"{file}:{document.line_of(path)}"
        faults.append(Fault(where, "template_invalid", f"{dotted(document, path)}: {message}"))

    seen: dict[str, int] = {}
    for index, step in enumerate(body.steps):
        if step.step_id in seen:
            first = document.line_of(("steps", seen[step.step_id]))
            fault(index, "step_id", f"{step.step_id!r} is the id of the step on line {first} too; ids are unique")
        seen.setdefault(step.step_id, index)
    for index, step in enumerate(body.steps):
        for needed in step.depends_on or ():
            if needed not in seen:
                fault(index, "depends_on", f"no step {needed!r}; {nearest(needed, seen)}")
    # An id that is there twice says nothing about circles.
    ids = Counter(step.step_id for step in body.steps)
    needs = {step.step_id: step.depends_on or () for step in body.steps if ids[step.step_id] == 1}
    for step_id in _circular(needs):
        fault(seen[step_id], "depends_on", f"step {step_id!r} waits for itself; break the circle")
    return faults


def _circular(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """The names that reach themselves, or lie between others that do; not those that merely wait for them.

    >>> _circular({"load": ["extract"], "extract": ["load"], "tell": ["load"]})
    ['load', 'extract']
    """
    left = {name: set(others) for name, others in needs.items()}
    while free := [
        name
        for name, others in left.items()
        if not others & left.keys() or not any(name in those for those in left.values())
    ]:
        for name in free:
            del left[name]
    return list(left)
