"""Random SELECTs over the tenant's table and the shared sources: joins, CTEs, subqueries, aggregates, windows, arrays.

Every relation has the columns k, g, v, so that whatever is drawn fits together. Whatever has an order that matters
(LIMIT, windows) orders by all columns, so that a query has one right answer.
"""

from hypothesis import strategies as st

from tests.attacks.two_tenants import EXPORT, OWN, PRICES

_SPELLINGS = {
    path: (f"`{path}`", path, ".".join(f"`{part}`" for part in path.split(".")), f"`{path.rpartition('.')[0]}`.{last}")
    for path in (EXPORT, PRICES, OWN)
    for last in [path.rpartition(".")[2]]
}
# Names that could be taken for what they are not: the sources' own, their datasets', other cases of the same.
_ALIASES = ("a", "b", "x", "prices", "daily", "gcp_billing_export", "billing_export", "PRICES", "acmeinc_23xv2_silver")
_CTE_NAMES = ("c", "d", "prices", "daily", "gcp_billing_export", "billing_export")


_TABLE_NAMES = ("t1", "t2")
"""Aliases that only tables are given."""


class _Item:
    """A FROM item: its text, the alias by which it is known, and whether it has the column `labels`."""

    def __init__(self, text: str, alias: str, *, has_labels: bool) -> None:
        self.text, self.alias, self.has_labels = text, alias, has_labels


def _item(draw: st.DrawFn, taken: set[str], ctes: tuple[str, ...], depth: int) -> _Item:
    free = [name for name in _ALIASES if name.casefold() not in taken]
    kind = draw(st.integers(0, 9))
    if kind <= 1 and depth > 0:
        alias = draw(st.sampled_from(free))
        item = _Item(f"({_query(draw, ctes, depth - 1)}) AS {alias}", alias, has_labels=False)
    elif kind <= 3 and ctes:
        name = draw(st.sampled_from(ctes))
        alias = draw(st.sampled_from(free))
        if draw(st.booleans()) and name.casefold() not in taken:
            item = _Item(name, name, has_labels=False)
        else:
            item = _Item(f"{name} {alias}", alias, has_labels=False)
    else:
        path = draw(st.sampled_from(sorted(_SPELLINGS)))
        spelled = draw(st.sampled_from(_SPELLINGS[path]))
        last = path.rpartition(".")[2]
        if draw(st.booleans()) and last.casefold() not in taken:
            item = _Item(spelled, last, has_labels=True)
        else:
            alias = draw(st.sampled_from([*free, *(name for name in _TABLE_NAMES if name not in taken)]))
            item = _Item(f"{spelled} {draw(st.sampled_from(['AS ', '']))}{alias}", alias, has_labels=True)
    taken.add(item.alias.casefold())
    return item


def _from(draw: st.DrawFn, ctes: tuple[str, ...], depth: int, outer: tuple[str, ...]) -> tuple[str, list[str]]:
    """A FROM clause and the aliases that it gives, those with k, g and v only."""
    taken = {name.casefold() for name in outer}
    first = _item(draw, taken, ctes, depth)
    text, aliases = first.text, [first.alias]
    for _ in range(draw(st.integers(0, 2)) if depth else 0):
        item = _item(draw, taken, ctes, depth - 1)
        left = draw(st.sampled_from(aliases))
        kind = draw(st.integers(0, 5))
        if kind == 0:
            text += f", {item.text}"
        elif kind == 1 and not text.startswith("("):
            text = f"({text} JOIN {item.text} ON {left}.k = {item.alias}.k)"
        else:
            join = draw(st.sampled_from(["JOIN", "LEFT JOIN", "FULL JOIN", "INNER JOIN", "RIGHT JOIN"]))
            on = f"{left}.k = {item.alias}.k"
            if draw(st.integers(0, 3)) == 0:
                on += f" AND {_condition(draw, [item.alias], ctes, min(depth - 1, 1))}"
            text += f" {join} {item.text} ON {on}"
        aliases.append(item.alias)
    if first.has_labels and len(aliases) == 1 and "labels" not in taken and draw(st.integers(0, 3)) == 0:
        array = f"{first.alias}.labels"
        text += draw(
            st.sampled_from([
                f", UNNEST({array})", f", {array}", f", {array} AS l", f" LEFT JOIN {array} AS l",
                f" CROSS JOIN UNNEST({array}) l WITH OFFSET AS o",
            ])
        )  # fmt: skip
    return text, aliases


