"""Which files are source and may go into a bundle: all that are are of a known kind, and whatever else lies about is an
error that names it. Left out it would be missed at run time, taken along it might be a key.

Needs Python 3.11 or newer and nothing else.
"""

import json
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

# What is source: code, and the files that code reads at run time.
KINDS = {
    "functions": (".py", ".html", ".css"),
    "shared": (".py",),
    "configs": (".yml",),
    "templates": (".json",),
}
# Left by Python, editors and operating systems; it comes and goes, and is no part of the source.
LEFT_OUT = (
    "__pycache__", "*.pyc", ".*_cache",
    ".*.sw?", "*~", ".#*", "#*#", ".idea", ".vscode",
    ".DS_Store", "._*", "Thumbs.db", "desktop.ini",
)  # fmt: skip
# Of a folder: what editors check its files with; no function reads it.
NOT_READ = {"configs": ("*.schema.json",)}
# The keys of a table in `templates/`, and of its columns, as shared/contracts/tables.py reads them.
TABLE = frozenset({"description", "partition_field", "partition_type", "cluster_by", "fields"})
COLUMN = frozenset({"name", "type", "mode", "description", "fields"})
# The file that holds tables by name (shared/contracts/files/table_files.py).
SEVERAL = "schema_template.json"
# No file of source has a tenth of it.
MOST_BYTES = 1024**2


class BundleRefused(Exception):
    """The tree holds what cannot be bundled; the message says which file, and what would be right."""


def source_files(root: Path, folder: Path) -> Iterator[Path]:
    """The source files below a folder of `root`. Raises BundleRefused for whatever else is there, but what comes and
    goes (LEFT_OUT) and what no function reads (NOT_READ).
    """
    if folder.is_symlink() or not folder.is_dir():
        raise BundleRefused(f"{shown(root, folder)} is no folder; a bundle needs it")
    top = folder.relative_to(root).parts[0]
    for entry in sorted(folder.iterdir()):
        if any(fnmatchcase(entry.name, pattern) for pattern in (*LEFT_OUT, *NOT_READ.get(top, ()))):
            continue
        if not entry.name.isprintable():
            raise BundleRefused(
                f"{shown(root, entry)} is no source: its name is not printable UTF-8. Rename it, or remove it"
            )
        if entry.name.startswith("."):
            raise BundleRefused(f"{shown(root, entry)} is no source: its name begins with a dot. Remove it")
        if entry.is_dir() and not entry.is_symlink():
            yield from source_files(root, entry)
        else:
            yield source_file(root, entry, KINDS[top])


def source_file(root: Path, file: Path, kinds: Collection[str] = ()) -> Path:
    """The file itself, if it is one, not too large, and of these kinds; none given means any. Raises BundleRefused."""
    name = shown(root, file)
    if file.is_symlink():
        raise BundleRefused(f"{name} is a symbolic link: a bundle holds files only, put a copy there")
    if not file.is_file():
        raise BundleRefused(f"{name} is no file")
    if kinds and file.suffix not in kinds:
        raise BundleRefused(
            f"{name} is no source: {file.relative_to(root).parts[0]}/ holds {', '.join(kinds)}."
            " Remove it, or name its kind in functions/bundled_files.py"
        )
    if (size := file.stat().st_size) > MOST_BYTES:
        raise BundleRefused(f"{name} has {size:,} bytes; a file of source has at most {MOST_BYTES:,}")
    if file.relative_to(root).parts[0] == "templates":
        _check_tables(file, name)
    return file


def shown(root: Path, path: Path) -> str:
    """The path as messages name it, on one line."""
    name = path.relative_to(root).as_posix()
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in name)


def _check_tables(file: Path, name: str) -> None:
    """Any JSON would do for a key; what is deployed has the shape of a table, or of tables by name."""
    what = "tables by name" if file.name == SEVERAL else "table"
    try:
        body = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BundleRefused(f"{name} describes no {what}: it is no JSON") from error
    bodies = list(body.values()) if file.name == SEVERAL and isinstance(body, dict) else [body]
    if not all(isinstance(each, dict) and each.keys() <= TABLE and _are_columns(each.get("fields")) for each in bodies):
        raise BundleRefused(
            f"{name} describes no {what}: a table has fields, each with name and type, and may have"
            f" {', '.join(sorted(TABLE - {'fields'}))}. Remove it, or mend it (convergence templates says where)"
        )


def _are_columns(bodies: Any) -> bool:
    return (
        isinstance(bodies, list)
        and bool(bodies)
        and all(
            isinstance(each, dict)
            and {"name", "type"} <= each.keys() <= COLUMN
            and ("fields" not in each or _are_columns(each["fields"]))
            for each in bodies
        )
    )
