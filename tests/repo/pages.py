"""The Markdown pages of the repository: their text, headings, links, and what they write as code."""

import re
from pathlib import Path

from shared.settings import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "emulators/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def headings(page: Path, level: str = "#+") -> list[str]:
    """Titles of its headings, in their order."""
    return re.findall(rf"^{level} (.+)$", prose(page), re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings(page)}


def links(page: Path) -> list[tuple[Path, str]]:
    """File and anchor of each link to a place in the repository."""
    found = re.findall(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)", prose(page))
    return [
        ((page.parent / target).resolve() if target else page, anchor) for target, anchor in found if ":" not in target
    ]


def code_spans(page: Path) -> list[str]:
    """What the page writes between single backquotes."""
    return re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page))
