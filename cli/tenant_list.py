"""Read a CSV of tenants to onboard, and name all that is wrong with it before anything is sent."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.contracts.faults import faults_of, nearest
from shared.contracts.fields import VariableName
from shared.contracts.http.tenants import OnboardRequest
from shared.contracts.tenant import RESERVED_PREFIXES, is_tenant_id
from shared.errors import Fault, RequestInvalid, VariablesInvalid
from shared.tenants.settings import check_variables

REQUIRED = ("tenant_id", "admin_email")
TEMPLATES = "enabled_templates"
VARIABLE = "variable:"
# Columns of a list of failures, which can be fed again: they say what was wrong the last time.
ERROR = "error:"
_NAME: TypeAdapter[str] = TypeAdapter(VariableName)


@dataclass(frozen=True)
class Newcomer:
    """A tenant to be: the line it begins on (counted from 1), its cells, and the body of its onboarding."""

    line: int
    cells: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def tenant_id(self) -> str:
        """The tenant's id."""
        return str(self.body["tenant_id"])


@dataclass(frozen=True)
class TenantList:
    """A file whose every line is right. `columns` are those that say something of a tenant, in the file's order."""

    file: Path
    columns: Sequence[str]
    newcomers: Sequence[Newcomer]

    def check_templates(self, known: Iterable[str]) -> None:
        """Raise RequestInvalid that names each line with a template that there is not."""
        names = set(known)
        faults = [
            _fault(
                self.file, one.line, TEMPLATES, "template_not_found", f"no template {name!r}; {nearest(name, names)}"
            )
            for one in self.newcomers
            for name in one.body.get(TEMPLATES, ())
            if name not in names
        ]
        _raise(self.file, faults)


def read(file: Path) -> TenantList:
    """The tenants of a CSV in UTF-8 (RFC 4180; a byte order mark, CRLF and empty lines do no harm).

    Columns: `tenant_id` and `admin_email`, which must be there; `enabled_templates`, separated by spaces, where empty
    is all; `variable:NAME`, where an empty cell sets nothing. Columns `error:…` count for nothing.
    Raises RequestInvalid with a fault for each cell or line that is wrong.
    """
    records = _records(file, _text(file))
    faults: list[Fault] = []
    header: tuple[str, ...] = ()
    newcomers: list[Newcomer] = []
    seen: dict[str, int] = {}
    for line, found in records:
        if isinstance(found, Fault):
            faults.append(found)
            if not header:
                break  # without a header nothing after it has a meaning
        elif not header:
            header = tuple(cell.strip() for cell in found)
            faults += _header_faults(file, line, header)
            if faults:
                break
        elif len(found) != len(header):
            message = f"has {_cells(len(found))}, the header {len(header)}; a comma in a value needs quotes around it"
            faults.append(_fault(file, line, "", "cells", message))
        else:
            one = _newcomer(line, dict(zip(header, found, strict=True)))
            faults += _faults(file, one, seen)
            newcomers.append(one)
    if not newcomers and not faults:
        faults = [
            _fault(file, 1, "", "empty", f"has no tenant; first the columns, {','.join(REQUIRED)}, then a line each")
        ]
    _raise(file, faults)
    return TenantList(file, [name for name in header if not name.startswith(ERROR)], newcomers)


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise RequestInvalid(f"cannot read {file}: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = _fault(
            file, data.count(b"\n", 0, error.start) + 1, "", "encoding", "is not UTF-8; save it as CSV UTF-8"
        )
        raise RequestInvalid(f"{file} is not UTF-8", faults=[fault]) from None


