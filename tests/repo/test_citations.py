"""What code and pages cite by number is in the repository: `rules 6`, `facts 12`, `decision 8`."""

import re
from pathlib import Path

import pytest

from shared.settings import ROOT
from tests.repo.pages import headings

NUMBERED = {
    "rules": headings(ROOT / "docs" / "rules.md", "##"),
    "facts": [title for title in headings(ROOT / "docs" / "facts.md", "###") if re.match(r"\d", title)],
    "decision": [headings(file, "#")[0] for file in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))],
}
CITATION = re.compile(r"\b(rules|facts|decision) (\d+(?:(?:, | and )\d+)*)\b(?![.:]\d)")
# Papers of the project that are not in the repository; a class of one letter, so that this line does not name them.
ELSEWHERE = re.compile(r"\b(PRODUC[T]|FACT[S]|DESIG[N]|F[P])\b")
SUFFIXES = {".py", ".md", ".tf", ".hcl", ".tfvars", ".toml", ".yml", ".yaml", ".json", ".sql", ".css", ".html", ".txt"}
FOLDERS = [
    "bench",
    "cli",
    "configs",
    "docs",
    "emulators",
    "functions",
    "local",
    "shared",
    "templates",
    "terraform",
    "tests",
]


def texts() -> dict[Path, str]:
    """Every file of ours that people write, and what is generated from them."""
    files = [file for file in ROOT.iterdir() if file.is_file() and not file.name.startswith(".")]
    files += [file for folder in FOLDERS for file in (ROOT / folder).rglob("*")]
    return {
        file: file.read_text()
        for file in files
        if file.is_file() and (file.suffix in SUFFIXES or file.name == "Makefile") and ".terraform" not in file.parts
    }


TEXTS = texts()


@pytest.mark.parametrize("kind", NUMBERED)
def test_numbers_go_up_one_by_one(kind: str) -> None:
    numbers = [int(title.split(".")[0]) for title in NUMBERED[kind]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_what_is_cited_is_there() -> None:
    known = {kind: {title.split(".")[0] for title in titles} for kind, titles in NUMBERED.items()}
    cited = [
        (file, kind, number)
        for file, text in TEXTS.items()
        for kind, numbers in CITATION.findall(text)
        for number in re.findall(r"\d+", numbers)
    ]

    assert {kind for _, kind, _ in cited} == set(NUMBERED)
    assert [f"{file}: {kind} {number}" for file, kind, number in cited if number not in known[kind]] == []


def test_nothing_cites_what_is_not_in_the_repository() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file, text in TEXTS.items()
        for number, line in enumerate(text.splitlines(), 1)
        if ELSEWHERE.search(line)
    ]
    assert found == []
