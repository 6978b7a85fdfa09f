"""Read GoogleSQL expressions.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/operators (precedence), …/functions-reference
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.form_parser import FormParser
from emulators.bigquery.sql.read.tokens import RESERVED, Token, bytes_value, syntax_error

_COMPARISONS = {"=", "<", ">", "<=", ">=", "!=", "<>"}
_LEVELS: list[set[str]] = [{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "||"}]
_TYPED_LITERALS = {
    "DATE": "DATE", "DATETIME": "DATETIME", "TIME": "TIME", "TIMESTAMP": "TIMESTAMP", "NUMERIC": "NUMERIC",
    "DECIMAL": "NUMERIC", "BIGNUMERIC": "BIGNUMERIC", "BIGDECIMAL": "BIGNUMERIC", "JSON": "JSON",
}  # fmt: skip
_BARE_CALLS = {"CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_DATETIME", "CURRENT_TIME"}
_KEYWORD_FUNCTIONS = {"IF", "LEFT", "RIGHT", "GROUPING", "COLLATE"}
_SUBSCRIPTS = {"OFFSET", "ORDINAL", "SAFE_OFFSET", "SAFE_ORDINAL"}
_NAMESPACES = {"NET", "HLL_COUNT", "KEYS", "AEAD", "SAFE", "ML", "ST", "D3A_COUNT", "KLL_QUANTILES"}
# What may follow a query in parentheses within another.
_BEHIND_QUERIES = {"UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT"}
_SYSTEM_VARIABLES = {"PROJECT_ID", "DATASET_PROJECT_ID", "DATASET_ID", "TIME_ZONE"}
_MAX_DEPTH = 200


class ExpressionParser(FormParser):
    """Expressions; `query` is supplied by the query parser."""

    depth = 0

    def expression(self) -> s.Expr:
        """Any expression."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise syntax_error(self.sql, self.token.pos, "Too many nested expressions; the query is too complex")
        try:
            found = self._or()
            if self.is_op("->"):
                raise not_implemented("lambda expressions (e -> …)")
            return found
        finally:
            self.depth -= 1

    def _or(self) -> s.Expr:
        pos = self.token.pos
        left = self._and()
        while self.take_word("OR"):
            left = s.Binary(pos, "OR", left, self._and())
        return left

    def _and(self) -> s.Expr:
        pos = self.token.pos
        left = self._not()
        while self.take_word("AND"):
            left = s.Binary(pos, "AND", left, self._not())
        return left

    def _not(self) -> s.Expr:
        if self.is_word("NOT"):
            pos = self.advance().pos
            return s.Unary(pos, "NOT", self._not())
        return self._comparison()

    def _comparison(self) -> s.Expr:
        pos = self.token.pos
        left = self.binary(0)
        token = self.token
        if token.kind == "op" and token.text in _COMPARISONS:
            self.advance()
            op = "!=" if token.text == "<>" else token.text
            result: s.Expr = s.Binary(pos, op, left, self.binary(0))
        elif token.kind == "word" and token.text in {"IS", "IN", "LIKE", "BETWEEN", "NOT"}:
            result = self._keyword_comparison(left)
        else:
            return left
        after = self.token
        if after.kind == "op" and after.text in _COMPARISONS:
            raise syntax_error(self.sql, after.pos, f"Unexpected {self.describe(after)}")
        if self.is_word("IS") or self.is_word("IN") or self.is_word("LIKE"):
            raise self.unexpected()
        return result

    def _keyword_comparison(self, left: s.Expr) -> s.Expr:
        pos = self.token.pos
        if self.take_word("IS"):
            negated = self.take_word("NOT")
            for what in ("NULL", "TRUE", "FALSE"):
                if self.take_word(what):
                    return s.Is(pos, left, what, negated)
            if self.take_word("DISTINCT"):
                self.expect_word("FROM")
                return s.Is(pos, left, "DISTINCT", negated, self.binary(0))
            raise self.unexpected()
        negated = self.is_word("NOT") and not self.is_word("NOT", "NULL")
        if negated and not any(self.is_word("NOT", w) for w in ("IN", "LIKE", "BETWEEN")):
            return left
        if negated:
            self.advance()
        if self.take_word("IN"):
            return self._in(pos, left, negated=negated)
        if self.take_word("BETWEEN"):
            low = self.binary(0)
            self.expect_word("AND")
            return s.Between(pos, left, low, self.binary(0), negated)
        if self.take_word("LIKE"):
            for quantifier in ("ANY", "SOME", "ALL"):
                if self.take_word(quantifier):
                    if self.is_word("UNNEST"):
                        raise not_implemented(f"LIKE {quantifier} UNNEST")
                    self.expect_op("(")
                    patterns = self.comma_separated(self.expression)
                    self.expect_op(")")
                    return s.Like(pos, left, negated, "ALL" if quantifier == "ALL" else "ANY", patterns)
            return s.Like(pos, left, negated, None, [self.binary(0)])
        return left

    def _in(self, pos: int, left: s.Expr, *, negated: bool) -> s.Expr:
        if self.take_word("UNNEST"):
            self.expect_op("(")
            array = self.expression()
            self.expect_op(")")
            return s.In(pos, left, negated, unnest=array)
        self.expect_op("(")
        if self.is_query() and not (self.is_op("(") and self.is_op(",", self._behind_parenthesis(0))):
            query = self.query()
            self.expect_op(")")
            return s.In(pos, left, negated, query=query)
        items = self.comma_separated(self.expression)
        self.expect_op(")")
        return s.In(pos, left, negated, items=items)

    def is_query(self) -> bool:
        """Whether a query (not an expression or a join) starts here, looking into parentheses.

        What stands behind the outermost parenthesis is not looked at: in `(SELECT 1) + 1` a query starts.
        """
        ahead = 0
        while self.is_op("(", ahead):
            if ahead and not self._query_goes_on(self._behind_parenthesis(ahead)):
                return False
            ahead += 1
        return self.is_word("SELECT", ahead=ahead) or self.is_word("WITH", ahead=ahead)

    def _behind_parenthesis(self, ahead: int) -> int:
        """How far ahead the token behind the parenthesis is that opens `ahead` of here."""
        depth = 0
        while self.peek(ahead).kind != "end":
            depth += self.is_op("(", ahead) - self.is_op(")", ahead)
            ahead += 1
            if not depth:
                break
        return ahead

    def _query_goes_on(self, ahead: int) -> bool:
        token = self.peek(ahead)
        return self.is_op(")", ahead) or (token.kind == "word" and token.text in _BEHIND_QUERIES)

    def binary(self, level: int) -> s.Expr:
        """Infix operators that bind at least as tightly as `level` of the table; 0 is |, 4 is + and -."""
        if level == len(_LEVELS):
            return self._unary()
        pos = self.token.pos
        left = self.binary(level + 1)
        while self.token.kind == "op" and self.token.text in _LEVELS[level]:
            token = self.advance()
            left = s.Binary(pos, token.text, left, self.binary(level + 1))
        return left

    def _unary(self) -> s.Expr:
        token = self.token
        if token.kind == "op" and token.text in {"-", "+", "~"}:
            self.advance()
            operand = self._unary()
            if token.text == "-" and isinstance(operand, s.Literal) and operand.kind in {"INT64", "FLOAT64"}:
                text = str(operand.value)
                return s.Literal(token.pos, operand.kind, text[1:] if text.startswith("-") else "-" + text)
            return s.Unary(token.pos, token.text, operand)
        return self._postfix(self.primary())

    def _postfix(self, value: s.Expr) -> s.Expr:
        while True:
            token = self.token
            if self.is_op("."):
                if self.is_op("*", 1):
                    return value  # a select item reads it
                self.advance()
                value = s.Field(token.pos + 1, value, self.identifier(any_word=True))
            elif self.is_op("["):
                self.advance()
                how = ""
                if self.token.kind == "word" and self.token.text in _SUBSCRIPTS and self.is_op("(", 1):
                    how = self.advance().text
                    self.advance()
                index = self.expression()
                if how:
                    self.expect_op(")")
                self.expect_op("]")
                value = s.Index(token.pos, value, how, index)
            else:
                return value

    def primary(self) -> s.Expr:
        """A literal, name, call, form or parenthesis."""
        token = self.token
        kind = token.kind
        if kind == "int":
            self.advance()
            return s.Literal(token.pos, "INT64", str(int(token.text, 16 if token.text[:2] in {"0x", "0X"} else 10)))
        if kind == "float":
            self.advance()
            return s.Literal(token.pos, "FLOAT64", token.text)
        if kind == "string":
            self.advance()
            return s.Literal(token.pos, "STRING", token.text)
        if kind == "bytes":
            self.advance()
            return s.Literal(token.pos, "BYTES", bytes_value(token))
        if kind == "param":
            self.advance()
            if token.raw.startswith("@@"):
                return _system_variable(token)
            return s.Param(token.pos, token.text.lower())
        if self.is_op("?"):
            self.advance()
            self.positional += 1
            return s.Param(token.pos, None, self.positional - 1)
        if self.is_op("("):
            return self._parenthesis()
        if self.is_op("["):
            return self.array(None)
        if kind == "ident":
            self.advance()
            if self.is_op("("):
                return self._call(token.text.upper(), token.pos, safe=False)
            return s.Name(token.pos, token.text, quoted=True)
        if kind == "word":
            return self._word(token.text)
        raise self.unexpected()

    def _parenthesis(self) -> s.Expr:
        pos = self.token.pos
        if self.is_query():
            self.advance()
            query = self.query()
            self.expect_op(")")
            return s.Subquery(pos, query, "scalar")
        self.expect_op("(")
        items = self.comma_separated(self.expression)
        self.expect_op(")")
        if len(items) == 1:
            return items[0]
        return s.Struct(pos, None, [(item, None) for item in items])

    def _word(self, word: str) -> s.Expr:
        token = self.token
        form = self.form(word)
        if form is not None:
            return form
        if word in _TYPED_LITERALS and self.peek().kind == "string":
            self.advance()
            return s.Literal(token.pos, _TYPED_LITERALS[word], self.advance().text)
        if word in RESERVED and not (word in _KEYWORD_FUNCTIONS and self.is_op("(", 1)):
            raise self.unexpected()
        self.advance()
        if self.is_op("("):
            return self._call(word, token.pos, safe=False)
        if word in _BARE_CALLS:
            return s.Call(token.pos, word, [])
        if word in _NAMESPACES and self.is_op(".") and self.is_op("(", 2):
            self.advance()
            if word == "SAFE":
                return self._call(self.advance().text.upper(), token.pos, safe=True)
            return self._call(f"{word}.{self.advance().text.upper()}", token.pos, safe=False)
        if word == "SAFE" and self.is_op(".") and self.is_op("(", 4):
            self.advance()
            namespace = self.advance().text.upper()
            self.advance()
            return self._call(f"{namespace}.{self.advance().text.upper()}", token.pos, safe=True)
        return s.Name(token.pos, token.raw)

    def _call(self, name: str, pos: int, *, safe: bool) -> s.Expr:
        self.expect_op("(")
        call = s.Call(pos, name, [], safe=safe)
        if self.take_op("*"):
            call.star = True
        elif not self.is_op(")"):
            if self.take_word("DISTINCT"):
                call.distinct = True
            else:
                self.take_word("ALL")
            self._argument(call)
            while self.take_op(","):
                self._argument(call)
        self._call_modifiers(call)
        self.expect_op(")")
        if self.is_word("IGNORE", "NULLS") or self.is_word("RESPECT", "NULLS"):
            raise self.unexpected()
        if self.take_word("OVER"):
            if self.is_op("("):
                call.over = self.window()
            else:
                call.over = s.Window(self.token.pos, self.identifier())
        return call

    def _call_modifiers(self, call: s.Call) -> None:
        """What aggregates take behind their arguments."""
        if self.is_word("IGNORE", "NULLS") or self.is_word("RESPECT", "NULLS"):
            call.nulls = self.advance().text
            self.advance()
        if self.take_word("HAVING"):
            which = self.advance().text
            if which not in {"MAX", "MIN"}:
                raise self.unexpected()
            call.having = (which, self.expression())
        if self.take_word("ORDER"):
            self.expect_word("BY")
            call.order = self.comma_separated(self.order_item)
        if self.take_word("LIMIT"):
            call.limit = self.expression()

    def _argument(self, call: s.Call) -> None:
        if self.is_identifier() and self.is_op("=>", 1):
            name = self.identifier().lower()
            self.advance()
            call.named[name] = self.expression()
            return
        if self.is_query() and not self.is_op("("):
            raise self.unexpected()
        if self.is_word("INTERVAL"):
            call.args.append(self.interval())
            return
        call.args.append(self.expression())


def _system_variable(token: Token) -> s.Call:
    """@@name, as a call without arguments."""
    variable = token.text.upper().lstrip("@").strip("`")
    if variable not in _SYSTEM_VARIABLES:
        raise not_implemented(f"the system variable {token.raw}")
    return s.Call(token.pos, f"@@{variable}", [])
