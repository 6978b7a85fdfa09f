"""Read GoogleSQL statements: queries, DML, DDL, and several of them in a row.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax, …/data-definition-language
"""

from __future__ import annotations

from dataclasses import replace

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql.read import statements as st
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.query_parser import QueryParser
from emulators.bigquery.sql.read.tokens import syntax_error

_SCRIPTING = {"DECLARE", "SET", "BEGIN", "IF", "LOOP", "WHILE", "REPEAT", "FOR", "CALL", "EXECUTE", "RETURN", "RAISE",
              "COMMIT", "ROLLBACK", "CASE"}  # fmt: skip
_NOT_SERVED = {"ASSERT": "ASSERT", "EXPORT": "EXPORT DATA", "LOAD": "LOAD DATA", "GRANT": "GRANT", "REVOKE": "REVOKE",
               "UNDROP": "UNDROP"}  # fmt: skip


def parse(sql: str) -> list[st.Statement]:
    """The statements of a text, at least one; raises invalidQuery with a place, or notImplemented."""
    return StatementParser(sql).script()


def _with_functions(statement: st.Statement, functions: dict[str, st.CreateFunction]) -> st.Statement:
    if isinstance(statement, st.QueryStatement):
        return replace(statement, functions=functions)
    if functions:
        raise not_implemented("SQL functions in another statement than a query")
    return statement


