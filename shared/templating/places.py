"""Find the placeholders of a query and tell by its tokens in which kind of place each stands.

What is found depends on the text alone, never on a value: the same outline serves every tenant.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import TokenType

from shared.errors import Fault
from shared.templating.lexing import Lexeme, lex, place_at, refuse, without_comments
from shared.templating.literals import open_literal, unescape
from shared.templating.placeholders import Name, split

# A literal with one of these before it is a typed literal; as a parameter it is written CAST(@p AS …).
_CASTABLE = frozenset({"DATE", "DATETIME", "TIME", "TIMESTAMP", "NUMERIC", "DECIMAL", "BIGNUMERIC", "BIGDECIMAL"})
# After these BigQuery takes a literal or a name only, no parameter.
_LITERAL_AFTER = {
    "AS": "an alias",
    "FORMAT": "a FORMAT clause",
    "JSON": "a JSON literal; write PARSE_JSON('…')",
    "RANGE": "a RANGE literal",
    "COLLATE": "a COLLATE clause",
}
_TYPE = "the parameters of a type"
_LITERAL_WITHIN = {
    "OPTIONS": "OPTIONS(…)",
    "PIVOT": "PIVOT(…)",
    "UNPIVOT": "UNPIVOT(…)",
    "COLLATE": "COLLATE(…)",
    "ROLLUP": "ROLLUP(…), which takes columns",
    "CUBE": "CUBE(…), which takes columns",
    "GROUPING SETS": "GROUPING SETS(…), which takes columns",
    "WEEK": "WEEK(…), which takes a day's name",
    _TYPE: _TYPE,
}
_SIZED = frozenset({"STRING", "BYTES", "NUMERIC", "DECIMAL", "BIGNUMERIC", "BIGDECIMAL"})
_BRACED = re.compile(r"\{\w+\}|\{\{\s*\w+\s*\}\}")
# What ends the list after GROUP BY, ORDER BY or PARTITION BY within the same parentheses.
_AFTER_BY = frozenset({
    "EXCEPT", "FROM", "HAVING", "INTERSECT", "LIMIT", "QUALIFY", "RANGE", "ROWS", "SELECT", "UNION", "WHERE", "WINDOW",
})  # fmt: skip


@dataclass(frozen=True)
class InLiteral:
    """A string literal with placeholders: `parts` are what it means.

    With `cast` it is a typed literal; a JSON literal has one placeholder and nothing else.
    """

    parts: tuple[str | Name, ...]
    cast: str
    line: int
    column: int


@dataclass(frozen=True)
class InName:
    """A name between backquotes with placeholders."""

    parts: tuple[str | Name, ...]
    line: int
    column: int


@dataclass(frozen=True)
class Bare:
    """A placeholder that stands by itself. `listed`: it is all that `IN (…)` or `UNNEST(…)` holds.

    After IN the parentheses belong to this place (`parenthesised`): an array is written `IN UNNEST(@p)`.
    """

    name: Name
    listed: bool
    parenthesised: bool
    line: int
    column: int


Place = InLiteral | InName | Bare


@dataclass(frozen=True)
class Outline:
    """A query cut into text and places, comments blanked; `faults` are what cannot work with any value."""

    pieces: tuple[str | Place, ...]
    faults: tuple[Fault, ...]


@lru_cache(maxsize=1024)
def outline(text: str) -> Outline:
    """The places of a query's placeholders. Raises SqlRefused where the query cannot be split into tokens."""
    return _Outliner(text).run()


