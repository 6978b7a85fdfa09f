"""The sources that several tenants share, as `configs/sources.yml` declares them."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.files import strict_yaml
from shared.contracts.files.explain import explain
from shared.errors import Fault, TemplateInvalid


class SharedSource(BaseModel):
    """A table that holds rows of several tenants. Both texts may hold `{placeholders}`.

    `table` is `project.dataset.table`, with operator settings only. `tenant_filter` is a condition over the table's
    columns that is true for the tenant's own rows, with tenant_id and operator-set tenant variables only.
    `partition_field` and `cluster_by` say how the table is laid out; `make templates` tells from them what a run reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64, description="How logs and messages call the source.")
    table: str = Field(
        min_length=1, max_length=2_000, description="project.dataset.table; {placeholders} are operator settings."
    )
    tenant_filter: str = Field(
        min_length=1,
        max_length=10_000,
        description="A condition over the table's columns, true for the tenant's own rows only; it may use {tenant_id}"
        " and variables that the operator set for the tenant.",
    )
    description: str = ""
    partition_field: str | None = Field(
        None, description="The column by whose day the table is partitioned: a query that filters by it reads a day."
    )
    cluster_by: tuple[str, ...] = Field(
        (), description="The columns that the table is clustered by; tenant_filter should begin with the first."
    )


@dataclass(frozen=True)
class ExaminedSources:
    """What `sources.yml` came to: the sources that are right, by their index in the list, and all that is wrong."""

    sources: Mapping[int, SharedSource]
    document: strict_yaml.Document
    faults: tuple[Fault, ...]


def examine_sources(data: bytes, *, file: str) -> ExaminedSources:
    """Look at the bytes of `sources.yml`, a list of sources; nothing is raised."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        fault = Fault(f"{file}:{line}", "yaml_invalid", "not UTF-8 text; save the file as UTF-8")
        return ExaminedSources({}, strict_yaml.Document(), (fault,))
    document = strict_yaml.read(text, file=file)
    faults, items = list(document.faults), document.value
    if not isinstance(items, list):
        if items is not None or not faults:
            faults.append(
                Fault(f"{file}:1", "template_invalid", "a list of {name, table, tenant_filter}; write [] for none")
            )
        items = []
    sources: dict[int, SharedSource] = {}
    for index, item in enumerate(items):
        try:
            source = SharedSource.model_validate(item)
        except ValidationError as error:
            faults += explain(error, document, file=file, model=SharedSource, below=(index,))
            continue
        for key in ("name", "table"):
            value = getattr(source, key)
            if value in [getattr(other, key) for other in sources.values()]:
                where = f"{file}:{document.line_of((index, key))}"
                faults.append(Fault(where, "template_invalid", f"a second source of the {key} {value!r}; keep one"))
        sources[index] = source
    return ExaminedSources(sources, document, tuple(faults))


def read_sources(data: bytes, *, file: str) -> tuple[SharedSource, ...]:
    """Read `sources.yml`. Raises TemplateInvalid with every fault."""
    examined = examine_sources(data, file=file)
    if faults := examined.faults:
        raise TemplateInvalid(f"{file} is not valid: {faults[0].where}: {faults[0].message}", faults=faults)
    return tuple(examined.sources.values())
