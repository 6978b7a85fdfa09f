"""Write for each function the zip that is deployed: `python -m functions.bundle [--out DIR] [NAME …]`.

A bundle keeps the tree of the repository, so that imports are the same everywhere, and adds at its root what Google's
build looks for: requirements.txt, and a main.py of one line that names the entry point. Folders that the function does
not need stay out.

The same source makes the same bytes, whoever builds it, where and when. Nothing is compressed: what zlib writes differs
from build to build of it, and a bundle is a few hundred kilobytes.

Needs Python 3.11 or newer and nothing else.
"""

import argparse
import ast
import hashlib
import io
import os
import stat
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from functions.bundled_files import BundleRefused, shown, source_file, source_files

ROOT = Path(__file__).resolve().parent.parent
# The earliest time that a zip can hold.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3  # the system that the mode is to be understood by (zip's "version made by")
_MODE = stat.S_IFREG | 0o644


def function_names(root: Path) -> list[str]:
    """The folders of `functions/` with a main.py, sorted."""
    return sorted(main.parent.name for main in (root / "functions").glob("*/main.py"))


def bundle(root: Path, name: str) -> bytes:
    """The zip of the function `name` of the repository at `root`. Raises BundleRefused."""
    held = contents(root, name)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(held):
            entry = zipfile.ZipInfo(path, _TIME)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            archive.writestr(entry, held[path])
    return made.getvalue()


def contents(root: Path, name: str) -> dict[str, bytes]:
    """Path in the bundle (with `/`) → bytes. Raises BundleRefused."""
    files = [*_of_functions(root, name)]
    files += [file for folder in ("shared", "configs", "templates") for file in source_files(root, root / folder)]
    files += [source_file(root, root / "requirements.txt")]
    main = f"from functions.{name}.main import {name}  # the entry point\n"
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files} | {"main.py": main.encode()}


def _of_functions(root: Path, name: str) -> list[Path]:
    """The function's own folder, and the modules of `functions/` that it imports, also by way of one another."""
    package = root / "functions"
    files = [source_file(root, package / "__init__.py"), *source_files(root, package / name)]
    main = package / name / "main.py"
    if not any(isinstance(node, ast.FunctionDef) and node.name == name for node in _parsed(root, main).body):
        raise BundleRefused(f"functions/{name}/main.py has no function {name}: the entry point is named as its folder")
    for file in files:  # grows while it is walked
        if file.suffix != ".py":
            continue
        for part in sorted(_imported(_parsed(root, file)) - {name}):
            module = package / f"{part}.py"
            if not module.is_file():
                raise BundleRefused(
                    f"{shown(root, file)} imports functions.{part}, which is no module beside the functions' folders:"
                    " what several functions need is one, or belongs in shared/"
                )
            if module not in files:
                files.append(source_file(root, module))
    return files


def _parsed(root: Path, file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:  # of a NUL, ValueError before Python 3.12
        raise BundleRefused(f"{shown(root, file)} is no Python: {error}") from error


def _imported(module: ast.Module) -> set[str]:
    """Which parts of the package `functions` a module imports. Imports are absolute: ruff refuses `from ..`."""
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("functions.")}
    return found


def write(file: Path, content: bytes) -> None:
    """Put the content into the file, whole or not at all; whoever reads it meanwhile reads the old one."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "wb") as output:
            output.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink()
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bundles that are asked for; 0, or 1 when one is refused: then none is written."""
    known = function_names(ROOT)
    parser = argparse.ArgumentParser(
        prog="python -m functions.bundle", description="Write for each function the zip that is deployed."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; all of them if none is given")
    parser.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="where to (default: %(default)s)")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in known]:
        parser.error(f"no function {', '.join(unknown)}; known functions: {', '.join(known)}")
    try:
        made = {given.out / f"{name}.zip": bundle(ROOT, name) for name in given.names or known}
        given.out.mkdir(parents=True, exist_ok=True)
        for file, content in made.items():
            write(file, content)
            sys.stdout.write(f"{file} {hashlib.sha256(content).hexdigest()} {len(content)}\n")
    except (BundleRefused, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
