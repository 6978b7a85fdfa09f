"""The sources that several tenants share, as `configs/sources.yml` declares them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts import strict_yaml
from shared.contracts.explain import explain
from shared.errors import Fault, TemplateInvalid


class SharedSource(BaseModel):
    """A table that holds rows of several tenants. Both texts may hold `{placeholders}`.

    `table` is `project.dataset.table`, with operator settings only. `tenant_filter` is a condition over the table's
    columns that is true for the tenant's own rows, with tenant_id and operator-set tenant variables only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
    table: Annotated[str, Field(min_length=1, max_length=2_000)]
    tenant_filter: Annotated[str, Field(min_length=1, max_length=10_000)]
    description: str = ""


def read_sources(data: bytes, *, file: str) -> tuple[SharedSource, ...]:
    """Read `sources.yml`: a list of sources. Raises TemplateInvalid with every fault."""
    document = strict_yaml.read(data.decode("utf-8", errors="replace"), file=file)
    faults, sources = list(document.faults), []
    items = document.value
    if not isinstance(items, list):
        if items is not None or not faults:
            faults.append(
                Fault(f"{file}:1", "template_invalid", "a list of {name, table, tenant_filter}; write [] for none")
            )
        items = []
    names: set[str] = set()
    for index, item in enumerate(items):
        try:
            source = SharedSource.model_validate(item)
        except ValidationError as error:
            faults += explain(error, document, file=file, model=SharedSource, below=(index,))
            continue
        if source.name in names:
            where = f"{file}:{document.line_of((index, 'name'))}"
            faults.append(Fault(where, "template_invalid", f"a second source {source.name!r}; names are unique"))
        names.add(source.name)
        sources.append(source)
    if faults:
        raise TemplateInvalid(f"{file} is not valid: {faults[0].where}: {faults[0].message}", faults=faults)
    return tuple(sources)
