"""Cut GoogleSQL text into tokens, with BigQuery's literals and escapes.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
"""

from __future__ import annotations

import re
from typing import NamedTuple

from emulators.bigquery.errors import ApiError, invalid_query

# Words that cannot be bare identifiers; list of the lexical page.
RESERVED = frozenset(
    [
        "ALL",
        "AND",
        "ANY",
        "ARRAY",
        "AS",
        "ASC",
        "ASSERT_ROWS_MODIFIED",
        "AT",
        "BETWEEN",
        "BY",
        "CASE",
        "CAST",
        "COLLATE",
        "CONTAINS",
        "CREATE",
        "CROSS",
        "CUBE",
        "CURRENT",
        "DEFAULT",
        "DEFINE",
        "DESC",
        "DISTINCT",
        "ELSE",
        "END",
        "ENUM",
        "ESCAPE",
        "EXCEPT",
        "EXCLUDE",
        "EXISTS",
        "EXTRACT",
        "FALSE",
        "FETCH",
        "FOLLOWING",
        "FOR",
        "FROM",
        "FULL",
        "GROUP",
        "GROUPING",
        "GROUPS",
        "HASH",
        "HAVING",
        "IF",
        "IGNORE",
        "IN",
        "INNER",
        "INTERSECT",
        "INTERVAL",
        "INTO",
        "IS",
        "JOIN",
        "LATERAL",
        "LEFT",
        "LIKE",
        "LIMIT",
        "LOOKUP",
        "MERGE",
        "NATURAL",
        "NEW",
        "NO",
        "NOT",
        "NULL",
        "NULLS",
        "OF",
        "ON",
        "OR",
        "ORDER",
        "OUTER",
        "OVER",
        "PARTITION",
        "PRECEDING",
        "PROTO",
        "QUALIFY",
        "RANGE",
        "RECURSIVE",
        "RESPECT",
        "RIGHT",
        "ROLLUP",
        "ROWS",
        "SELECT",
        "SET",
        "SOME",
        "STRUCT",
        "TABLESAMPLE",
        "THEN",
        "TO",
        "TREAT",
        "TRUE",
        "UNBOUNDED",
        "UNION",
        "UNNEST",
        "USING",
        "WHEN",
        "WHERE",
        "WINDOW",
        "WITH",
        "WITHIN",
    ]
)

_TOKEN = re.compile(
    r"""(?P<space>(?:\s+|--[^\n]*|\#[^\n]*|/\*.*?\*/)+)
      | (?P<prefix>[rRbB]{1,2})?(?P<quote>\"\"\"|'''|"|')
      | (?P<tick>`(?:\\.|[^`\\\n])*`)
      | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<param>@@?[A-Za-z_][A-Za-z0-9_]*|@@?`[^`]*`)
      | (?P<op>\|\||\|>|<<|>>|<=|>=|<>|!=|=>|->|[-+*/~&|^=<>()\[\],.;:?@{}%$])""",
    re.VERBOSE | re.DOTALL,
)

_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`", "\n": "",
}  # fmt: skip
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL
)


class Token(NamedTuple):
    """One token: `kind` is word, ident (backquoted), string, bytes, int, float, param, op or end."""

    kind: str
    text: str  # the value: unescaped for literals, upper case for words
    raw: str  # as written
    pos: int  # offset of its first character
    end: int


def line_and_column(sql: str, pos: int) -> str:
    r"""Where an offset lies, as BigQuery writes it; lines and columns count from 1.

    >>> line_and_column("SELECT\n  x", 9)
    '[2:3]'
    """
    start = sql.rfind("\n", 0, pos) + 1
    return f"[{sql.count(chr(10), 0, pos) + 1}:{pos - start + 1}]"


def syntax_error(sql: str, pos: int, message: str) -> ApiError:
    """`Syntax error: … at [line:column]`."""
    return invalid_query(f"Syntax error: {message} at {line_and_column(sql, pos)}")


def tokenize(sql: str) -> list[Token]:
    """All tokens of `sql`, the last one of kind `end`; raises invalidQuery on text that is no token."""
    tokens: list[Token] = []
    pos = 0
    while pos < len(sql):
        match = _TOKEN.match(sql, pos)
        if match is None:
            raise _illegal(sql, pos)
        kind = str(match.lastgroup)
        if kind == "quote":
            token = _quoted(sql, pos, match)
            tokens.append(token)
            pos = token.end
            continue
        pos = match.end()
        if kind != "space":
            tokens.append(_unquoted(sql, kind, match))
    tokens.append(Token("end", "", "", len(sql), len(sql)))
    return tokens


def _illegal(sql: str, pos: int) -> ApiError:
    """Why no token starts here."""
    if sql.startswith("/*", pos):
        return syntax_error(sql, pos, "Unclosed comment")
    if sql[pos] == "`":
        return syntax_error(sql, pos, "Unclosed identifier literal")
    return syntax_error(sql, pos, f'Illegal input character "{sql[pos]}"')


