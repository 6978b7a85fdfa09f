"""Read the forms that a keyword or a bracket introduces.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/conditional_expressions,
…/conversion_functions, …/arrays
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulators.bigquery.sql.read import syntax as s

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulators.bigquery.sql.read.expression_parser import ExpressionParser


def constant(p: ExpressionParser) -> s.Expr:
    """NULL, TRUE, FALSE."""
    token = p.advance()
    if token.text == "NULL":
        return s.Literal(token.pos, "NULL", None)
    return s.Literal(token.pos, "BOOL", token.text == "TRUE")


def case(p: ExpressionParser) -> s.Expr:
    """CASE with or without an operand."""
    pos = p.advance().pos
    operand = None if p.is_word("WHEN") else p.expression()
    whens = []
    while p.take_word("WHEN"):
        condition = p.expression()
        p.expect_word("THEN")
        whens.append((condition, p.expression()))
    if not whens:
        raise p.expected("keyword WHEN")
    otherwise = p.expression() if p.take_word("ELSE") else None
    p.expect_word("END")
    return s.Case(pos, operand, whens, otherwise)


def cast(p: ExpressionParser) -> s.Expr | None:
    """CAST and SAFE_CAST; None where the word is a name."""
    token = p.token
    if not p.is_op("(", 1):
        return None
    p.advance()
    p.expect_op("(")
    value = p.expression()
    p.expect_word("AS")
    kind = p.type_name()
    pattern = p.expression() if p.take_word("FORMAT") else None
    p.expect_op(")")
    return s.Cast(token.pos, value, kind, token.text == "SAFE_CAST", pattern)


def extract(p: ExpressionParser) -> s.Expr | None:
    """EXTRACT(part FROM value [AT TIME ZONE zone])."""
    token = p.token
    p.advance()
    p.expect_op("(")
    part = p.primary()
    p.expect_word("FROM")
    value = p.expression()
    zone = None
    if p.take_word("AT"):
        p.expect_word("TIME", "ZONE")
        zone = p.expression()
    p.expect_op(")")
    return s.Extract(token.pos, part, value, zone)


def interval(p: ExpressionParser) -> s.Expr:
    """INTERVAL value part [TO part]."""
    pos = p.expect_word("INTERVAL").pos
    value = p.binary(4)
    part = p.identifier().upper()
    to = p.identifier().upper() if p.take_word("TO") else None
    return s.Interval(pos, value, part, to)


def array_form(p: ExpressionParser) -> s.Expr | None:
    """ARRAY<…>[…], ARRAY[…], ARRAY(query)."""
    pos = p.token.pos
    if p.is_op("<", 1):
        kind = p.type_name()
        return array(p, kind)
    p.advance()
    if p.is_op("["):
        return array(p, None)
    p.expect_op("(")
    query = p.query()
    p.expect_op(")")
    return s.Subquery(pos, query, "array")


def array(p: ExpressionParser, kind: s.TypeName | None) -> s.Expr:
    """[…] of elements."""
    pos = p.expect_op("[").pos
    items = [] if p.is_op("]") else p.comma_separated(p.expression)
    p.expect_op("]")
    return s.Array(pos, kind, items)


def struct(p: ExpressionParser) -> s.Expr:
    """STRUCT<…>(…) and STRUCT(… AS name)."""
    pos = p.token.pos
    kind = None
    if p.is_op("<", 1):
        kind = p.type_name()
    else:
        p.advance()
    p.expect_op("(")
    fields: list[tuple[s.Expr, str | None]] = []
    while not p.is_op(")"):
        expr = p.expression()
        fields.append((expr, p.identifier() if p.take_word("AS") else None))
        if not p.take_op(","):
            break
    p.expect_op(")")
    return s.Struct(pos, kind, fields)


def exists(p: ExpressionParser) -> s.Expr:
    """EXISTS(query)."""
    pos = p.advance().pos
    p.expect_op("(")
    query = p.query()
    p.expect_op(")")
    return s.Subquery(pos, query, "exists")


SPECIAL: dict[str, Callable[[ExpressionParser], s.Expr | None]] = {
    "NULL": constant,
    "TRUE": constant,
    "FALSE": constant,
    "CASE": case,
    "CAST": cast,
    "SAFE_CAST": cast,
    "EXTRACT": extract,
    "INTERVAL": interval,
    "ARRAY": array_form,
    "STRUCT": struct,
    "EXISTS": exists,
}
