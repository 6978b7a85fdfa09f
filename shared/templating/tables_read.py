"""Find every table that a query reads, with its place in the text.

Names are told apart as BigQuery does: a single name is a CTE, a path that begins with an alias of the same FROM clause
(or of a query around it) is an array of that alias, every other path is a table. Only what is understood passes: a FROM
item of another kind, an unexpected argument of one, a table that the walk did not meet, are refusals.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp, parse
from sqlglot.errors import ParseError, SqlglotError

from shared.errors import Fault, IsolationRefused, SqlRefused
from shared.templating.one_select import isolation, one_select

Names = frozenset[str]

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What BigQuery takes between the parts of a table path; anything else there would be read differently by somebody.
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_PROJECT = re.compile(r"(?:[a-z0-9][a-z0-9.-]*:)?[A-Za-z0-9_][A-Za-z0-9_-]*")
_FORBIDDEN = (
    exp.DDL, exp.DML, exp.Command, exp.Into, exp.Lock, exp.Lateral, exp.Hint, exp.Version, exp.Predict,
    exp.SessionParameter,
)  # fmt: skip
_AFTER_UNNEST = re.compile(r"\bUNNEST\s*\(\s*$", re.IGNORECASE)
_ARRAY_PATH = re.compile(r"(?:\w+|`\w+`)(?:\.(?:\w+|`\w+`))+")
_TABLE_ARGS = frozenset({"this", "db", "catalog", "alias", "joins", "pivots", "sample"})
_SUBQUERY_ARGS = frozenset({"this", "alias", "joins", "pivots", "sample", "with_", "order", "limit", "offset"})


@dataclass(frozen=True)
class TableRead:
    """A table in a FROM clause: `text[start:end]` is its path, `parts` are its two or three names.

    `around` is the SELECT that it is read by, as sqlglot writes it.
    """

    start: int
    end: int
    parts: tuple[str, ...]
    has_alias: bool
    is_pivoted: bool
    is_sampled: bool
    around: str


@dataclass(frozen=True)
class ArrayRead:
    """An array of a table in a FROM clause (`FROM t, t.labels`), which could be mistaken for a table."""

    start: int
    end: int
    has_alias: bool
    name: str


@dataclass(frozen=True)
class Reads:
    """What a query reads, in the order of the text. `text` has its comments and a last semicolon blanked."""

    text: str
    tables: tuple[TableRead, ...]
    arrays: tuple[ArrayRead, ...]
    parameters: frozenset[str]


@lru_cache(maxsize=1024)
def reads(text: str) -> Reads:
    """The tables of a query. Raises SqlRefused (not one readable SELECT) or IsolationRefused (a way around names)."""
    plain = one_select(text)
    walk = _Walk(plain.text)
    try:
        statements = parse(plain.text, read="bigquery")
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise SqlRefused("a query is one SELECT; scripts, DML, DDL and CALL are not run")
        walk.root(statements[0])
    except SqlglotError as error:
        raise _unreadable(error) from error
    except RecursionError as error:
        raise SqlRefused("the query is nested too deeply") from error
    return Reads(
        plain.text,
        tuple(sorted(walk.tables, key=lambda one: one.start)),
        tuple(sorted(walk.arrays, key=lambda one: one.start)),
        plain.parameters,
    )


def _unreadable(error: SqlglotError) -> SqlRefused:
    """Where sqlglot stopped. Its own message speaks of its classes, and quotes the query."""
    place = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    line, near = place.get("line"), str(place.get("highlight") or "")[:40]
    message = "this is no SELECT that can be read; " + (
        f"look at {near!r} and what is before it" if near else "its end is missing"
    )
    if line is None:
        return SqlRefused(f"the query cannot be read: {message}")
    message = f"line {line} of the query: {message}"
    return SqlRefused(message, faults=[Fault(f"query:{line}:{place.get('col', 1)}", "sql_refused", message)])


class _Walk:
    """A walk over the syntax tree that knows at each place which CTEs and aliases can be seen."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._met: set[int] = set()
        self.tables: list[TableRead] = []
        self.arrays: list[ArrayRead] = []

    def root(self, statement: exp.Query) -> None:
        for node in statement.walk():
            if isinstance(node, _FORBIDDEN):
                name = "FOR SYSTEM_TIME" if isinstance(node, exp.Version) else node.key.upper()
                raise SqlRefused(f"a query is one plain SELECT; {name} is not taken")
        self._query(statement, frozenset(), frozenset())
        for table in statement.find_all(exp.Table):
            if id(table) not in self._met:
                raise IsolationRefused(
                    "the query reads a table in a way that is not understood; name it in FROM or JOIN"
                )

    # ── queries ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _query(self, node: exp.Expr, ctes: Names, outer: Names) -> None:
        ctes = self._with(node, ctes, outer)
        if isinstance(node, exp.SetOperation):
            self._query(node.this, ctes, outer)
            self._query(node.expression, ctes, outer)
            self._rest(node, {"this", "expression", "with_"}, ctes, outer)
        elif isinstance(node, exp.Subquery):
            self._only(node, _SUBQUERY_ARGS - {"joins"})
            if not isinstance(node.this, exp.Query):
                raise SqlRefused("parentheses around something that is no SELECT")
            self._query(node.this, ctes, outer)
            self._rest(node, {"this", "with_"}, ctes, outer)
        elif isinstance(node, exp.Select):
            local: set[str] = set()
            source = node.args.get("from_")
            if source is not None:
                self._item(source.this, ctes, outer, local)
            self._joins(node, ctes, outer, local)
            if node.args.get("laterals"):
                raise SqlRefused("LATERAL VIEW is not SQL of BigQuery")
            self._rest(node, {"from_", "joins", "with_"}, ctes, outer | local)
        else:
            raise SqlRefused(f"{node.key.upper()} where a SELECT was expected")

    def _with(self, node: exp.Expr, ctes: Names, outer: Names) -> Names:
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        if clause.args.get("recursive"):
            raise SqlRefused("WITH RECURSIVE is not taken; write the levels out")
        for cte in clause.expressions:
            alias = cte.args.get("alias")
            if alias is None or alias.columns or not _WORD.fullmatch(cte.alias) or not isinstance(cte.this, exp.Query):
                raise SqlRefused("a WITH that is not of the form WITH name AS (SELECT …)")
            self._query(cte.this, ctes, outer)
            ctes |= {cte.alias.casefold()}
        return ctes

    # ── FROM ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _joins(self, node: exp.Expr, ctes: Names, outer: Names, local: set[str]) -> None:
        for join in node.args.get("joins") or ():
            self._item(join.this, ctes, outer, local)
            self._rest(join, {"this"}, ctes, outer | local)

    def _item(self, node: exp.Expr, ctes: Names, outer: Names, local: set[str]) -> None:
        if isinstance(node, exp.Table):
            self._table(node, ctes, outer, local)
        elif isinstance(node, exp.Subquery):
            self._only(node, _SUBQUERY_ARGS)
            if isinstance(node.this, exp.Select | exp.SetOperation):
                self._query(node.this, self._with(node, ctes, outer), outer)
            else:  # (a JOIN b): the names inside stay visible
                self._item(node.this, ctes, outer, local)
            self._joins(node, ctes, outer, local)
            self._rest(node, {"this", "with_", "joins"}, ctes, outer | local)
        elif isinstance(node, exp.Unnest):
            self._implicit_array(node)
            self._rest(node, {"alias", "offset"}, ctes, outer | local)
        else:
            raise SqlRefused("FROM takes tables, subqueries and UNNEST here; table functions and the like are not run")
        local |= _aliases(node)

    def _implicit_array(self, node: exp.Unnest) -> None:
        """sqlglot reads `FROM t, t.labels` as UNNEST already; find those that are not written so."""
        path = node.expressions[0] if node.expressions else None
        if not isinstance(path, exp.Column | exp.Dot):
            return
        names = list(path.find_all(exp.Identifier))
        start = min(name.meta.get("start", 0) for name in names)
        if _AFTER_UNNEST.search(self._text[:start]):
            return
        end = max(name.meta.get("end", 0) for name in names) + 1
        if _ARRAY_PATH.fullmatch(self._text, start, end) is None:
            raise isolation(self._text, start, "an array in FROM is written UNNEST(alias.field)")
        last = max(names, key=lambda name: name.meta.get("start", 0))
        self.arrays.append(ArrayRead(start, end, bool(_aliases(node)), last.name))

    def _table(self, node: exp.Table, ctes: Names, outer: Names, local: set[str]) -> None:
        self._met.add(id(node))
        parts = node.parts
        if not all(isinstance(part, exp.Identifier) for part in parts):
            raise IsolationRefused("a table function, parameter or model in FROM; only tables by name are read")
        self._only(node, _TABLE_ARGS)
        if (alias := node.args.get("alias")) is not None and alias.args.get("columns"):
            raise SqlRefused("an alias with a list of columns is not SQL of BigQuery")
        path = ".".join(part.name for part in parts)
        end = (parts[-1].meta.get("end") or -1) + 1
        start = _start(self._text, end, path)
        if not path or self._text[start:end].replace("`", "") != path:
            raise IsolationRefused("a table's path is written without spaces or comments in it")
        first = parts[0].name.casefold()
        # `a.b` between one pair of backquotes can be no alias and its field.
        quoted_whole = self._text[start] == "`" and "." in self._text[start : self._text.index("`", start + 1)]
        if len(parts) == 1:
            if first not in ctes:
                raise isolation(self._text, start, f"table {path[:100]!r} has no dataset; write project.dataset.table")
            local.add(first)
        elif not quoted_whole and (first in local or first in outer):
            self.arrays.append(ArrayRead(start, end, bool(node.alias), parts[-1].name))
            if node.args.get("pivots") or node.args.get("sample"):
                raise isolation(self._text, start, "PIVOT or TABLESAMPLE of an array; write FROM UNNEST(…)")
            local.add(parts[-1].name.casefold())
        else:
            self.tables.append(self._read(node, path, start, end))
            local.add(path.rpartition(".")[2].casefold())
        self._joins(node, ctes, outer, local)
        self._rest(node, {"this", "db", "catalog", "alias", "joins"}, ctes, outer | local)

    def _read(self, node: exp.Table, path: str, start: int, end: int) -> TableRead:
        parts = _split_path(path)
        if parts is None:
            reason = "wildcards, decorators, INFORMATION_SCHEMA and meta tables are not read"
            raise isolation(self._text, start, f"{path[:200]!r} is no table that a query may name; {reason}")
        around = node.find_ancestor(exp.Select)
        return TableRead(
            start,
            end,
            parts,
            has_alias=bool(node.alias),
            is_pivoted=bool(node.args.get("pivots")),
            is_sampled=bool(node.args.get("sample")),
            around=around.sql(dialect="bigquery") if around is not None else "",
        )

    # ── everything else ─────────────────────────────────────────────────────────────────────────────────────────────

    def _rest(self, node: exp.Expr, done: Iterable[str], ctes: Names, visible: Names) -> None:
        """Walk the arguments that are not done yet; a query among them sees the aliases around it."""
        for key, value in node.args.items():
            if key not in done:
                for child in value if isinstance(value, list) else (value,):
                    if isinstance(child, exp.Query):
                        self._query(child, ctes, visible)
                    elif isinstance(child, exp.Table):
                        raise IsolationRefused("a TABLE or MODEL argument; only tables by name in FROM are read")
                    elif isinstance(child, exp.Expr):
                        self._rest(child, (), ctes, visible)

    def _only(self, node: exp.Expr, expected: frozenset[str]) -> None:
        unexpected = [key for key, value in node.args.items() if value and key not in expected]
        if unexpected:
            raise SqlRefused(f"{unexpected[0].upper().replace('_', ' ').strip()} after a table is not taken")


