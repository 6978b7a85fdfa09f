"""Options that several commands take."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from shared.contracts.files.template_body import RESERVED

Repeated = list[str]
StackFile = Annotated[
    Path | None,
    typer.Option(
        "--stack",
        help="Ready file of a stack; without it API_URL, then .local/stack.json of this folder or of the checkout.",
    ),
]


def assignments(given: Sequence[str], option: str) -> dict[str, str]:
    """`name=value` options by name. Raises typer.BadParameter for what is none.

    >>> assignments(["a=b=c", "d="], "--set")
    {'a': 'b=c', 'd': ''}
    """
    values = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{one!r} is no name=value", param_hint=option)
        values[name] = value
    return values


def variables(given: Sequence[str], option: str) -> dict[str, str]:
    """The same for variables. Raises typer.BadParameter also for those that the platform sets itself.

    >>> variables(["region=europe"], "--operator")
    {'region': 'europe'}
    """
    values = assignments(given, option)
    for name in values:
        if name in RESERVED:
            raise typer.BadParameter(f"{name!r} is built in; the platform sets it", param_hint=option)
    return values