def _records(file: Path, text: str) -> Iterator[tuple[int, list[str] | Fault]]:
    """Each record that is not empty, with the line it begins on; what is no record, as a fault."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            message = f"is no CSV: {error}; a value with a quote in it is quoted, and that quote doubled"
            yield line, _fault(file, line, "", "csv", message)
            continue
        if any(cell.strip() for cell in cells):
            yield line, cells


def _header_faults(file: Path, line: int, header: Sequence[str]) -> Iterator[Fault]:
    if len(header) == 1 and re.search("[;\t]", header[0]):
        yield _fault(file, line, "", "separator", "columns are separated by commas, not by semicolons or tabs")
        return
    for name in REQUIRED:
        if name not in header:
            yield _fault(file, line, name, "missing", "there must be a column of this name")
    for index, name in enumerate(header):
        if name in header[:index]:
            yield _fault(file, line, name, "duplicate", "there are two columns of this name")
        elif name.startswith(VARIABLE):
            try:
                _NAME.validate_python(name.removeprefix(VARIABLE))
            except ValidationError:
                message = "a variable's name is lower case letters, digits and _, such as variable:billing_account"
                yield _fault(file, line, name, "variable_invalid", message)
        elif name not in (*REQUIRED, TEMPLATES) and not name.startswith(ERROR):
            message = f"unknown column; {nearest(name, (*REQUIRED, TEMPLATES, f'{VARIABLE}NAME'))}"
            yield _fault(file, line, name or f"column {index + 1}", "unknown_column", message)


def _newcomer(line: int, cells: Mapping[str, str]) -> Newcomer:
    body: dict[str, Any] = {name: cells[name].strip() for name in REQUIRED}
    if templates := cells.get(TEMPLATES, "").split():
        body[TEMPLATES] = templates
    variables = {
        name.removeprefix(VARIABLE): value for name, value in cells.items() if value and name.startswith(VARIABLE)
    }
    if variables:
        body["variables"] = variables
    return Newcomer(line, cells, body)


def _faults(file: Path, one: Newcomer, seen: dict[str, int]) -> Iterator[Fault]:
    """What is wrong with a line by the API's own rules; `seen` is where each tenant stands first."""
    tenant_id = one.tenant_id
    if not is_tenant_id(tenant_id):
        message = (
            f"{tenant_id[:60]!r} is none: a word, one underscore, 4 to 12 letters or digits, such as acmeinc_23xv2"
        )
        yield _fault(file, one.line, "tenant_id", "tenant_id", message)
    elif tenant_id.startswith(RESERVED_PREFIXES):
        message = f"{tenant_id} begins with a reserved name; choose another tenant_id"
        yield _fault(file, one.line, "tenant_id", "tenant_id_refused", message)
    elif tenant_id in seen:
        message = f"{tenant_id} is on line {seen[tenant_id]} already"
        yield _fault(file, one.line, "tenant_id", "duplicate", message)
    seen.setdefault(tenant_id, one.line)
    found: list[Fault] = []
    try:
        OnboardRequest.model_validate(one.body)
    except ValidationError as error:
        found += faults_of(error, "body")
    try:
        check_variables(tenant_id, one.body.get("variables", {}))
    except VariablesInvalid as error:
        found += error.faults
    for fault in found:
        column = _column(fault.where)
        if column != "tenant_id":  # said above, in better words
            yield _fault(file, one.line, column, fault.code, fault.message)


def _column(where: str) -> str:
    """The column that a path in the body comes from.

    >>> _column("body.variables.region"), _column("body.enabled_templates.0"), _column("body.admin_email")
    ('variable:region', 'enabled_templates', 'admin_email')
    """
    _, field, *rest = where.split(".")
    return f"{VARIABLE}{rest[0]}" if field == "variables" and rest else field


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _fault(file: Path, line: int, column: str, code: str, message: str) -> Fault:
    return Fault(f"{file.name}:{line}{' ' if column else ''}{column}", code, message)


def _raise(file: Path, faults: Sequence[Fault]) -> None:
    if faults:
        wrong = "1 thing is" if len(faults) == 1 else f"{len(faults):,} things are"
        raise RequestInvalid(f"{file}: {wrong} wrong; nothing was sent", faults=faults)
