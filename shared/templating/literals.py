"""What a string literal of BigQuery means."""

import re

_OPENING = re.compile(r"(?P<prefix>[rRbB]{0,2})(?P<quote>'''|\"\"\"|'|\")")
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|([0-3][0-7]{2})|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|)"
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def open_literal(source: str) -> tuple[str, str]:
    """The prefix in lower case and the text between the quotes, escapes not read yet.

    >>> open_literal("r'a'"), open_literal('\"\"\"b\"\"\"')
    (('r', 'a'), ('', 'b'))
    """
    match = _OPENING.match(source)
    assert match is not None, "a string token starts with a quote"
    return match["prefix"].lower(), source[match.end() : -len(match["quote"])]


def unescape(text: str) -> str:
    r"""The text with escape sequences read. Raises ValueError for one that BigQuery has not.

    >>> unescape(r"it\'s \x41\u00e9\101")
    "it's AéA"
    """

    def read(match: re.Match[str]) -> str:
        simple, octal, byte, short, long = match.groups()
        if simple:
            return _SIMPLE.get(simple, simple)
        if octal:
            return chr(int(octal, 8))
        digits = byte or short or long
        if not digits:
            raise ValueError(f"no escape sequence begins with {text[match.start() : match.start() + 2]!r}")
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF or code == 0:
            raise ValueError("an escape sequence that is no character")
        return chr(code)

    return _ESCAPE.sub(read, text.replace("\r\n", "\n").replace("\r", "\n"))
