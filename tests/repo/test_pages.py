"""Every page is found from the README, every link and path leads somewhere, and every decision says what it has to."""

import re
from pathlib import Path

import pytest

from shared.settings import ROOT
from tests.repo.pages import PAGES, anchors, code_spans, headings, links

DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
PATH = re.compile(
    r"(?:\.ci|bench|cli|configs|docs|emulators|functions|local|shared|templates|terraform|tests)/[\w./-]*"
)
# Made by a command, or an example of a name.
NOT_KEPT = {
    "bench/results/",
    "functions/x/main.py",
    "shared/engines/a/b.py",
    "terraform/.terraform.lock.hcl",
}


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), target
        if anchor:
            assert anchor in anchors(target), f"{named(target)}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_paths_are_there(page: Path) -> None:
    paths = {span for span in code_spans(page) if PATH.fullmatch(span)} - NOT_KEPT
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_headings_have_names_of_their_own(page: Path) -> None:
    assert len(set(headings(page))) == len(headings(page))


def test_each_file_of_docs_is_found_from_the_map_of_the_readme() -> None:
    direct = {target for target, _ in links(ROOT / "README.md")}
    reached: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.suffix == ".md":
            ahead += [target for target, _ in links(page) if target.is_file()]

    assert {page for page in PAGES if page.parent == DOCS} <= direct
    assert {file for file in DOCS.rglob("*") if file.is_file() and file.suffix != ".pyc"} <= reached


def test_the_list_of_decisions_is_complete() -> None:
    rows = re.findall(
        r"^\| (\d+) \| \[(.+)\]\((.+)\) \| (.+) \|$", (DOCS / "decisions" / "README.md").read_text(), re.MULTILINE
    )
    kept = []
    for number, file in enumerate(DECISIONS, 1):
        taken = re.findall(r"^Taken on (\d{4}-\d\d-\d\d)\.$", file.read_text(), re.MULTILINE)
        assert file.name.startswith(f"{number:03}-")
        assert len(taken) == 1
        (title,) = headings(file, "#")
        kept.append((str(number), title.removeprefix(f"{number}. "), file.name, taken[0]))

    assert rows == kept


@pytest.mark.parametrize("file", DECISIONS, ids=lambda file: file.stem)
def test_a_decision_says_why_and_what_would_undo_it(file: Path) -> None:
    number = int(file.name[:3])
    (title,) = headings(file, "#")
    assert title.startswith(f"{number}. ")
    assert headings(file, "##") == ["Decision", "Why", "What would make us take it back"]
