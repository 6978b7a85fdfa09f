"""Which names an expression can see, and what each stands for.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax (Scope rules)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.scans import NO_SCANS, Scans

Reads = frozenset[tuple[int, str]]  # (table uid, column path): what must be read to know a value
NO_READS: Reads = frozenset()


class Ambiguous(Exception):
    """A name that several columns have."""


@dataclass(frozen=True)
class Column:
    """A column of a source: its BigQuery name, type, DuckDB text and what it reads."""

    name: str
    type: t.Type
    sql: str
    reads: Reads = NO_READS
    hidden: bool = False  # pseudo columns: known by name, not part of *
    partitions: Scans = NO_SCANS  # the scans whose partitioning column it is, unchanged
    unnamed: bool = False  # its name was made up


@dataclass
class Source:
    """A range variable: an alias over columns, or (`value`) over one value as UNNEST makes it."""

    alias: str | None
    columns: list[Column]
    value: Column | None = None
    is_from: str = ""  # for error messages

    def find(self, name: str) -> list[Column]:
        """The columns of that name."""
        wanted = name.lower()
        return [c for c in self.columns if c.name.lower() == wanted]

    def visible(self) -> list[Column]:
        """What * stands for."""
        return [c for c in self.columns if not c.hidden]


@dataclass
class Scope:
    """The sources of one SELECT, inside the scopes around it."""

    parent: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    merged: list[Column] = field(default_factory=list)  # columns of JOIN … USING, before all others
    aliases: dict[str, Column] = field(default_factory=dict)  # SELECT aliases, where they are visible
    grouped: frozenset[str] | None = None  # DuckDB text of the grouping keys, once rows are grouped
    outer: set[str] = field(default_factory=set)  # the clauses that name something of the scopes around
    tables: bool = False  # whether FROM reads a table, not only arrays
    depth: str = ""  # in the term of a recursive CTE, the depth of the row that is read
    clause: str = "SELECT list"  # what is compiled, for errors of grouping

    def range_variable(self, name: str) -> Source | None:
        """The source with that alias here (not around)."""
        wanted = name.lower()
        return next((s for s in self.sources if s.alias is not None and s.alias.lower() == wanted), None)

    def columns(self, name: str) -> list[Column]:
        """Columns of that bare name here."""
        wanted = name.lower()
        merged = [c for c in self.merged if c.name.lower() == wanted]
        if merged:
            return merged
        found = []
        for source in self.sources:
            if source.value is None or source.value.type.kind == "STRUCT":
                found += source.find(name)
        return found

    def star(self) -> list[Column]:
        """What a bare * stands for."""
        names = {c.name.lower() for c in self.merged}
        out = list(self.merged)
        for source in self.sources:
            out += [c for c in source.visible() if c.name.lower() not in names or source.is_from == "merged"]
        return out

    def find(self, name: str, *, aliases: bool = True) -> tuple[Column | Source, Scope] | None:
        """What a bare name means and where it is known, from the inside out; None when unknown.

        Without `aliases` those of this scope's SELECT list are left out, as within aggregate functions.
        A range variable hides a column of the same name, as name resolution of the analyzer does.
        """
        scope: Scope | None = self
        while scope is not None:
            if name.lower() in scope.aliases and (aliases or scope is not self):
                return scope.aliases[name.lower()], scope
            source = scope.range_variable(name)
            if source is not None:
                return source.value or source, scope
            found = scope.columns(name)
            if len(found) > 1:
                raise Ambiguous(f"Column name {name} is ambiguous")
            if found:
                return found[0], scope
            scope = scope.parent
        return None

    def lookup(self, name: str) -> Column | Source | None:
        """What a bare name means; None when unknown or ambiguous."""
        try:
            found = self.find(name)
        except Ambiguous:
            return None
        return found[0] if found else None

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def scans(self, sources: list[Source] | None = None) -> Scans:
        """The scans that a filter over these sources (all of them, unless told) can narrow."""
        given = self.sources if sources is None else sources
        return NO_SCANS.union(*(c.partitions for source in given for c in source.columns))

    def all_names(self) -> list[str]:
        """Every visible name, for hints."""
        names = [c.name for s in self.sources for c in s.visible()]
        names += [s.alias for s in self.sources if s.alias]
        return names + (self.parent.all_names() if self.parent else [])
