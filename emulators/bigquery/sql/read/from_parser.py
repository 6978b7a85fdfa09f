"""Read FROM: tables, arrays, joins, PIVOT and UNPIVOT.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#from_clause
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.expression_parser import ExpressionParser


class FromParser(ExpressionParser):
    """FROM items."""

    def from_clause(self) -> s.FromItem:
        """FROM items with commas and joins, commas binding as cross joins from the left."""
        left = self._from_item()
        while True:
            pos = self.token.pos
            if self.take_op(","):
                left = s.Join(pos, "CROSS", left, self._from_item())
                continue
            kind = self._join_kind()
            if kind is None:
                return left
            right = self._from_item()
            join = s.Join(pos, kind, left, right)
            if kind != "CROSS":
                self._join_condition(join)
            left = join
            while isinstance(left.left, s.Join) and (self.is_word("ON") or self.is_word("USING")):
                left = self._regrouped(left)

    def _join_condition(self, join: s.Join) -> None:
        if self.take_word("ON"):
            join.on = self.expression()
        elif self.take_word("USING"):
            self.expect_op("(")
            join.using = self.comma_separated(self.identifier)
            self.expect_op(")")

    def _regrouped(self, join: s.Join) -> s.Join:
        """`a JOIN b JOIN c ON … ON …`: the second condition is that of the first join, around the second."""
        first = join.left
        if not isinstance(first, s.Join) or first.kind == "CROSS" or first.on is not None or first.using:
            raise self.unexpected()
        inner = s.Join(join.pos, join.kind, first.right, join.right, join.on, join.using)
        outer = s.Join(first.pos, first.kind, first.left, inner)
        self._join_condition(outer)
        return outer

    def _join_kind(self) -> str | None:
        if self.take_word("CROSS"):
            self.expect_word("JOIN")
            return "CROSS"
        for kind in ("LEFT", "RIGHT", "FULL"):
            if self.take_word(kind):
                self.take_word("OUTER")
                self.expect_word("JOIN")
                return kind
        if self.take_word("INNER"):
            self.expect_word("JOIN")
            return "INNER"
        if self.is_word("NATURAL"):
            raise self.unexpected()
        return "INNER" if self.take_word("JOIN") else None

    def _from_item(self) -> s.FromItem:
        item = self._from_primary()
        while True:
            if self.is_word("PIVOT") and self.is_op("(", 1):
                item = self._pivot(item)
            elif self.is_word("UNPIVOT"):
                item = self._unpivot(item)
            elif self.is_word("TABLESAMPLE"):
                raise not_implemented("TABLESAMPLE")
            else:
                return item

    def _from_primary(self) -> s.FromItem:
        pos = self.token.pos
        if self.take_word("UNNEST"):
            self.expect_op("(")
            expr = self.expression()
            self.expect_op(")")
            item = s.UnnestRef(pos, expr, self._alias())
            item.offset = self._with_offset()
            return item
        if self.is_op("("):
            if self.is_query():
                self.advance()
                query = self.query()
                self.expect_op(")")
                return s.QueryRef(pos, query, self._alias())
            self.expect_op("(")
            inner = self.from_clause()
            self.expect_op(")")
            return inner
        return self.table_ref(alias=True)

    def _alias(self) -> str | None:
        if self.take_word("AS"):
            return self.identifier()
        if self.is_identifier() and not self._is_clause():
            return self.identifier()
        return None

    def _is_clause(self) -> bool:
        if self.is_word("PIVOT") or self.is_word("UNPIVOT"):
            return self.is_op("(", 1) or self.is_word("INCLUDE", ahead=1) or self.is_word("EXCLUDE", ahead=1)
        return False

    def _with_offset(self) -> str | None:
        if not self.take_word("WITH"):
            return None
        self.expect_word("OFFSET")
        return self._alias() or "offset"

    def table_ref(self, *, alias: bool) -> s.TableRef:
        """A table path; project ids may hold dashes without quotes."""
        pos = self.token.pos
        if not self.is_identifier():
            raise self.unexpected()
        parts: list[str] = []
        while True:
            token = self.token
            text = self.identifier(any_word=bool(parts))
            if token.kind == "word":
                while self.is_op("-") and self.token.pos == self.tokens[self.at - 1].end:
                    following = self.peek()
                    if following.pos != self.token.end or following.kind not in {"word", "int"}:
                        break
                    text += "-" + following.raw
                    self.at += 2
            parts += text.split(".") if token.kind == "ident" else [text]
            if self.is_op(".") and not self.is_op("*", 1):
                self.advance()
                continue
            break
        if alias and self.is_op("("):
            raise not_implemented(f"the table function {'.'.join(parts)}")
        ref = s.TableRef(pos, parts)
        if self.is_word("FOR") and self.is_word("SYSTEM_TIME", ahead=1):
            raise not_implemented("FOR SYSTEM_TIME AS OF")
        if alias:
            ref.alias = self._alias()
            ref.offset = self._with_offset()
            if self.is_word("FOR") and self.is_word("SYSTEM_TIME", ahead=1):
                raise not_implemented("FOR SYSTEM_TIME AS OF")
        return ref

    def _pivot(self, source: s.FromItem) -> s.Pivot:
        pos = self.advance().pos
        self.expect_op("(")
        aggregates = self.comma_separated(self._pivot_aggregate)
        self.expect_word("FOR")
        column = self.binary(0)
        self.expect_word("IN")
        self.expect_op("(")
        values = self.comma_separated(self._aliased)
        self.expect_op(")")
        self.expect_op(")")
        return s.Pivot(pos, source, aggregates, column, values, self._alias())

    def _aliased(self) -> tuple[s.Expr, str | None]:
        expr = self.expression()
        if self.take_word("AS") or self.is_identifier():
            return expr, self.identifier()
        return expr, None

    def _pivot_aggregate(self) -> tuple[s.Call, str | None]:
        expr, alias = self._aliased()
        if not isinstance(expr, s.Call):
            raise self.unexpected()
        return expr, alias

    def _unpivot(self, source: s.FromItem) -> s.Unpivot:
        pos = self.advance().pos
        include = False
        if self.take_word("INCLUDE"):
            self.expect_word("NULLS")
            include = True
        elif self.take_word("EXCLUDE"):
            self.expect_word("NULLS")
        self.expect_op("(")
        values = self._names()
        self.expect_word("FOR")
        name = self.identifier()
        self.expect_word("IN")
        self.expect_op("(")
        columns = self.comma_separated(self._unpivot_column)
        self.expect_op(")")
        self.expect_op(")")
        return s.Unpivot(pos, source, include, values, name, columns, self._alias())

    def _names(self) -> list[str]:
        if self.take_op("("):
            names = self.comma_separated(self.identifier)
            self.expect_op(")")
            return names
        return [self.identifier()]

    def _unpivot_column(self) -> tuple[list[str], s.Expr | None]:
        names = self._names()
        return names, self.expression() if self.take_word("AS") else None
