"""Immutable pieces of a table: Arrow rows with their size, small ones in SQLite, large ones in files.

Logical sizes follow https://cloud.google.com/bigquery/pricing#data ("Data size calculation").
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from emulators import private
from emulators.bigquery.sql import types as t

# Above this a fragment is a file beside the database, so that transactions stay short.
INLINE_BYTES = 256 * 1024
_WIDTH = {"INT64": 8, "FLOAT64": 8, "BOOL": 1, "DATE": 8, "DATETIME": 8, "TIME": 8, "TIMESTAMP": 8, "NUMERIC": 16}


@dataclass(frozen=True)
class Fragment:
    """Rows ready to be put into the manifest: exactly one of `data` and `file` is set."""

    part: str
    rows: int
    size: int
    leaves: str
    data: bytes | None
    file: str | None


def encode(table: pa.Table) -> bytes:
    """Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def decode(data: bytes) -> pa.Table:
    """Rows of an Arrow IPC stream."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()


def write(directory: Path, table: pa.Table, columns: tuple[tuple[str, t.Type], ...], part: str) -> Fragment:
    """Encode rows; a file, if it is one, is on disk before this returns."""
    leaves = leaf_bytes(table, columns)
    data = encode(table.combine_chunks())
    size = sum(leaves.values())
    if len(data) <= INLINE_BYTES:
        return Fragment(part, table.num_rows, size, json.dumps(leaves), data, None)
    name = write_file(directory, data)
    return Fragment(part, table.num_rows, size, json.dumps(leaves), None, name)


def write_file(directory: Path, data: bytes) -> str:
    """A new file, synced; its name."""
    private.folder(directory)
    name = f"{uuid.uuid4().hex}.arrow"
    try:
        with open(directory / name, "wb", opener=private.opener) as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    except OSError:
        remove(directory, [name])
        raise
    return name


def write_parts(
    directory: Path, parts: Iterable[tuple[str, pa.Table]], columns: tuple[tuple[str, t.Type], ...]
) -> list[Fragment]:
    """A fragment for each partition; when `parts` or the disk fails, no file is left."""
    written: list[Fragment] = []
    try:
        written.extend(write(directory, rows, columns, part) for part, rows in parts)
    except BaseException:
        remove(directory, [piece.file for piece in written])
        raise
    return written


def remove(directory: Path, names: Iterable[str | None]) -> None:
    """Delete files that no manifest will name; one that is not there is no error."""
    for name in names:
        if name is not None:
            (directory / name).unlink(missing_ok=True)


def read(directory: Path, data: bytes | None, file: str | None) -> pa.Table:
    """Rows of a fragment."""
    return decode(data if data is not None else (directory / str(file)).read_bytes())


def leaf_bytes(table: pa.Table, columns: tuple[tuple[str, t.Type], ...]) -> dict[str, int]:
    """Logical bytes by leaf column path."""
    out: dict[str, int] = {}
    for (name, kind), column in zip(columns, table.columns, strict=False):
        for chunk in column.chunks:
            _measure(chunk, kind, name, out)
        if not column.num_chunks:
            out.setdefault(name, 0)
    return out


def _measure(array: pa.Array, kind: t.Type, path: str, out: dict[str, int]) -> None:
    if kind.kind == "ARRAY":
        _measure(array.flatten(), kind.of, path, out)
        return
    if kind.kind == "STRUCT":
        for index, ((name, inner), part) in enumerate(zip(kind.fields, array.flatten(), strict=True)):
            _measure(part, inner, f"{path}.{name or index}", out)
        return
    count = len(array) - array.null_count
    if kind.kind in _WIDTH:
        size = count * _WIDTH[kind.kind]
    else:
        import pyarrow.compute as pc  # takes longer than the rest of pyarrow: not at the start

        size = 2 * count + int(pc.sum(pc.binary_length(array)).as_py() or 0)
    out[path] = out.get(path, 0) + size