class _Outliner:
    """One walk over the tokens of a query."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lexemes = lex(text)
        self._clean = without_comments(text, self._lexemes)
        self._pieces: list[str | Place] = []
        self._faults: list[Fault] = []
        self._written = 0
        self._parentheses: list[str] = []
        self._by: list[str] = [""]  # per open parenthesis: the GROUP BY or the like whose list this is

    def run(self) -> Outline:
        index = 0
        while index < len(self._lexemes):
            index = self._step(index)
        self._pieces.append(self._clean[self._written :])
        return Outline(tuple(piece for piece in self._pieces if piece != ""), tuple(self._faults))

    def _step(self, index: int) -> int:
        """Handle one token, or all tokens of one placeholder; the index of the next."""
        lexeme = self._lexemes[index]
        if lexeme.kind == TokenType.L_PAREN:
            self._parentheses.append(self._opener(index))
            self._by.append("")
        elif lexeme.kind == TokenType.R_PAREN:
            if self._parentheses:
                self._parentheses.pop()
                self._by.pop()
        elif _is_by(lexeme):
            self._by[-1] = lexeme.word
        elif lexeme.word in _AFTER_BY:
            self._by[-1] = ""
        elif lexeme.kind in (TokenType.PARAMETER, TokenType.PLACEHOLDER, TokenType.SESSION_PARAMETER):
            self._fault(lexeme, f"{lexeme.source} is a parameter, and parameters are the platform's; write {{name}}")
        elif lexeme.is_string:
            self._string(index)
        elif lexeme.is_quoted_name:
            parts = split(lexeme.source[1:-1])
            if any(isinstance(part, Name) for part in parts):
                self._put(lexeme.start, lexeme.end, InName(parts, *self._place(lexeme)))
        elif lexeme.kind in (TokenType.L_BRACE, TokenType.R_BRACE):
            return self._bare(index)
        return index + 1

    def _opener(self, index: int) -> str:
        """What a parenthesis belongs to: the word before it, or a type (`AS NUMERIC(`, `ARRAY<STRING(`)."""
        word = self._lexemes[index - 1].word if index else ""
        is_type = index > 1 and word in _SIZED and self._lexemes[index - 2].word in ("AS", "<")
        return _TYPE if is_type else word

    def _string(self, index: int) -> None:
        lexeme = self._lexemes[index]
        prefix, content = open_literal(lexeme.source)
        parts = split(content)
        if not any(isinstance(part, Name) for part in parts):
            return
        if refusal := self._refused_in_string(index, prefix, parts):
            self._fault(lexeme, refusal)
            return
        if "r" not in prefix:
            try:
                parts = tuple(part if isinstance(part, Name) else unescape(part) for part in parts)
            except ValueError as error:
                self._fault(lexeme, str(error))
                return
        cast = ""
        start = lexeme.start
        before = self._lexemes[index - 1] if index else None
        if before is not None and (before.word == "JSON" or before.word in _CASTABLE):
            cast = before.word
            start = before.start
        self._put(start, lexeme.end, InLiteral(parts, cast, *self._place(lexeme)))

    def _refused_in_string(self, index: int, prefix: str, parts: Sequence[str | Name]) -> str:
        """Why the string of these parts can hold no placeholder; empty where it can."""
        before = self._lexemes[index - 1] if index else None
        after = self._lexemes[index + 1] if index + 1 < len(self._lexemes) else None
        if "b" in prefix:
            return "a placeholder in a bytes literal; write CAST('{x}' AS BYTES)"
        if (before and before.is_string) or (after and after.is_string):
            return "a placeholder in adjacent strings; join them into one"
        if before and before.word == "INTERVAL":
            return "a placeholder in an INTERVAL literal; write INTERVAL {n} DAY with a variable of type int"
        is_json = before is not None and before.word == "JSON"
        if is_json and len(parts) > 1:
            return "a placeholder inside a JSON text could add keys; write JSON_OBJECT('key', '{x}') or the like"
        if not is_json and (reason := self._literal_only(before) or self._no_text_here(index)):
            return f"no placeholder may stand in {reason}"
        if before and self._is_listed_by(before):
            return f"a text after {self._by[-1]} would be a constant, not a column"
        return ""

    def _bare(self, index: int) -> int:
        first = self._lexemes[index]
        match = _BRACED.match(self._text, first.start)
        name = next((part for part in split(match[0]) if isinstance(part, Name)), None) if match else None
        if match is None or name is None:
            self._fault(first, "a brace that is no placeholder; one is written {name}, without spaces")
            return index + 1
        end = match.end()
        last = index
        while self._lexemes[last].end < end:
            last += 1
        before = self._lexemes[index - 1] if index else None
        after = self._lexemes[last + 1] if last + 1 < len(self._lexemes) else None
        if (before and before.end == first.start and _glues(before)) or (
            after and after.start == end and _glues(after)
        ):
            dollar = before is not None and before.end == first.start and before.source == "$"
            right = f"write {{{name.name}}}, without $" if dollar else "a name with a placeholder needs backquotes"
            self._fault(first, f"{{{name.name}}} is glued to what is beside it; {right}")
        elif before and self._is_listed_by(before):
            self._fault(first, f"{{{name.name}}} after {self._by[-1]} would be a constant, not a column")
        elif reason := self._literal_only(before):
            self._fault(first, f"no placeholder may stand in {reason}")
        else:
            self._put_bare(name, index, last)
        return last + 1

    def _put_bare(self, name: Name, first: int, last: int) -> None:
        """Put a bare placeholder; where it is alone in `IN (…)`, the parentheses too."""
        start, end = self._lexemes[first].start, self._lexemes[last].end
        place = self._place(self._lexemes[first])
        alone = (
            first > 1
            and self._lexemes[first - 1].kind == TokenType.L_PAREN
            and last + 1 < len(self._lexemes)
            and self._lexemes[last + 1].kind == TokenType.R_PAREN
        )
        opener = self._lexemes[first - 2].word if alone else ""
        if opener == "IN":
            # The parentheses are left to the place, so that they are not text any more.
            start, end = self._lexemes[first - 1].start, self._lexemes[last + 1].end
        self._put(start, end, Bare(name, opener in ("IN", "UNNEST"), opener == "IN", *place))

    def _is_listed_by(self, before: Lexeme) -> bool:
        """Whether what follows `before` is an item of GROUP BY, ORDER BY or PARTITION BY."""
        return _is_by(before) or (before.kind == TokenType.COMMA and bool(self._by[-1]))

    def _no_text_here(self, index: int) -> str:
        """Where this string is, if it is part of the syntax there: `RANGE<DATE> '…'`, `EXTRACT('…' FROM …)`."""
        words = [lexeme.word for lexeme in self._lexemes[max(0, index - 4) : index]]
        if len(words) == 4 and words[0] == "RANGE" and (words[1], words[3]) == ("<", ">"):
            return "a RANGE literal"
        return "EXTRACT, which takes a part's name" if words[-2:] == ["EXTRACT", "("] else ""

    def _literal_only(self, before: Lexeme | None) -> str:
        """Where this is, if BigQuery takes no parameter there; else empty."""
        if before is not None and before.word in _LITERAL_AFTER:
            return _LITERAL_AFTER[before.word]
        within = _LITERAL_WITHIN.keys() & set(self._parentheses)
        return _LITERAL_WITHIN[min(within)] if within else ""

    def _put(self, start: int, end: int, place: Place) -> None:
        # A place is one line once it is filled; what follows stays on the line where its author wrote it.
        self._pieces += [self._clean[self._written : start], place, "\n" * self._clean.count("\n", start, end)]
        if re.match(r"\w", self._clean[end : end + 1]):
            self._pieces.append(" ")  # '{x}'AND is good SQL, @pAND is not
        self._written = end

    def _place(self, lexeme: Lexeme) -> tuple[int, int]:
        return place_at(self._text, lexeme.start)

    def _fault(self, lexeme: Lexeme, message: str) -> None:
        self._faults += refuse(self._text, lexeme.start, message).faults


def _is_by(lexeme: Lexeme) -> bool:
    """Whether this is GROUP BY, ORDER BY or PARTITION BY; `BY` is a token of its own after a comment."""
    return lexeme.kind in (TokenType.GROUP_BY, TokenType.ORDER_BY, TokenType.PARTITION_BY) or lexeme.word == "BY"


def _glues(lexeme: Lexeme) -> bool:
    """Whether a token that touches a placeholder would make one name or number with it."""
    return lexeme.is_string or bool(re.search(r"[\w.`@{}$]", lexeme.source))
