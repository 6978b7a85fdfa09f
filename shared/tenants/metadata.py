"""The tables x_meta_… of a tenant: where they are and what columns they have."""

from functools import cache
from pathlib import Path

from shared.contracts.files.table_files import examine_tables
from shared.contracts.tables import DatasetRef, TableRef, TableSchema
from shared.errors import TemplateInvalid


def metadata_table(data_project: str, tenant_id: str, name: str) -> TableRef:
    """The tenant's table of that name."""
    return DatasetRef(data_project, tenant_id).table(name)


def metadata_schema(templates_dir: Path, file: str) -> TableSchema:
    """The schema of a tenant's metadata table, by its file's name. Raises TemplateInvalid with the known files."""
    folder = templates_dir / "customer" / "onboarding" / "schemas"
    known = sorted(path.name for path in folder.glob("*.json"))
    if file not in known:
        raise TemplateInvalid(f"no schema file {file!r}; known: {', '.join(known)}")
    return _read(folder / file)


@cache
def _read(path: Path) -> TableSchema:
    return examine_tables(path.read_bytes(), file=path.name, several=False).table("", file=path.name)
