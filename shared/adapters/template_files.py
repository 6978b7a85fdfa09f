"""Templates and shared sources, read from the files of `configs/`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from shared.contracts.faults import nearest
from shared.contracts.files.pipeline_template import PipelineTemplate, read_template
from shared.contracts.files.shared_sources import SharedSource, read_sources
from shared.contracts.template_address import TemplateAddress
from shared.errors import TemplateNotFound

T = TypeVar("T")


class _Cached(Generic[T]):
    """What was read from one file, until its modification time or size changes."""

    def __init__(self, read: Callable[[bytes], T]) -> None:
        self._read = read
        self._stamp: tuple[int, int] | None = None
        self._value: T | None = None

    def get(self, path: Path) -> T:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if self._value is None or stamp != self._stamp:
            # The stamp is taken before the read: a write in between is seen the next time.
            self._value, self._stamp = self._read(path.read_bytes()), stamp
        return self._value


class TemplateFiles:
    """The templates below `configs_dir`. A file that was changed is read again: one `stat` per call tells."""

    def __init__(self, configs_dir: Path) -> None:
        self._dir = configs_dir
        self._templates: dict[TemplateAddress, _Cached[PipelineTemplate]] = {}
        self._sources = _Cached(lambda data: read_sources(data, file=self._name("sources.yml")))

    def get(self, address: TemplateAddress) -> PipelineTemplate:
        """The template. Raises TemplateNotFound with the nearest names, TemplateInvalid with all of a file's faults."""
        cached = self._templates.get(address)
        if cached is None:
            file = self._name(address.path)
            cached = _Cached(lambda data: read_template(data, address=address, file=file))
        try:
            template = cached.get(self._dir / address.path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            self._templates.pop(address, None)
            raise self._not_found(address) from error
        self._templates[address] = cached  # only what exists is kept: callers cannot fill the memory with names
        return template

    def addresses(self) -> list[TemplateAddress]:
        """Every template there is, sorted; files that can be none (a wrong extension or path) are left out."""
        found = []
        for path in self._paths():
            try:
                found.append(TemplateAddress.parse(path))
            except TemplateNotFound:
                continue
        return sorted(found)

    def sources(self) -> tuple[SharedSource, ...]:
        """The shared sources of `sources.yml`; none when there is no such file. Raises TemplateInvalid."""
        try:
            return self._sources.get(self._dir / "sources.yml")
        except FileNotFoundError:
            return ()

    def _name(self, path: str) -> str:
        return f"{self._dir.name}/{path}"

    def _paths(self) -> list[str]:
        return [
            Path(folder, file).relative_to(self._dir).as_posix()
            for folder, _, files in os.walk(self._dir)
            for file in files
        ]

    def _not_found(self, address: TemplateAddress) -> TemplateNotFound:
        for wrong in (f"{address}.yaml", f"{address}.YML", f"{address}.yml.txt"):
            if (self._dir / wrong).is_file():
                return TemplateNotFound(
                    f"no template {str(address)!r}: {self._name(wrong)} has the wrong extension;"
                    f" rename it to {self._name(address.path)}"
                )
        return TemplateNotFound(f"no template {str(address)!r}; {nearest(str(address), map(str, self.addresses()))}")
