"""Check every file of `configs/` and `templates/`, without cloud and without a run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from shared.contracts.faults import nearest
from shared.contracts.files.explain import dotted, explain
from shared.contracts.files.pipeline_template import Examined, PipelineTemplate, examine, read_template
from shared.contracts.files.shared_sources import examine_sources
from shared.contracts.files.table_files import SEVERAL, examine_tables
from shared.contracts.files.template_body import STEP_KEYS
from shared.contracts.template_address import TemplateAddress
from shared.desk.files import SOURCES, configs_files, shown, table_files
from shared.desk.findings import Finding, findings
from shared.desk.known import Known
from shared.desk.sources import filter_faults
from shared.desk.template_check import TemplateCheck
from shared.engines.base import Services
from shared.engines.registry import engine
from shared.errors import Fault, RequestInvalid, TemplateInvalid
from shared.settings import Settings


@dataclass(frozen=True)
class Report:
    """What was checked, and what was found, in the order of files and lines.

    `stood_in` are the operator settings that nobody gave, so that stand-ins were taken for them.
    """

    templates: int
    schemas: int
    findings: tuple[Finding, ...]
    stood_in: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """How many of the findings are no warnings."""
        return sum(not finding.is_warning for finding in self.findings)

    def __str__(self) -> str:
        warnings = len(self.findings) - self.errors
        counted = [_count(self.errors, "fault") if self.errors else "no fault"]
        counted += [_count(warnings, "warning")] if warnings else []
        return f"{_count(self.templates, 'template')}, {_count(self.schemas, 'schema')}: {', '.join(counted)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def check(configs: Path, templates: Path, *, known: Known, services_of: Callable[[Settings], Services]) -> Report:
    """Everything that is wrong with the files of the two folders, all at once. Nothing is run or written.

    Raises RequestInvalid where `known.source_bytes` names no shared source.
    """
    files = configs_files(configs)
    found = list(files.findings)
    schemas, of_tables = _check_tables(templates)
    found += of_tables
    sources_file = shown(configs / SOURCES)
    examined = examine_sources((configs / SOURCES).read_bytes() if files.has_sources else b"[]", file=sources_file)
    found += findings(examined.faults, file=sources_file)
    sources = tuple(examined.sources.values())
    if not examined.faults:
        _check_names(known.source_bytes, [source.name for source in sources], file=sources_file)
    pipelines, of_unread = _read(files.templates)
    found += of_unread
    settings = known.settings_for(configs=configs, templates=templates, sources=sources, pipelines=pipelines)
    template_check = TemplateCheck(services_of(settings), sources, known)
    of_filters = filter_faults(examined, lambda source: template_check.policy([source]), file=sources_file)
    found += findings(of_filters, file=sources_file)
    for template in pipelines:
        found += template_check.check(template)
    return Report(len(files.templates), schemas, tuple(sorted(set(found))), known.stood_in(sources))


def _check_tables(templates: Path) -> tuple[int, list[Finding]]:
    """How many table schemas there are, and what is wrong with their files."""
    schemas = 0
    tables, found = table_files(templates)
    for path in tables:
        examined = examine_tables(path.read_bytes(), file=shown(path), several=path.name == SEVERAL)
        schemas += len(examined.schemas)
        found += findings(examined.faults, file=shown(path))
    return schemas, found


def _check_names(given: Iterable[str], sources: Sequence[str], *, file: str) -> None:
    """Raise RequestInvalid for the first name that is no shared source's."""
    if wrong := sorted(set(given).difference(sources)):
        raise RequestInvalid(f"no shared source {wrong[0]!r} in {file}; {nearest(wrong[0], sources)}")


def _read(files: Mapping[TemplateAddress, Path]) -> tuple[list[PipelineTemplate], list[Finding]]:
    """The templates that have the right shape, and what is wrong with the others."""
    read: list[PipelineTemplate] = []
    found: list[Finding] = []
    for address, path in sorted(files.items()):
        data, file = path.read_bytes(), shown(path)
        examined = examine(data, file=file)
        if examined.faults:
            found += findings([*examined.faults, *_engine_faults(examined, file)], file=file)
        else:
            read.append(read_template(data, address=address, file=file))
    return read, found


def _engine_faults(examined: Examined, file: str) -> list[Fault]:
    """What engines say of the steps of a template whose own shape is wrong: all faults are to come at once."""
    value, document = examined.document.value, examined.document
    steps = value.get("steps") if isinstance(value, dict) else None
    faults = []
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        ps_type = step.get("ps_type") if isinstance(step, dict) else None
        if not isinstance(ps_type, str) or "." not in ps_type:
            continue
        place = ("steps", index)
        try:
            model = engine(ps_type).fields_model
            model.model_validate({key: item for key, item in step.items() if key not in STEP_KEYS})
        except TemplateInvalid as error:
            line = document.line_of((*place, "ps_type"))
            named = dotted(document, (*place, "ps_type"))
            faults.append(Fault(f"{file}:{line} {named}", error.code, error.message))
        except ValidationError as error:
            faults += explain(error, document, file=file, model=model, below=place, also=STEP_KEYS)
    return faults