def _unquoted(sql: str, kind: str, match: re.Match[str]) -> Token:
    """A token other than a STRING or BYTES literal."""
    raw, start, end = match[0], match.start(), match.end()
    if kind == "word":
        return Token("word", raw.upper(), raw, start, end)
    if kind == "tick":
        if raw == "``":
            raise syntax_error(sql, start, "Invalid empty identifier")
        return Token("ident", _unescape(sql, start, raw[1:-1]), raw, start, end)
    if kind == "number":
        if end < len(sql) and (sql[end].isalpha() or sql[end] == "_"):
            raise syntax_error(sql, end, "Missing whitespace between literal and alias")
        integral = raw.isdigit() or raw[:2] in {"0x", "0X"}
        return Token("int" if integral else "float", raw, raw, start, end)
    if kind == "param":
        return Token("param", raw[1:].strip("`"), raw, start, end)
    return Token("op", raw, raw, start, end)


def _quoted(sql: str, start: int, match: re.Match[str]) -> Token:
    prefix, quote = (match["prefix"] or "").lower(), match["quote"]
    if len(set(prefix)) != len(prefix):
        raise syntax_error(sql, start, f'Unexpected string prefix "{prefix}"')
    raw_string, is_bytes = "r" in prefix, "b" in prefix
    pos = match.end()
    triple = len(quote) == 3
    while True:
        if pos >= len(sql) or (sql[pos] == "\n" and not triple):
            kind = "bytes" if is_bytes else "string"
            raise syntax_error(sql, start, f"Unclosed {'triple-quoted ' if triple else ''}{kind} literal")
        if sql[pos] == "\\":
            pos += 2
        elif sql.startswith(quote, pos):
            break
        else:
            pos += 1
    body = sql[match.end() : pos]
    text = body if raw_string else _unescape(sql, match.end(), body, as_bytes=is_bytes)
    end = pos + len(quote)
    return Token("bytes" if is_bytes else "string", text, sql[start:end], start, end)


def _unescape(sql: str, start: int, body: str, *, as_bytes: bool = False) -> str:
    if "\\" not in body:
        return body

    def one(match: re.Match[str]) -> str:
        two_x, two_big_x, four, eight, octal, plain = match.groups()
        if plain is not None:
            if plain not in _ESCAPES:
                raise syntax_error(sql, start + match.start(), rf"Illegal escape sequence: \{plain}")
            return _ESCAPES[plain]
        if (four or eight) and as_bytes:
            raise syntax_error(sql, start + match.start(), "Illegal escape sequence in bytes literal")
        if octal:
            return chr(int(octal, 8))
        value = int(two_x or two_big_x or four or eight, 16)
        if 0xD800 <= value <= 0xDFFF or value > 0x10FFFF:
            shown = match[0]
            raise syntax_error(
                sql, start + match.start(), rf"Illegal escape sequence: {shown} is not a code point of Unicode"
            )
        return chr(value)

    return _ESCAPE.sub(one, body)


def bytes_value(token: Token) -> bytes:
    """The bytes a bytes literal stands for: escapes above 0x7f are bytes, other text is UTF-8."""
    if "\\" not in token.raw or token.raw[0] in "rR" or token.raw[1:2] in ("r", "R"):
        return token.text.encode()
    return (
        token.text.encode("latin-1", errors="strict")
        if token.text.isascii() or max(map(ord, token.text)) < 256
        else token.text.encode()
    )
