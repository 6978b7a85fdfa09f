"""Read GoogleSQL queries.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.from_parser import FromParser
from emulators.bigquery.sql.read.tokens import syntax_error

_SELECT_ENDS = {
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "QUALIFY",
    "WINDOW",
    "ORDER",
    "LIMIT",
    "UNION",
    "INTERSECT",
    "EXCEPT",
}


class QueryParser(FromParser):
    """Queries and SELECT lists."""

    def query(self) -> s.Query:
        """[WITH …] body [ORDER BY …] [LIMIT …]."""
        pos = self.token.pos
        ctes: list[tuple[str, s.Query]] = []
        recursive = False
        if self.take_word("WITH"):
            recursive = self.take_word("RECURSIVE")
            while True:
                name = self.identifier()
                self.expect_word("AS")
                self.expect_op("(")
                ctes.append((name, self.query()))
                self.expect_op(")")
                if not self.take_op(","):
                    break
        body = self._set_operations()
        query = s.Query(pos, body, ctes, recursive)
        if self.take_word("ORDER"):
            self.expect_word("BY")
            query.order = self.comma_separated(self.order_item)
        if self.take_word("LIMIT"):
            query.limit = self.expression()
            if self.take_word("OFFSET"):
                query.offset = self.expression()
        return query

    def _set_operations(self) -> s.Select | s.SetOperation | s.Query:
        left: s.Select | s.SetOperation | s.Query = self._operand()
        seen: str | None = None
        while self.is_word("UNION") or self.is_word("INTERSECT") or self.is_word("EXCEPT"):
            pos = self.token.pos
            op = self.advance().text
            every = self.take_word("ALL")
            if not every and not self.take_word("DISTINCT"):
                raise self.expected("keyword ALL or keyword DISTINCT")
            if self.is_word("BY") or self.is_word("CORRESPONDING"):
                raise not_implemented("set operations by name")
            key = f"{op} {every}"
            if seen is not None and seen != key:
                raise syntax_error(
                    self.sql,
                    pos,
                    "Different set operations cannot be used in the same query without using parentheses for grouping",
                )
            if every and op != "UNION":
                raise not_implemented(f"{op} ALL")
            seen = key
            right = self._operand()
            left = s.SetOperation(pos, op, every, _as_query(left), _as_query(right))
        return left

    def _operand(self) -> s.Select | s.Query:
        if self.is_op("("):
            self.advance()
            query = self.query()
            self.expect_op(")")
            return query
        if self.is_word("SELECT"):
            return self._select()
        raise self.unexpected()

    def _select(self) -> s.Select:
        select = s.Select(self.expect_word("SELECT").pos, [])
        self._select_modifiers(select)
        if self.is_word("FROM") or self.token.kind == "end":
            raise self.unexpected()
        select.items.append(self._select_item())
        while self.take_op(",") and not self._select_list_ends():
            select.items.append(self._select_item())
        if self.take_word("FROM"):
            select.from_ = self.from_clause()
        if self.take_word("WHERE"):
            select.where = self.expression()
        if self.take_word("GROUP"):
            self.expect_word("BY")
            self._group(select)
        if self.take_word("HAVING"):
            select.having = self.expression()
        if self.take_word("QUALIFY"):
            select.qualify = self.expression()
        if self.take_word("WINDOW"):
            for name, window in self.comma_separated(self._named_window):
                select.windows[name.lower()] = window
        return select

    def _select_modifiers(self, select: s.Select) -> None:
        """DISTINCT, ALL, AS STRUCT and AS VALUE."""
        if self.is_word("WITH"):
            raise not_implemented("SELECT WITH")
        if self.take_word("DISTINCT"):
            select.distinct = True
        else:
            self.take_word("ALL")
        if self.take_word("AS"):
            if self.take_word("STRUCT"):
                select.as_struct = True
            elif self.take_word("VALUE"):
                select.as_value = True
            else:
                raise not_implemented("SELECT AS a proto type")

    def _select_list_ends(self) -> bool:
        """Whether a SELECT list ends behind a comma: a trailing one is allowed."""
        token = self.token
        return token.kind == "end" or self.is_op(")") or (token.kind == "word" and token.text in _SELECT_ENDS)

    def _named_window(self) -> tuple[str, s.Window]:
        name = self.identifier()
        self.expect_word("AS")
        if self.is_op("("):
            return name, self.window()
        return name, s.Window(self.token.pos, self.identifier())

    def _group(self, select: s.Select) -> None:
        if self.take_word("ALL"):
            select.group_all = True
        elif self._is_grouping_set() or (self.is_op("(") and self.is_op(")", 1)):
            select.group_sets = self._grouping_set()
        else:
            select.group = self.comma_separated(self.expression)

    def _is_grouping_set(self) -> bool:
        return self.is_word("GROUPING", "SETS") or self.is_word("ROLLUP") or self.is_word("CUBE")

    def _grouping_set(self) -> s.GroupingSet:
        pos = self.token.pos
        if not self._is_grouping_set():
            return s.GroupingSet(pos, "", [self._grouping_item()])
        found = s.GroupingSet(pos, self.advance().text)
        if found.kind == "GROUPING":
            found.kind += f" {self.advance().text}"
            self.expect_op("(")
            found.sets = self.comma_separated(self._grouping_set)
        else:
            self.expect_op("(")
            found.items = self.comma_separated(self._grouping_item)
        self.expect_op(")")
        return found

    def _grouping_item(self) -> list[s.Expr]:
        """One expression, or a parenthesised list of them."""
        if self.is_op("(") and self.is_op(")", 1):
            self.at += 2
            return []
        item = self.expression()
        if isinstance(item, s.Struct) and item.type is None and self.sql[item.pos] == "(":
            return [expr for expr, _ in item.fields]
        return [item]

    def _select_item(self) -> tuple[s.Expr, str | None]:
        pos = self.token.pos
        if self.take_op("*"):
            return self._star(s.Star(pos)), None
        expr = self.expression()
        if self.is_op(".") and self.is_op("*", 1):
            self.at += 2
            return self._star(s.Star(pos, expr)), None
        if self.take_word("AS"):
            return expr, self.identifier()
        if self.is_identifier():
            return expr, self.identifier()
        return expr, None

    def _star(self, star: s.Star) -> s.Star:
        if self.is_word("EXCEPT") and self.is_op("(", 1):
            self.at += 2
            star.except_ = self.comma_separated(self.identifier)
            self.expect_op(")")
        if self.take_word("REPLACE"):
            self.expect_op("(")
            star.replace = self.comma_separated(self._replacement)
            self.expect_op(")")
        return star

    def _replacement(self) -> tuple[str, s.Expr]:
        expr = self.expression()
        self.expect_word("AS")
        return self.identifier(), expr


def _as_query(body: s.Select | s.SetOperation | s.Query) -> s.Query:
    return body if isinstance(body, s.Query) else s.Query(body.pos, body)
