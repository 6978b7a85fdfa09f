"""The same source makes the same bundle, and a bundle holds what its function needs, nothing else."""

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from functions import bundle, bundled_files
from functions.bundled_files import BundleRefused
from shared.contracts.files.table_files import SEVERAL
from shared.contracts.tables import Column, TableSchema

PARTS = ("functions", "shared", "configs", "templates", "requirements.txt")
FUNCTIONS = ["api", "dead_letter", "fan_out", "run_pipeline"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copy(tmp_path / "tree")


def copy(to: Path) -> Path:
    """A copy of what bundles are made of, without the caches that running it here has left."""
    for part in PARTS:
        source = bundle.ROOT / part
        if source.is_dir():
            shutil.copytree(source, to / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, to / part)
    return to


def names(name: str, root: Path = bundle.ROOT) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(bundle.bundle(root, name))).namelist()


def command(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As CI runs it: no virtual environment, no package beside the standard library."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "functions.bundle", *arguments],
        cwd=root, env={}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_two_checkouts_that_differ_in_all_but_the_source_make_the_same_bundles(tree: Path, tmp_path: Path) -> None:
    other = copy(tmp_path / "elsewhere" / "a checkout")
    for number, path in enumerate(sorted(other.rglob("*"), reverse=True)):
        path.chmod(0o700 if path.is_dir() else 0o640)
        os.utime(path, (number, 86_400 * 365 * 30 + number))
        if path.is_dir():
            (path / "__pycache__").mkdir()
            (path / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"of another Python")
    for left in (".DS_Store", "Thumbs.db", "main.py~", ".main.py.swp", ".#main.py", "._main.py"):
        (other / "functions" / "api" / left).write_bytes(b"\0")
    (other / "shared" / ".mypy_cache").mkdir()

    assert [bundle.bundle(other, name) for name in FUNCTIONS] == [bundle.bundle(tree, name) for name in FUNCTIONS]


def test_a_bundle_has_the_tree_that_its_function_needs_and_names_the_entry_point() -> None:
    everywhere = {
        file.relative_to(bundle.ROOT).as_posix()
        for part in ("shared", "configs", "templates")
        for file in (bundle.ROOT / part).rglob("*")
        if file.suffix in (".py", ".yml", ".json") and not file.name.endswith(".schema.json")
    } | {"functions/__init__.py", "requirements.txt", "main.py"}

    for name in FUNCTIONS:
        own = {held for held in names(name) if held.startswith(f"functions/{name}/")}
        beside = set() if name == "api" else {"functions/push.py"}
        assert set(names(name)) == everywhere | own | beside
        assert f"functions/{name}/main.py" in own
    assert {"functions/api/docs/page.html", "functions/api/docs/style.css"} < set(names("api"))
    main = zipfile.ZipFile(io.BytesIO(bundle.bundle(bundle.ROOT, "fan_out"))).read("main.py")
    assert main == b"from functions.fan_out.main import fan_out  # the entry point\n"


def test_entries_are_sorted_stored_and_alike() -> None:
    entries = zipfile.ZipFile(io.BytesIO(bundle.bundle(bundle.ROOT, "api"))).infolist()

    assert [entry.filename for entry in entries] == sorted({entry.filename for entry in entries})
    assert {(entry.date_time, entry.external_attr >> 16, entry.compress_type) for entry in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644, zipfile.ZIP_STORED)
    }


def test_a_module_beside_the_functions_comes_along_where_it_is_imported_also_by_way_of_another(tree: Path) -> None:
    (tree / "functions" / "ours.py").write_text("import functions.theirs\n")
    (tree / "functions" / "theirs.py").write_text("")
    with (tree / "functions" / "fan_out" / "main.py").open("a") as main:
        main.write("\ndef later() -> None:\n    from functions.ours import anything\n")

    assert {"functions/ours.py", "functions/theirs.py", "functions/push.py"} < set(names("fan_out", tree))
    assert "functions/ours.py" not in names("run_pipeline", tree)


@pytest.mark.parametrize(
    "path", ["configs/gcp/key.pem", "configs/service-account.json", "templates/x_meta.csv", "shared/native.so"]
)
def test_a_file_of_an_unknown_kind_is_named_not_left_out(tree: Path, path: str) -> None:
    (tree / path).write_text("")

    with pytest.raises(BundleRefused, match=f"^{path} is no source: .* holds "):
        bundle.bundle(tree, "api")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("shared/.env", "shared/.env"),
        ("shared/.secret/keys.py", "shared/.secret"),
        ("functions/api/.main.py", "functions/api/.main.py"),
        ("configs/gcp/.cost.yml", "configs/gcp/.cost.yml"),
    ],
)
def test_what_is_hidden_is_refused(tree: Path, path: str, named: str) -> None:
    (tree / path).parent.mkdir(exist_ok=True)
    (tree / path).write_text("")

    with pytest.raises(BundleRefused, match=f"^{re.escape(named)} is no source: .* begins with a dot"):
        bundle.bundle(tree, "api")


ACCOUNT = '{"type": "service_account", "project_id": "p", "private_key_id": "0f", "private_key": "-----BEGIN"}'
TABLE = '"fields": [{"name": "day", "type": "DATE"}]'


