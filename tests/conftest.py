"""In which order tests run."""

import pytest

from shared.settings import ROOT

# Folders whose files take long, the longest first; then all the others.
_LONG = ("e2e", "repo", "contract", "attacks", "edges")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where workers share the files, the long ones come first: begun last, one would keep one worker alone.

    `-n0` has tests in the order of their files' names.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    folders = item.path.relative_to(ROOT).parts
    return next((place for place, name in enumerate(_LONG) if folders[:2] == ("tests", name)), len(_LONG))