def _aliases(node: exp.Expr) -> set[str]:
    """The names that a FROM item gives to what follows, folded: BigQuery compares aliases without regard to case."""
    found = {node.alias} if node.alias else set()
    alias = node.args.get("alias")
    if isinstance(node, exp.Unnest) and alias is not None:
        found |= {column.name for column in alias.columns}
    for pivot in node.args.get("pivots") or ():
        found |= {pivot.alias} if pivot.alias else set()
    return {name.casefold() for name in found}


def _start(text: str, end: int, path: str) -> int:
    """Where a path that ends at `end` begins, backquotes not counted; sqlglot knows it only where no dot is quoted.

    >>> _start("FROM `p.d`.t", 12, "p.d.t")
    5
    """
    left, start = len(path), end
    while left and start:
        start -= 1
        left -= text[start] != "`"
    return start - text.count("`", start, end) % 2


def _split_path(path: str) -> tuple[str, ...] | None:
    """A table's names: dataset and table, or project, dataset and table; None when it can be no plain table.

    >>> _split_path("example.com:p.d.t"), _split_path("d.t"), _split_path("d.t_*"), _split_path("d.t$20250101")
    (('example.com:p', 'd', 't'), ('d', 't'), None, None)
    """
    domain, colon, rest = path.rpartition(":")
    parts = rest.split(".")
    if len(parts) not in (2, 3) or (colon and len(parts) != 3):
        return None
    if not all(_PART.fullmatch(part) for part in parts) or parts[-1].startswith("__"):
        return None
    if any(part.casefold() == "information_schema" for part in parts):
        return None
    parts[0] = domain + colon + parts[0]
    return tuple(parts) if _PROJECT.fullmatch(parts[0]) else None
