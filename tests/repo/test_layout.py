"""The tree can be read in any order that its imports have, and no module is too long to be one idea."""

from graphlib import CycleError, TopologicalSorter

import grimp

from tests.builders import ROOT

PACKAGES = ("functions", "shared", "emulators", "local", "cli", "bench")
MOST_LINES = 400


def test_no_module_is_longer_than_400_lines() -> None:
    lines = {
        path.relative_to(ROOT): len(path.read_text().splitlines())
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "tests" not in path.relative_to(ROOT).parts
    }
    assert lines
    assert {str(path): count for path, count in lines.items() if count > MOST_LINES} == {}


def test_no_module_imports_itself_by_way_of_others_not_even_later_or_for_its_types() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=False, cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert imported.keys() > set(PACKAGES)
    circle: list[str] = []
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        # Each is imported by the next; the last is the first again.
        circle = error.args[1]
    assert circle == []
