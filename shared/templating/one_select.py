"""Refuse, by its tokens alone, what is more than one SELECT of tables and built-in functions.

What could hide a table from the syntax tree is refused before there is a tree: second statements, pipes, parameters of
the author's own, decorators, system variables, calls of functions that are not BigQuery's, nesting without end.
"""

import re
from dataclasses import dataclass, replace

from sqlglot import TokenType

from shared.errors import IsolationRefused, SqlRefused
from shared.templating.lexing import Lexeme, lex, refuse, without_comments

# Namespaces of built-in functions that look at nothing but their arguments. ML, AI, OBJ and user-defined functions may
# read tables or call out of BigQuery.
_NAMESPACES = frozenset({"SAFE", "NET", "HLL_COUNT", "KLL_QUANTILES"})
_MAX_DEPTH = 64  # far above what people write; each level of subqueries costs the parser time
_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET})


@dataclass(frozen=True)
class OneSelect:
    """A query whose tokens are those of one SELECT. `text` has its comments and a last semicolon blanked."""

    text: str
    parameters: frozenset[str]


def one_select(text: str) -> OneSelect:
    """The query, every token at its place. Raises SqlRefused, or IsolationRefused for a call of a foreign function."""
    lexemes = lex(text)
    _check_statement(text, lexemes)
    _check_depth(text, lexemes)
    _check_calls(text, lexemes)
    parameters = _parameters(text, lexemes)
    if lexemes[-1].kind == TokenType.SEMICOLON:
        del lexemes[-1]
    return OneSelect(without_comments(text, lexemes), parameters)


def _check_statement(text: str, lexemes: list[Lexeme]) -> None:
    """Refuse what begins otherwise than a SELECT does, a second statement, and pipes."""
    if not lexemes:
        raise SqlRefused("the query is empty")
    if lexemes[0].word not in ("SELECT", "WITH", "("):
        raise SqlRefused(f"a query begins with SELECT or WITH, not with {lexemes[0].word[:40]}")
    for index, lexeme in enumerate(lexemes):
        if lexeme.kind == TokenType.SEMICOLON and index < len(lexemes) - 1:
            raise refuse(text, lexeme.start, "a second statement; a query is one SELECT")
        if lexeme.kind == TokenType.PIPE_GT:
            raise refuse(text, lexeme.start, "pipe syntax; write the query as a SELECT")


def _check_depth(text: str, lexemes: list[Lexeme]) -> None:
    """Refuse nesting that would exhaust the parser: its time grows with the square, and its stack is the machine's."""
    depth = 0
    for index, lexeme in enumerate(lexemes):
        if lexeme.kind in _OPENING or (lexeme.source == "<" and lexemes[index - 1].word in ("STRUCT", "ARRAY")):
            depth += 1
        elif lexeme.kind in _CLOSING:
            depth -= 1
        if depth > _MAX_DEPTH:
            raise refuse(text, lexeme.start, f"nested deeper than {_MAX_DEPTH} levels")


def _parameters(text: str, lexemes: list[Lexeme]) -> frozenset[str]:
    """The names after `@`. Refuses `table@…` and `@@…`, which are table decorators and system variables."""
    found = set()
    for index, lexeme in enumerate(lexemes):
        if lexeme.kind in (TokenType.PLACEHOLDER, TokenType.SESSION_PARAMETER):
            raise refuse(text, lexeme.start, f"{lexeme.source} is not taken; write {{name}} for a variable")
        if lexeme.kind != TokenType.PARAMETER:
            continue
        name = re.compile(r"@([A-Za-z_][A-Za-z0-9_]*)").match(text, lexeme.start)
        glued = (
            index > 0 and lexemes[index - 1].end == lexeme.start and re.search(r"[\w`@]$", lexemes[index - 1].source)
        )
        if name is None or glued:
            raise refuse(text, lexeme.start, "@ here is no parameter; decorators and system variables are not taken")
        found.add(name[1])
    return frozenset(found)


def _check_calls(text: str, lexemes: list[Lexeme]) -> None:
    """Refuse calls of functions that are not built in: a user-defined one can read any table."""
    for index in range(1, len(lexemes)):
        name = lexemes[index - 1]
        if lexemes[index].kind != TokenType.L_PAREN:
            continue
        if name.is_quoted_name:
            raise refuse(text, name.start, "a call of a name between backquotes; only built-in functions may be called")
        at = index - 2
        path: list[str] = []
        while at > 0 and lexemes[at].kind == TokenType.DOT:
            path.append(lexemes[at - 1].word)
            at -= 2
        if path and not _NAMESPACES.issuperset(path):
            called = ".".join([*reversed(path), name.word])[:100]
            raise isolation(text, name.start, f"a call of {called}; only BigQuery's own functions may be called")


def isolation(text: str, offset: int, message: str) -> IsolationRefused:
    """The error for a place in a query that reaches for what is not the tenant's."""
    (fault,) = refuse(text, offset, message).faults
    return IsolationRefused(fault.message, faults=[replace(fault, code=IsolationRefused.code)])