def _condition(draw: st.DrawFn, aliases: list[str], ctes: tuple[str, ...], depth: int) -> str:
    one = draw(st.sampled_from(aliases))
    if one in _TABLE_NAMES and draw(st.booleans()):  # surely a table, which has labels
        array = draw(st.sampled_from([f"{one}.labels", f"UNNEST({one}.labels)", f"{one.upper()}.labels"]))
        return f"EXISTS (SELECT 1 FROM {array} AS l WHERE l.key = 'team' AND l.value > 'w')"
    simple = [
        f"{one}.k > {draw(st.integers(0, 4))}", f"{one}.g = 'a'", f"{one}.v IS NOT NULL",
        f"{one}.k IN (1, 3)", f"{one}.g LIKE '%a%'", f"NOT {one}.k <=> 2".replace("<=>", "="), "TRUE",
    ]  # fmt: skip
    if not depth or draw(st.booleans()):
        return draw(st.sampled_from(simple))
    inner, inner_aliases = _from(draw, ctes, depth - 1, tuple(aliases))
    x = inner_aliases[0]
    correlated = f" WHERE {x}.k = {one}.k" if draw(st.booleans()) else ""
    return draw(
        st.sampled_from([
            f"EXISTS (SELECT 1 FROM {inner}{correlated})",
            f"NOT EXISTS (SELECT 1 FROM {inner}{correlated})",
            f"{one}.k IN (SELECT {x}.k FROM {inner})",
            f"{one}.v >= (SELECT MAX({x}.v) FROM {inner}{correlated})",
            f"(SELECT COUNT(*) FROM {inner}{correlated}) > 1",
            f"{one}.k IN UNNEST(ARRAY(SELECT {x}.k FROM {inner} WHERE {x}.k IS NOT NULL))",
        ])
    )  # fmt: skip


def _select(draw: st.DrawFn, ctes: tuple[str, ...], depth: int) -> str:
    source, aliases = _from(draw, ctes, depth, ())
    one, two = draw(st.sampled_from(aliases)), draw(st.sampled_from(aliases))
    where = f" WHERE {_condition(draw, aliases, ctes, depth)}" if draw(st.booleans()) else ""
    shape = draw(st.integers(0, 7))
    if shape == 0:
        having = draw(st.sampled_from(["", " HAVING COUNT(*) > 1", f" HAVING MAX({one}.k) < 4"]))
        return (
            f"SELECT MIN({one}.k) AS k, {two}.g AS g, SUM({one}.v) AS v FROM {source}{where} GROUP BY {two}.g{having}"
        )
    if shape == 1:
        return f"SELECT COUNT(*) AS k, MAX({one}.g) AS g, SUM({two}.v) AS v FROM {source}{where}"
    if shape == 2:
        window = f"SUM({one}.v) OVER (PARTITION BY {two}.g)"
        return f"SELECT {one}.k AS k, {two}.g AS g, {window} AS v FROM {source}{where}"
    if shape == 3:
        rank = f"RANK() OVER (ORDER BY {one}.k, {one}.g, {one}.v)"
        qualify = draw(st.sampled_from(["", f" QUALIFY {rank} < 4"]))
        where = where or (" WHERE TRUE" if qualify else "")
        return f"SELECT {rank} AS k, {two}.g AS g, {one}.v AS v FROM {source}{where}{qualify}"
    if shape == 4 and depth:
        inner, inner_aliases = _from(draw, ctes, depth - 1, tuple(aliases))
        x = inner_aliases[0]
        scalar = f"(SELECT MAX({x}.v) FROM {inner} WHERE {x}.k = {one}.k)"
        return f"SELECT {one}.k AS k, {two}.g AS g, {scalar} AS v FROM {source}{where}"
    if shape == 5 and draw(st.booleans()):
        return (
            f"SELECT s.a.k, s.a.g, s.a.v FROM (SELECT STRUCT({one}.k, {two}.g, {two}.v) AS a FROM {source}{where}) AS s"
        )
    if shape == 5:
        return f"SELECT * FROM (SELECT {one}.k, {two}.g, {two}.v FROM {source}{where})"
    distinct = draw(st.sampled_from(["", "DISTINCT "]))
    return f"SELECT {distinct}{one}.k AS k, {two}.g AS g, {two}.v AS v FROM {source}{where}"


def _query(draw: st.DrawFn, ctes: tuple[str, ...], depth: int) -> str:
    prefix = ""
    if depth and draw(st.integers(0, 2)) == 0:
        name = draw(st.sampled_from(_CTE_NAMES))
        prefix = f"WITH {name} AS ({_query(draw, ctes, depth - 1)}) "
        ctes = (*ctes, name)
    body = _select(draw, ctes, depth)
    if draw(st.integers(0, 4)) == 0:
        operator = draw(st.sampled_from(["UNION ALL", "UNION DISTINCT", "EXCEPT DISTINCT", "INTERSECT DISTINCT"]))
        body = f"({body}) {operator} ({_select(draw, ctes, max(depth - 1, 0))})"
    elif draw(st.integers(0, 5)) == 0:
        body += f" ORDER BY k, g, v LIMIT {draw(st.integers(1, 5))}"
    return prefix + body


@st.composite
def selects(draw: st.DrawFn) -> str:
    """A SELECT of columns k, g, v over tables that this tenant may read."""
    return _query(draw, (), draw(st.integers(0, 3)))
