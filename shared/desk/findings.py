"""What was found in a file: an error or a warning, with its line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from shared.errors import Fault

_PLACE = re.compile(r"(?P<file>.+?):(?P<line>[0-9]+)(?: (?P<field>.*))?", re.DOTALL)


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong, or, as a warning, probably not meant. Lines count from 1.

    >>> str(Finding("configs/gcp/cost/x.yml", 7, "variables.day: is not used", is_warning=True))
    'configs/gcp/cost/x.yml:7: warning: variables.day: is not used'
    """

    file: str
    line: int
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {'warning: ' if self.is_warning else ''}{self.message}"


def findings(faults: Iterable[Fault], *, file: str, is_warning: bool = False) -> list[Finding]:
    """Faults as findings. One whose `where` is no `file:line` counts as the whole file's."""
    found = []
    for fault in faults:
        place = _PLACE.fullmatch(fault.where)
        if place is None:
            found.append(Finding(file, 1, f"{fault.where}: {fault.message}", is_warning))
        else:
            field = f"{place['field']}: " if place["field"] else ""
            found.append(Finding(place["file"], int(place["line"]), field + fault.message, is_warning))
    return found
