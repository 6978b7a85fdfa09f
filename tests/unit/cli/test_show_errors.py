"""How the commands show what the API refuses."""

import io

from rich.console import Console

from cli.text import show_errors
from shared.errors import Fault

LATE = Fault("body.to", "value_error", "is before from")
DATE = Fault("body.date", "variable_invalid", "a date is written YYYY-MM-DD, e.g. 2025-11-15")


def shown(title: str, *faults: Fault) -> list[str]:
    text = io.StringIO()
    show_errors(title, faults, Console(file=text, soft_wrap=True))
    return text.getvalue().splitlines()


def test_a_fault_that_the_title_says_is_not_said_again() -> None:
    title = f"request_invalid: {DATE.where}: {DATE.message}"
    assert shown(title, DATE) == [title]


def test_faults_that_the_title_does_not_say_are_shown() -> None:
    title = f"request_invalid: {DATE.where}: {DATE.message}"
    assert [line.rstrip() for line in shown(title, DATE, LATE)] == [
        title,
        "  body.to",
        "    value_error  is before from",
    ]
