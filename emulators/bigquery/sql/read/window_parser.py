"""Read ORDER BY keys and window specifications.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/window-function-calls
"""

from __future__ import annotations

from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.type_parser import TypeParser


class WindowParser(TypeParser):
    """Windows and the keys they are ordered by."""

    def order_item(self) -> s.OrderItem:
        """One ORDER BY key."""
        pos = self.token.pos
        expr = self.expression()
        desc = self.take_word("DESC")
        if not desc:
            self.take_word("ASC")
        nulls_first: bool | None = None
        if self.take_word("NULLS"):
            nulls_first = self.is_word("FIRST")
            if not nulls_first and not self.is_word("LAST"):
                raise self.unexpected()
            self.advance()
        return s.OrderItem(pos, expr, desc, nulls_first)

    def window(self) -> s.Window:
        """A parenthesised window specification."""
        window = s.Window(self.expect_op("(").pos)
        if self.is_identifier() and not self.is_word("PARTITION"):
            window.name = self.identifier()
        if self.take_word("PARTITION"):
            self.expect_word("BY")
            window.partition = self.comma_separated(self.expression)
        if self.take_word("ORDER"):
            self.expect_word("BY")
            window.order = self.comma_separated(self.order_item)
        if self.is_word("ROWS") or self.is_word("RANGE"):
            pos = self.token.pos
            unit = self.advance().text
            if self.take_word("BETWEEN"):
                start = self._bound()
                self.expect_word("AND")
                window.frame = s.Frame(pos, unit, start, self._bound())
            else:
                window.frame = s.Frame(pos, unit, self._bound(), ("CURRENT ROW", None))
        self.expect_op(")")
        return window

    def _bound(self) -> tuple[str, s.Expr | None]:
        if self.take_word("UNBOUNDED"):
            if not (self.is_word("PRECEDING") or self.is_word("FOLLOWING")):
                raise self.unexpected()
            return (f"UNBOUNDED {self.advance().text}", None)
        if self.take_word("CURRENT"):
            self.expect_word("ROW")
            return ("CURRENT ROW", None)
        offset = self.expression()
        if not (self.is_word("PRECEDING") or self.is_word("FOLLOWING")):
            raise self.unexpected()
        return (self.advance().text, offset)
