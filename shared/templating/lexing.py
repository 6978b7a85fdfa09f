"""Split BigQuery SQL into tokens, and refuse a text that two readers could split differently.

sqlglot's tokenizer does the work. Where it could disagree with BigQuery's own about where a string, name or comment
ends, text that one takes for a value the other could take for code. So the ends are checked again here by BigQuery's
lexical rules (docs: "Lexical structure and syntax"), and what is doubtful is refused.
"""

import re
from dataclasses import dataclass

from sqlglot import TokenType, tokenize
from sqlglot.dialects.bigquery import BigQuery  # here, where one thread imports: see `lex`
from sqlglot.errors import SqlglotError

from shared.errors import Fault, SqlRefused

MAX_SQL_CHARACTERS = 256 * 1024  # a template has at most 64 KiB; BigQuery takes 1 MB (facts 10)

_GAP = re.compile(r"(?:[ \t\r\n\f\v]|--[^\r\n]*|#[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_PREFIX = r"(?:[rR][bB]?|[bB][rR]?)?"
_STRING = re.compile(
    rf"{_PREFIX}(?:'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\""
    rf"|'(?:\\[^\r\n]|[^'\\\r\n])*'|\"(?:\\[^\r\n]|[^\"\\\r\n])*\")",
    re.DOTALL,
)
_QUOTED_NAME = re.compile(r"`[^`\\\x00-\x1f\x7f]+`")
_PLAIN = re.compile(r"[\t\r\n\x20-\x7e]+")
STRINGS = frozenset({TokenType.STRING, TokenType.RAW_STRING, TokenType.BYTE_STRING})


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One token: `source` is `text[start:end]` as written, quotes included."""

    kind: TokenType
    source: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The token in upper case, to compare with keywords; a quoted one never equals a keyword."""
        return self.source.upper()

    @property
    def is_string(self) -> bool:
        """Whether this is a string or bytes literal."""
        return self.kind in STRINGS

    @property
    def is_quoted_name(self) -> bool:
        """Whether this is a name between backquotes."""
        return self.kind == TokenType.IDENTIFIER


def lex(text: str) -> list[Lexeme]:
    """The tokens of a query, comments left out. Raises SqlRefused, naming the line, where the text is doubtful.

    The dialect is not named by a string: sqlglot would load it at the first use, and another thread would find it
    registered before it is complete, without backquotes.
    """
    if len(text) > MAX_SQL_CHARACTERS:
        raise SqlRefused(f"a query of {len(text)} characters; at most {MAX_SQL_CHARACTERS} are taken")
    try:
        tokens = tokenize(text, read=BigQuery)
    except SqlglotError as error:
        raise SqlRefused("the query cannot be read: a quote, backquote or comment is not closed") from error
    lexemes: list[Lexeme] = []
    end = 0
    for token in tokens:
        if token.token_type == TokenType.COMMAND:  # the tokenizer gives up splitting what follows
            raise refuse(text, token.start, f"{token.text[:40].upper()} is not run; a query is one SELECT")
        _check_gap(text, end, token.start)
        lexeme = Lexeme(token.token_type, text[token.start : token.end + 1], token.start, token.end + 1)
        _check(text, lexeme, lexemes[-1] if lexemes else None)
        lexemes.append(lexeme)
        end = lexeme.end
    _check_gap(text, end, len(text))
    return lexemes


def without_comments(text: str, lexemes: list[Lexeme]) -> str:
    """The text with each comment blanked, so that every token stays at its line and column.

    >>> without_comments("a -- b\\n, c", lex("a -- b\\n, c"))
    'a     \\n, c'
    """
    parts, end = [], 0
    for lexeme in lexemes:
        parts += [re.sub(r"[^\n]", " ", text[end : lexeme.start]), lexeme.source]
        end = lexeme.end
    parts.append(re.sub(r"[^\n]", " ", text[end:]))
    return "".join(parts)


def place_at(text: str, offset: int) -> tuple[int, int]:
    """The line and column of a place in a query, from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def refuse(text: str, offset: int, message: str) -> SqlRefused:
    """The error for a place in a query."""
    line, column = place_at(text, offset)
    message = f"line {line} of the query: {message}"
    return SqlRefused(message, faults=[Fault(f"query:{line}:{column}", "sql_refused", message)])


def _check_gap(text: str, start: int, end: int) -> None:
    if start < end and not _GAP.fullmatch(text, start, end):
        raise refuse(text, start, "something that is neither a token nor a comment of BigQuery; {# … #} is not one")


def _check(text: str, lexeme: Lexeme, before: Lexeme | None) -> None:
    source, start = lexeme.source, lexeme.start
    if lexeme.is_string:
        match = _STRING.match(text, start)
        if match is None or match.end() != lexeme.end:
            raise refuse(text, start, "a string that ends in a doubtful place; use '''…''' for several lines")
        if before is not None and before.end == start and before.kind == TokenType.VAR:
            raise refuse(text, start, f"{before.source}{source[0]}… is no string of BigQuery; prefixes are r and b")
    elif lexeme.is_quoted_name:
        if not _QUOTED_NAME.fullmatch(source):
            raise refuse(text, start, "a name between backquotes holds no backquote, backslash or line break")
    elif lexeme.kind in (TokenType.BLOCK_START, TokenType.BLOCK_END):
        raise refuse(text, start, f"{source} is no SQL; placeholders are written {{name}}")
    elif not _PLAIN.fullmatch(source):
        raise refuse(text, start, "a character outside ASCII that is not in a string, comment or backquotes")
