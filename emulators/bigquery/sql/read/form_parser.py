"""Read the forms that a keyword or a bracket introduces, such as CASE, CAST and ARRAY.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/conditional_expressions,
…/conversion_functions, …/arrays
"""

from __future__ import annotations

from collections.abc import Callable

from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.window_parser import WindowParser


class FormParser(WindowParser):
    """Forms; `binary` and `primary` are supplied by the expression parser."""

    def binary(self, level: int) -> s.Expr:
        """Infix operators that bind at least as tightly as `level`; 0 is |, 4 is + and -."""
        raise NotImplementedError

    def primary(self) -> s.Expr:
        """A literal, name, call, form or parenthesis."""
        raise NotImplementedError

    def form(self, word: str) -> s.Expr | None:
        """The form that the keyword at the cursor introduces; None where it introduces none."""
        read = _FORMS.get(word)
        return None if read is None else read(self)

    def _constant(self) -> s.Expr:
        """NULL, TRUE, FALSE."""
        token = self.advance()
        if token.text == "NULL":
            return s.Literal(token.pos, "NULL", None)
        return s.Literal(token.pos, "BOOL", token.text == "TRUE")

    def _case(self) -> s.Expr:
        """CASE with or without an operand."""
        pos = self.advance().pos
        operand = None if self.is_word("WHEN") else self.expression()
        whens = []
        while self.take_word("WHEN"):
            condition = self.expression()
            self.expect_word("THEN")
            whens.append((condition, self.expression()))
        if not whens:
            raise self.expected("keyword WHEN")
        otherwise = self.expression() if self.take_word("ELSE") else None
        self.expect_word("END")
        return s.Case(pos, operand, whens, otherwise)

    def _cast(self) -> s.Expr | None:
        """CAST and SAFE_CAST; None where the word is a name."""
        token = self.token
        if not self.is_op("(", 1):
            return None
        self.advance()
        self.expect_op("(")
        value = self.expression()
        self.expect_word("AS")
        kind = self.type_name()
        pattern = self.expression() if self.take_word("FORMAT") else None
        self.expect_op(")")
        return s.Cast(token.pos, value, kind, token.text == "SAFE_CAST", pattern)

    def _extract(self) -> s.Expr | None:
        """EXTRACT(part FROM value [AT TIME ZONE zone])."""
        token = self.token
        self.advance()
        self.expect_op("(")
        part = self.primary()
        self.expect_word("FROM")
        value = self.expression()
        zone = None
        if self.take_word("AT"):
            self.expect_word("TIME", "ZONE")
            zone = self.expression()
        self.expect_op(")")
        return s.Extract(token.pos, part, value, zone)

    def interval(self) -> s.Expr:
        """INTERVAL value part [TO part]."""
        pos = self.expect_word("INTERVAL").pos
        value = self.binary(4)
        part = self.identifier().upper()
        to = self.identifier().upper() if self.take_word("TO") else None
        return s.Interval(pos, value, part, to)

    def _array_form(self) -> s.Expr | None:
        """ARRAY<…>[…], ARRAY[…], ARRAY(query)."""
        pos = self.token.pos
        if self.is_op("<", 1):
            kind = self.type_name()
            return self.array(kind)
        self.advance()
        if self.is_op("["):
            return self.array(None)
        self.expect_op("(")
        query = self.query()
        self.expect_op(")")
        return s.Subquery(pos, query, "array")

    def array(self, kind: s.TypeName | None) -> s.Expr:
        """[…] of elements."""
        pos = self.expect_op("[").pos
        items = [] if self.is_op("]") else self.comma_separated(self.expression)
        self.expect_op("]")
        return s.Array(pos, kind, items)

    def _struct(self) -> s.Expr:
        """STRUCT<…>(…) and STRUCT(… AS name)."""
        pos = self.token.pos
        kind = None
        if self.is_op("<", 1):
            kind = self.type_name()
        else:
            self.advance()
        self.expect_op("(")
        fields: list[tuple[s.Expr, str | None]] = []
        while not self.is_op(")"):
            expr = self.expression()
            fields.append((expr, self.identifier() if self.take_word("AS") else None))
            if not self.take_op(","):
                break
        self.expect_op(")")
        return s.Struct(pos, kind, fields)

    def _exists(self) -> s.Expr:
        """EXISTS(query)."""
        pos = self.advance().pos
        self.expect_op("(")
        query = self.query()
        self.expect_op(")")
        return s.Subquery(pos, query, "exists")


_FORMS: dict[str, Callable[[FormParser], s.Expr | None]] = {
    "NULL": FormParser._constant,
    "TRUE": FormParser._constant,
    "FALSE": FormParser._constant,
    "CASE": FormParser._case,
    "CAST": FormParser._cast,
    "SAFE_CAST": FormParser._cast,
    "EXTRACT": FormParser._extract,
    "INTERVAL": FormParser.interval,
    "ARRAY": FormParser._array_form,
    "STRUCT": FormParser._struct,
    "EXISTS": FormParser._exists,
}
