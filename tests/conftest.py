"""In which order tests run, and how long a case of a property may take."""

import pytest
from hypothesis import settings

from shared.settings import ROOT

# A case is no test of speed: on a busy machine the one that compiles something first takes a second.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# Folders whose files take long, the longest first; then all the others.
_LONG = ("tests/e2e", "tests/repo", "emulators/tests", "tests/contract", "tests/attacks", "tests/edges")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where workers share the files, the long ones come first: begun last, one would keep one worker alone.

    `-n0` has tests in the order of their files' names.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    path = item.path.relative_to(ROOT)
    return next((place for place, folder in enumerate(_LONG) if path.is_relative_to(folder)), len(_LONG))
