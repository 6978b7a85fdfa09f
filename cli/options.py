"""Options that several commands take."""

from collections.abc import Sequence

import typer

Repeated = list[str]


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
