"""Every file of a folder of templates, and what is wrong with where it is and what it is called."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.template_address import TemplateAddress
from shared.desk.findings import Finding
from shared.errors import TemplateNotFound

SOURCES = "sources.yml"
# Written by `convergence schema`; editors read them.
GENERATED = frozenset({"pipeline.schema.json", "sources.schema.json"})
_WRONG_EXTENSIONS = (".yaml", ".yml.txt", ".yaml.txt")


@dataclass(frozen=True)
class Files:
    """What is below a folder: `templates` by address, whether there is a `sources.yml`, and what is misplaced."""

    templates: dict[TemplateAddress, Path]
    has_sources: bool
    findings: tuple[Finding, ...]


def shown(path: Path) -> str:
    """The path as messages name it: from the working folder, where it is below it, so that terminals can open it.

    What cannot be printed on one line is escaped.
    """
    absolute = path.absolute()
    name = (absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path).as_posix()
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in name)


def configs_files(folder: Path) -> Files:
    """The files of a `configs` folder. Hidden files and editors' backups count as not there."""
    templates: dict[TemplateAddress, Path] = {}
    found: list[Finding] = []
    has_sources = False
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if unread := _unread(path):
            found.append(Finding(shown(path), 1, unread))
        elif name == SOURCES:
            has_sources = True
        elif name not in GENERATED:
            try:
                templates[TemplateAddress.parse(name)] = path
            except TemplateNotFound as error:
                found.append(Finding(shown(path), 1, _misplaced(name, str(error))))
    if not templates and not found:
        found.append(Finding(shown(folder), 1, "no template in this folder; the first is provider/domain/name.yml"))
    return Files(templates, has_sources, tuple(found))


def table_files(folder: Path) -> tuple[list[Path], list[Finding]]:
    """The files of a `templates` folder, and what can be none."""
    files, found = [], []
    for path in _walk(folder):
        if unread := _unread(path):
            found.append(Finding(shown(path), 1, unread))
        elif path.suffix == ".json":
            files.append(path)
        else:
            found.append(Finding(shown(path), 1, f"{path.name!r} is no table schema: the extension is .json"))
    return files, found


def _walk(folder: Path) -> Iterator[Path]:
    """Files, and links to folders, in order; folders are not followed through links."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if Path(root, name).is_symlink()]
        for name in sorted([*files, *links]):
            if not name.startswith(".") and not name.endswith("~"):
                yield Path(root, name)


def _unread(path: Path) -> str:
    """Why a file is not read: a link is another file's text, or nobody's; a pipe has no end."""
    if not path.is_symlink():
        if not path.is_file():
            return "no plain file; put one here, or take it away"
        return "" if os.access(path, os.R_OK) else "cannot be read; give whoever checks it the right to (chmod u+r)"
    if not path.exists():
        return "a link to nothing; put the file itself here"
    return "a link; put the file itself here: what it points to is not deployed with this folder, or is there twice"


def _misplaced(name: str, reason: str) -> str:
    for extension in _WRONG_EXTENSIONS:
        if name.lower().endswith(extension):
            return f"the extension is .yml; rename it to {name[: -len(extension)]}.yml"
    if name.lower().endswith(".yml") and not name.endswith(".yml"):
        return f"the extension is .yml, in lower case; rename it to {name[:-4]}.yml"
    return reason.removeprefix("no template ")