@pytest.mark.parametrize(
    "text",
    [
        ACCOUNT,
        f'{{"key": {ACCOUNT}}}',
        f'{{"table": {{{TABLE}}}}}',
        f'{{{TABLE}, "private_key": "x"}}',
        '{"fields": [{"name": "day", "type": "DATE", "key": "x"}]}',
        '{"fields": [{"name": "a", "type": "RECORD", "fields": [{"private_key": "x"}]}]}',
        '{"fields": []}',
        "[]",
        "",
        "-----BEGIN PRIVATE KEY-----",
        "\xff",
        "[" * 100_000,
    ],
)
def test_a_json_file_of_templates_that_describes_no_table_is_refused(tree: Path, text: str) -> None:
    (tree / "templates" / "key.json").write_text(text, encoding="latin-1")

    with pytest.raises(BundleRefused, match=r"^templates/key\.json describes no table") as refused:
        bundle.bundle(tree, "api")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", [ACCOUNT, f"{{{TABLE}}}", f'{{"a": {{{TABLE}}}, "b": {ACCOUNT}}}'])
def test_a_file_of_several_tables_that_holds_anything_else_is_refused(tree: Path, text: str) -> None:
    (tree / "templates" / "gcp" / "bigquery_to_bigquery" / SEVERAL).write_text(text)

    with pytest.raises(BundleRefused, match=f"{SEVERAL} describes no tables by name"):
        bundle.bundle(tree, "api")


def test_what_is_taken_for_a_table_is_what_is_read_as_one() -> None:
    assert frozenset(TableSchema.model_fields) == bundled_files.TABLE
    assert frozenset(Column.model_fields) == bundled_files.COLUMN
    assert bundled_files.SEVERAL == SEVERAL


def test_a_name_that_is_not_utf_8_is_refused_in_one_line(tree: Path) -> None:
    (tree / "shared" / os.fsdecode(b"caf\xe9.py")).write_text("")

    refused = command(tree)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "shared/caf\\udce9.py is no source: its name is not printable UTF-8. Rename it, or remove it\n"
    )


def test_a_file_that_is_too_large_is_refused_in_one_line(tree: Path) -> None:
    with (tree / "shared" / "large.py").open("wb") as large:
        large.truncate(5 * 1024**3)

    refused = command(tree)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("shared/large.py has 5,368,709,120 bytes; a file of source has at most 1,048,576")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["def main(:\n", "\0", "\xff"])
def test_a_module_that_is_no_python_is_refused_in_one_line(tree: Path, text: str) -> None:
    (tree / "functions" / "api" / "broken.py").write_text(text, encoding="latin-1")

    refused = command(tree)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("functions/api/broken.py is no Python: ")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("path", ["configs/away.yml", "shared/away", "functions/api/away.py"])
def test_a_link_is_refused(tree: Path, path: str, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tree / path).symlink_to(tmp_path / "secret")

    with pytest.raises(BundleRefused, match=f"^{path} is a symbolic link"):
        bundle.bundle(tree, "api")


@pytest.mark.parametrize("part", PARTS[1:])
def test_a_part_that_is_a_link_or_missing_is_refused(tree: Path, part: str) -> None:
    (tree / part).rename(tree / "moved")
    with pytest.raises(BundleRefused, match=part):
        bundle.bundle(tree, "api")

    (tree / part).symlink_to(tree / "moved")
    with pytest.raises(BundleRefused, match=part):
        bundle.bundle(tree, "api")


def test_a_function_that_imports_another_is_refused(tree: Path) -> None:
    (tree / "functions" / "api" / "shortcut.py").write_text("from functions.run_pipeline.main import run_pipeline\n")

    with pytest.raises(BundleRefused, match=r"^functions/api/shortcut\.py imports functions\.run_pipeline"):
        bundle.bundle(tree, "api")


def test_an_entry_point_of_another_name_is_refused(tree: Path) -> None:
    (tree / "functions" / "fan_out" / "main.py").write_text("def handle(request): ...\n")

    with pytest.raises(BundleRefused, match="has no function fan_out"):
        bundle.bundle(tree, "fan_out")


def test_the_command_needs_only_python_and_prints_file_digest_and_size(tree: Path) -> None:
    made = command(tree)

    assert (made.returncode, made.stderr) == (0, "")
    lines = [line.split(" ") for line in made.stdout.splitlines()]
    assert [line[0] for line in lines] == [f"dist/{name}.zip" for name in FUNCTIONS]
    for file, digest, size in lines:
        content = (tree / file).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), str(len(content))) == (digest, size)
    assert sorted(path.name for path in (tree / "dist").iterdir()) == [f"{name}.zip" for name in FUNCTIONS]


def test_one_that_is_refused_leaves_all_as_they_were(tree: Path) -> None:
    command(tree, "--out", "made", "api")
    before = (tree / "made" / "api.zip").read_bytes()
    (tree / "shared" / "errors.py").write_text("# changed\n")
    (tree / "functions" / "fan_out" / "notes.txt").write_text("")

    refused = command(tree, "--out", "made", "api", "fan_out")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("functions/fan_out/notes.txt is no source")
    assert (tree / "made" / "api.zip").read_bytes() == before
    assert [path.name for path in (tree / "made").iterdir()] == ["api.zip"]


def test_an_unknown_function_is_answered_with_the_known_ones(tree: Path) -> None:
    refused = command(tree, "apis")

    assert refused.returncode == 2
    assert "no function apis; known functions: api, dead_letter, fan_out, run_pipeline" in refused.stderr