class StatementParser(QueryParser):
    """Whole statements."""

    def script(self) -> list[st.Statement]:
        """Statements separated by semicolons, up to the end."""
        statements: list[st.Statement] = []
        functions: dict[str, st.CreateFunction] = {}
        while self.token.kind != "end":
            if self.take_op(";"):
                continue
            statement = self.statement()
            if isinstance(statement, st.CreateFunction):
                functions = {**functions, statement.name.upper(): replace(statement, known=functions)}
            else:
                statements.append(_with_functions(statement, functions))
            if self.token.kind != "end" and not self.is_op(";"):
                raise syntax_error(
                    self.sql, self.token.pos, f"Expected end of input but got {self.describe(self.token)}"
                )
        if functions and not statements:
            raise not_implemented("a function without a query behind it")
        if not statements:
            raise syntax_error(self.sql, 0, "Unexpected end of statement")
        return statements

    def statement(self) -> st.Statement:
        """One statement."""
        token = self.token
        if self.is_query():
            return st.QueryStatement(token.pos, self.query())
        if token.kind == "word":
            reader = {
                "INSERT": self._insert,
                "UPDATE": self._update,
                "DELETE": self._delete,
                "MERGE": self._merge,
                "TRUNCATE": self._truncate,
                "CREATE": self._create,
                "DROP": self._drop,
                "ALTER": self._alter,
            }.get(token.text)
            if reader is not None:
                return reader()
            if token.text in _SCRIPTING:
                raise not_implemented(f"the statement {token.text} (scripting)")
            if token.text in _NOT_SERVED:
                raise not_implemented(f"the statement {_NOT_SERVED[token.text]}")
        if self.is_word("FROM"):
            raise not_implemented("pipe syntax")
        raise self.unexpected()

    # -- DML -------------------------------------------------------------------------------------------

    def _insert(self) -> st.Insert:
        pos = self.advance().pos
        self.take_word("INTO")
        table = self.table_ref(alias=False)
        columns: list[str] = []
        if self.is_op("(") and not self.is_query():
            self.advance()
            columns = self.comma_separated(self.identifier)
            self.expect_op(")")
        if self.take_word("VALUES"):
            return st.Insert(pos, table, columns, rows=self.comma_separated(self._row))
        return st.Insert(pos, table, columns, query=self.query())

    def _row(self) -> list[s.Expr | None]:
        self.expect_op("(")
        values = self.comma_separated(self._value)
        self.expect_op(")")
        return values

    def _value(self) -> s.Expr | None:
        return None if self.take_word("DEFAULT") else self.expression()

    def _target(self) -> s.TableRef:
        table = self.table_ref(alias=False)
        if self.take_word("AS") or (self.is_identifier() and not self.is_word("USING")):
            table.alias = self.identifier()
        return table

    def _update(self) -> st.Update:
        pos = self.advance().pos
        table = self._target()
        self.expect_word("SET")
        sets = self.comma_separated(self._assignment)
        from_ = self.from_clause() if self.take_word("FROM") else None
        if not self.is_word("WHERE"):
            raise syntax_error(self.sql, pos, "UPDATE must have a WHERE clause")
        self.advance()
        return st.Update(pos, table, sets, from_, self.expression())

    def _assignment(self) -> tuple[list[str], s.Expr | None]:
        path = [self.identifier()]
        while self.take_op("."):
            path.append(self.identifier(any_word=True))
        self.expect_op("=")
        return path, self._value()

    def _delete(self) -> st.Delete:
        pos = self.advance().pos
        self.take_word("FROM")
        table = self._target()
        if not self.is_word("WHERE"):
            raise syntax_error(self.sql, pos, "DELETE must have a WHERE clause")
        self.advance()
        return st.Delete(pos, table, self.expression())

    def _truncate(self) -> st.Truncate:
        pos = self.advance().pos
        self.expect_word("TABLE")
        return st.Truncate(pos, self.table_ref(alias=False))

    def _merge(self) -> st.Merge:
        pos = self.advance().pos
        self.take_word("INTO")
        table = self._target()
        self.expect_word("USING")
        source = self._from_item()
        self.expect_word("ON")
        merge = st.Merge(pos, table, source, self.expression(), [])
        while self.is_word("WHEN"):
            merge.whens.append(self._when())
        if not merge.whens:
            raise self.expected("keyword WHEN")
        return merge

    def _when(self) -> st.MergeWhen:
        pos = self.expect_word("WHEN").pos
        match = "matched"
        if self.take_word("NOT"):
            match = "not_matched"
        self.expect_word("MATCHED")
        if match == "not_matched" and self.take_word("BY"):
            if self.take_word("SOURCE"):
                match = "not_matched_by_source"
            else:
                self.expect_word("TARGET")
        condition = self.expression() if self.take_word("AND") else None
        self.expect_word("THEN")
        if self.take_word("DELETE"):
            return st.MergeWhen(pos, match, condition, "delete")
        if self.take_word("UPDATE"):
            self.expect_word("SET")
            return st.MergeWhen(pos, match, condition, "update", sets=self.comma_separated(self._assignment))
        self.expect_word("INSERT")
        if self.take_word("ROW"):
            return st.MergeWhen(pos, match, condition, "insert_row")
        columns: list[str] = []
        if self.take_op("("):
            columns = self.comma_separated(self.identifier)
            self.expect_op(")")
        if self.take_word("ROW"):
            return st.MergeWhen(pos, match, condition, "insert_row", columns=columns)
        self.expect_word("VALUES")
        return st.MergeWhen(pos, match, condition, "insert", columns=columns, values=self._row())

    # -- DDL -------------------------------------------------------------------------------------------

    def _create(self) -> st.Statement:
        pos = self.advance().pos
        replace = self.take_word("OR", "REPLACE")
        if self.take_word("TABLE"):
            return self._create_table(pos, replace=replace)
        if self.take_word("VIEW"):
            return self._create_view(pos, replace=replace)
        if self.take_word("SCHEMA"):
            unless = self.take_word("IF", "NOT", "EXISTS")
            path = self.table_ref(alias=False).parts
            return st.CreateSchema(pos, path, unless, self._options())
        if self.take_word("TEMP", "FUNCTION") or self.take_word("TEMPORARY", "FUNCTION"):
            return self._create_function(pos)
        for word in ("TEMP", "TEMPORARY", "EXTERNAL", "SNAPSHOT", "MATERIALIZED", "AGGREGATE"):
            if self.take_word(word):
                raise not_implemented(f"CREATE {word} {self.token.raw}")
        raise not_implemented(f"CREATE {self.token.raw}")

    def _create_function(self, pos: int) -> st.CreateFunction:
        self.take_word("IF", "NOT", "EXISTS")
        name = self.identifier()
        self.expect_op("(")
        parameters = [] if self.is_op(")") else self.comma_separated(self._parameter)
        self.expect_op(")")
        returns = self.type_name() if self.take_word("RETURNS") else None
        if self.is_word("LANGUAGE") or self.is_word("DETERMINISTIC") or self.is_word("REMOTE"):
            raise not_implemented("functions in other languages than SQL")
        self.expect_word("AS")
        self.expect_op("(")
        start = self.at
        body = self.expression()
        if any(token.kind == "word" and token.text == "SELECT" for token in self.tokens[start : self.at]):
            raise not_implemented("SQL functions with a subquery")
        self.expect_op(")")
        return st.CreateFunction(pos, name, parameters, returns, body, {})

    def _parameter(self) -> tuple[str, s.TypeName | None]:
        name = self.identifier()
        return name, None if self.take_word("ANY", "TYPE") else self.type_name()

    def _options(self) -> dict[str, s.Expr]:
        return self.options() if self.is_word("OPTIONS") else {}

    def _create_table(self, pos: int, *, replace: bool) -> st.CreateTable:
        unless = self.take_word("IF", "NOT", "EXISTS")
        table = self.table_ref(alias=False)
        create = st.CreateTable(pos, table, replace, unless, None, None, [], {}, None)
        if self.take_word("LIKE"):
            create.like = self.table_ref(alias=False)
        elif self.is_word("CLONE"):
            raise not_implemented("CREATE TABLE … CLONE")
        elif self.take_word("COPY"):
            create.copy = self.table_ref(alias=False)
        elif self.take_op("("):
            create.columns = []
            while not self.is_op(")"):
                create.columns.append(self.column())
                if not self.take_op(","):
                    break
            self.expect_op(")")
        if self.take_word("PARTITION"):
            self.expect_word("BY")
            create.partition = self.expression()
        if self.take_word("CLUSTER"):
            self.expect_word("BY")
            create.cluster = self.comma_separated(self.identifier)
        create.options = self._options()
        if self.take_word("AS"):
            create.query = self.query()
        return create

    def column(self) -> s.ColumnDef:
        """A column definition of CREATE TABLE."""
        pos = self.token.pos
        for constraint in ("PRIMARY", "FOREIGN", "CONSTRAINT"):
            if self.is_word(constraint, "KEY") or (constraint == "CONSTRAINT" and self.is_word(constraint)):
                raise not_implemented("table constraints")
        column = s.ColumnDef(pos, self.identifier(), self.type_name())
        self.column_attributes(column)
        return column

    def _create_view(self, pos: int, *, replace: bool) -> st.CreateView:
        unless = self.take_word("IF", "NOT", "EXISTS")
        table = self.table_ref(alias=False)
        columns: list[str] = []
        if self.take_op("("):
            columns = self.comma_separated(self.identifier)
            self.expect_op(")")
        options = self._options()
        self.expect_word("AS")
        start = self.token.pos
        query = self.query()
        text = self.sql[start : self.token.pos].strip()
        return st.CreateView(pos, table, replace, unless, columns, options, query, text)

    def _drop(self) -> st.Drop:
        pos = self.advance().pos
        what = self.token.text
        if what not in {"TABLE", "VIEW", "SCHEMA"}:
            raise not_implemented(f"DROP {self.token.raw}")
        self.advance()
        unless = self.take_word("IF", "EXISTS")
        path = self.table_ref(alias=False).parts
        cascade = self.take_word("CASCADE")
        if not cascade and what == "SCHEMA":
            self.take_word("RESTRICT")
        return st.Drop(pos, what, path, unless, cascade)

    def _alter(self) -> st.AlterTable:
        pos = self.advance().pos
        if not self.take_word("TABLE"):
            raise not_implemented(f"ALTER {self.token.raw}")
        unless = self.take_word("IF", "EXISTS")
        table = self.table_ref(alias=False)
        return st.AlterTable(pos, table, unless, self.comma_separated(self._alter_action))

    def _alter_action(self) -> st.AlterAction:
        pos = self.token.pos
        if self.take_word("ADD"):
            self.expect_word("COLUMN")
            unless = self.take_word("IF", "NOT", "EXISTS")
            column = self.column()
            return st.AlterAction(pos, "add", column.name, column, if_exists=unless)
        if self.take_word("DROP", "COLUMN"):
            unless = self.take_word("IF", "EXISTS")
            return st.AlterAction(pos, "drop", self.identifier(), if_exists=unless)
        if self.take_word("RENAME", "TO"):
            return st.AlterAction(pos, "rename", new_name=self.identifier())
        if self.take_word("RENAME", "COLUMN"):
            unless = self.take_word("IF", "EXISTS")
            name = self.identifier()
            self.expect_word("TO")
            return st.AlterAction(pos, "rename_column", name, new_name=self.identifier(), if_exists=unless)
        if self.take_word("SET", "OPTIONS"):
            self.at -= 1
            return st.AlterAction(pos, "set_options", options=self.options())
        if self.take_word("ALTER", "COLUMN"):
            unless = self.take_word("IF", "EXISTS")
            name = self.identifier()
            if self.take_word("DROP", "NOT", "NULL"):
                return st.AlterAction(pos, "drop_not_null", name, if_exists=unless)
            if self.take_word("SET", "DATA", "TYPE"):
                return st.AlterAction(pos, "set_type", name, type=self.type_name(), if_exists=unless)
            if self.take_word("SET", "OPTIONS"):
                self.at -= 1
                return st.AlterAction(pos, "column_options", name, options=self.options(), if_exists=unless)
        raise not_implemented(f"ALTER TABLE … {self.token.raw}")
