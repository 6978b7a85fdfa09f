"""Walk over tokens: look, expect, and word syntax errors as BigQuery does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from emulators.bigquery.errors import ApiError
from emulators.bigquery.sql.read.tokens import RESERVED, Token, syntax_error, tokenize

T = TypeVar("T")


class Cursor:
    """A position in the tokens of one text; the base of both parsers."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.tokens = tokenize(sql)
        self.at = 0
        self.positional = 0

    @property
    def token(self) -> Token:
        """The token at the cursor."""
        return self.tokens[self.at]

    def peek(self, ahead: int = 1) -> Token:
        """A token further on; the end token if there are not so many."""
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def advance(self) -> Token:
        """Step over the token at the cursor and return it."""
        token = self.tokens[self.at]
        if token.kind != "end":
            self.at += 1
        return token

    def is_word(self, *words: str, ahead: int = 0) -> bool:
        """Whether the tokens from here are these words."""
        return all(
            self.peek(ahead + i).kind == "word" and self.peek(ahead + i).text == word for i, word in enumerate(words)
        )

    def is_op(self, op: str, ahead: int = 0) -> bool:
        """Whether the token is this operator."""
        token = self.peek(ahead)
        return token.kind == "op" and token.text == op

    def take_word(self, *words: str) -> bool:
        """Step over these words if they are next."""
        if self.is_word(*words):
            self.at += len(words)
            return True
        return False

    def take_op(self, op: str) -> bool:
        """Step over this operator if it is next."""
        if self.is_op(op):
            self.at += 1
            return True
        return False

    def expect_word(self, *words: str) -> Token:
        """Step over these words or raise."""
        token = self.token
        for word in words:
            if not self.take_word(word):
                raise self.expected(f"keyword {word}")
        return token

    def expect_op(self, op: str) -> Token:
        """Step over this operator or raise."""
        token = self.token
        if op == ">" and self.is_op(">>"):  # STRUCT<ARRAY<INT64>>: the lexer saw a shift
            first = Token("op", ">", ">", token.pos, token.pos + 1)
            self.tokens[self.at : self.at + 1] = [first, Token("op", ">", ">", token.pos + 1, token.end)]
        if not self.take_op(op):
            raise self.expected(f'"{op}"')
        return token

    def is_identifier(self, ahead: int = 0) -> bool:
        """Whether an identifier is next."""
        token = self.peek(ahead)
        return token.kind == "ident" or (token.kind == "word" and token.text not in RESERVED)

    def identifier(self, *, any_word: bool = False) -> str:
        """Step over an identifier; after a dot any word is one."""
        token = self.token
        if token.kind == "ident" or (token.kind == "word" and (any_word or token.text not in RESERVED)):
            self.at += 1
            return token.text if token.kind == "ident" else token.raw
        raise self.unexpected()

    def comma_separated(self, one: Callable[[], T]) -> list[T]:
        """One or more, separated by commas."""
        items = [one()]
        while self.take_op(","):
            items.append(one())
        return items

    def describe(self, token: Token) -> str:
        """A token as error messages name it."""
        if token.kind == "end":
            return "end of script"
        if token.kind == "word":
            return f"keyword {token.text}" if token.text in RESERVED else f'identifier "{token.raw}"'
        if token.kind == "ident":
            return f"identifier {token.raw}"
        if token.kind in {"string", "bytes"}:
            return f"{token.kind} literal {token.raw}"
        if token.kind == "int":
            return f'integer literal "{token.raw}"'
        if token.kind == "float":
            return f'floating point literal "{token.raw}"'
        return f'"{token.raw}"'

    def unexpected(self, token: Token | None = None) -> ApiError:
        """`Syntax error: Unexpected …`."""
        token = token or self.token
        return syntax_error(self.sql, token.pos, f"Unexpected {self.describe(token)}")

    def expected(self, what: str) -> ApiError:
        """`Syntax error: Expected … but got …`."""
        if self.token.kind == "end":
            return syntax_error(self.sql, self.token.pos, f"Expected {what} but got end of script")
        return syntax_error(self.sql, self.token.pos, f"Expected {what} but got {self.describe(self.token)}")
