"""Read types, and what DDL writes behind them.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types, …/data-definition-language
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.cursor import Cursor


class TypeParser(Cursor):
    """Types; `expression` and `query` are supplied by the parsers built on this one."""

    def expression(self) -> s.Expr:
        """Any expression."""
        raise NotImplementedError

    def query(self) -> s.Query:
        """A query expression."""
        raise NotImplementedError

    def type_name(self) -> s.TypeName:
        """A type as CAST, DDL and constructors write it."""
        token = self.token
        if token.kind not in {"word", "ident"}:
            raise self.unexpected()
        self.advance()
        name = token.text.upper()
        kind = s.TypeName(token.pos, name)
        if name == "ARRAY":
            self.expect_op("<")
            kind.element = self.type_name()
            self.expect_op(">")
        elif name == "STRUCT":
            self.expect_op("<")
            while not self.is_op(">") and not self.is_op(">>"):
                kind.fields.append(self._type_field())
                if not self.take_op(","):
                    break
            self.expect_op(">")
        elif self.take_op("("):
            kind.params = [token.raw.upper() for token in self.comma_separated(self.advance)]
            self.expect_op(")")
        return kind

    def _type_field(self) -> s.ColumnDef:
        pos = self.token.pos
        named = self.peek().kind in {"word", "ident"} and not self.is_op("<", 1)
        name = self.identifier(any_word=False) if named else ""
        column = s.ColumnDef(pos, name, self.type_name())
        self.column_attributes(column)
        return column

    def column_attributes(self, column: s.ColumnDef) -> None:
        """NOT NULL and OPTIONS after a column's type."""
        while True:
            if self.take_word("NOT"):
                self.expect_word("NULL")
                column.not_null = True
            elif self.is_word("OPTIONS") and self.is_op("(", 1):
                column.options = self.options()
            elif self.is_word("DEFAULT") or self.is_word("COLLATE") or self.is_word("PRIMARY"):
                raise not_implemented(f"{self.token.text} on a column")
            else:
                return

    def options(self) -> dict[str, s.Expr]:
        """OPTIONS(name = value, …)."""
        self.expect_word("OPTIONS")
        self.expect_op("(")
        found: dict[str, s.Expr] = {}
        while not self.is_op(")"):
            name = self.identifier().lower()
            self.expect_op("=")
            found[name] = self.expression()
            if not self.take_op(","):
                break
        self.expect_op(")")
        return found
