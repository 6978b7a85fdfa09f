"""Compile names and paths: what they stand for, whether they may be used where rows are grouped.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax (Aliases, Scope rules)
"""

from __future__ import annotations

import difflib

from emulators.bigquery.errors import ApiError, not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.scans import NO_SCANS
from emulators.bigquery.sql.compile.scope import Ambiguous, Column, Scope, Source
from emulators.bigquery.sql.compile.values import Value, struct_sql
from emulators.bigquery.sql.read import syntax as s


def name(c: Compiling, node: s.Name) -> Value:
    """A single name: a column, an alias or a range variable."""
    found, scope = _find(c, node)
    _note_correlation(c, scope)
    if found is not scope.aliases.get(node.name.lower()):
        _check_grouped(c, found.visible() if isinstance(found, Source) else [found], scope, node, node.name)
    return _found(c, found, node.name)


def _find(c: Compiling, node: s.Name) -> tuple[Column | Source, Scope]:
    """What a name stands for, and the scope that knows it."""
    try:
        place = c.scope.find(node.name, aliases=not c.in_aggregate)
    except Ambiguous as error:
        raise c.error(str(error), node) from None
    if place is None:
        raise _unrecognized(c, node)
    return place


def _note_correlation(c: Compiling, where: Scope) -> None:
    """Tell each query between here and `where` that it names something around it."""
    for scope in c.scope.chain():
        if scope is where:
            return
        scope.outer.add(c.clause)


def _check_grouped(c: Compiling, columns: list[Column], scope: Scope, node: s.Expr, path: str) -> None:
    """Columns beside aggregates must be grouping keys."""
    if scope.grouped is None or (scope is c.scope and c.in_aggregate):
        return
    if any(column.sql not in scope.grouped for column in columns):
        what = path if "." in path else f"column {path}"
        raise c.error(f"{scope.clause} expression references {what} which is neither grouped nor aggregated", node)


def _unrecognized(c: Compiling, node: s.Name) -> ApiError:
    """`Unrecognized name`, with the nearest name there is."""
    near = difflib.get_close_matches(node.name.lower(), [n.lower() for n in c.scope.all_names()], 1, 0.7)
    original = {n.lower(): n for n in c.scope.all_names()}
    hint = f"; Did you mean {original[near[0]]}?" if near else ""
    return c.error(f"Unrecognized name: {node.name}{hint}", node)


def _found(c: Compiling, found: Column | Source, name: str) -> Value:
    if isinstance(found, Source):
        columns = found.visible()
        if not columns:
            raise not_implemented("a range variable without columns used as a value")
        for column in columns:
            c.analysis.reads |= column.reads
        kind = t.struct_of([(column.name, column.type) for column in columns])
        return Value(struct_sql(kind, [column.sql for column in columns]), kind, name=name)
    c.analysis.reads |= found.reads
    return Value(found.sql, found.type, name=name, partitions=found.partitions)


def field(c: Compiling, node: s.Field) -> Value:
    """A path: a column of a range variable, or fields of a value."""
    path, root = [node.name], node.of
    while isinstance(root, s.Field):
        path.insert(0, root.name)
        root = root.of
    if isinstance(root, s.Name):
        return _path(c, root, path, node)
    return _fields_of(c, c.compile(root), path, node)


def _path(c: Compiling, root: s.Name, path: list[str], node: s.Field) -> Value:
    found, scope = _find(c, root)
    _note_correlation(c, scope)
    written = ".".join([root.name, *path])
    if isinstance(found, Source):
        columns = found.find(path[0])
        if len(columns) > 1:
            raise c.error(f"Column name {path[0]} is ambiguous", node)
        if not columns:
            near = difflib.get_close_matches(path[0], [column.name for column in found.columns], 1, 0.7)
            hint = f"; Did you mean {near[0]}?" if near else ""
            raise c.error(f"Name {path[0]} not found inside {root.name}{hint}", node)
        found, path = columns[0], path[1:]
    if found is not scope.aliases.get(root.name.lower()):
        _check_grouped(c, [found], scope, root, written)
    partitions = NO_SCANS if path else found.partitions
    value = Value(found.sql, found.type, name=path[-1] if path else found.name, partitions=partitions)
    reads = found.reads
    result = _fields_of(c, value, path, node)
    if len(reads) == 1:  # a column of a table: only the field is read, which is what is billed
        uid, column = next(iter(reads))
        reads = frozenset({(uid, ".".join([column, *path]))})
    c.analysis.reads |= reads
    return result


def _fields_of(c: Compiling, value: Value, path: list[str], node: s.Expr) -> Value:
    for name in path:
        if value.type.kind == "JSON":
            value = Value(f"bq_json_field({value.sql}, {t.text(name)})", t.JSON, name=name)
            continue
        if value.type.kind != "STRUCT":
            raise c.error(f"Cannot access field {name} on a value with type {value.type}", node)
        found = value.type.field(name)
        if found is None:
            raise c.error(f"Field name {name} does not exist in {value.type}", node)
        index, kind = found
        sql = f"struct_extract({value.sql}, {t.text(value.type.duck_names[index])})"
        value = Value(sql, kind, name=name, fragile=value.fragile)
    return value


def own_name(node: s.Expr) -> str:
    """The name a struct field or select item takes from its expression; '' where it has none."""
    if isinstance(node, s.Name | s.Field):
        return node.name
    return ""


def star(c: Compiling, node: s.Star) -> Value:
    """* where only a SELECT list may have one."""
    raise c.error('Syntax error: Unexpected "*"', node)
