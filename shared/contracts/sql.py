"""A query and its typed parameters, as they go to BigQuery."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from shared.contracts.tables import TableRef

ParameterType = Literal["STRING", "BYTES", "INT64", "FLOAT64", "BOOL", "DATE", "TIMESTAMP", "NUMERIC"]
Scalar = str | bytes | int | float | bool | None


@dataclass(frozen=True)
class Parameter:
    """A named query parameter. With `array`, `value` is a sequence of `type`.

    DATE and TIMESTAMP values are ISO 8601 strings; the service checks them.
    """

    name: str
    type: ParameterType
    value: Scalar | Sequence[Scalar]
    array: bool = False


@dataclass(frozen=True)
class Sql:
    """Query text with its parameters. In a template: text only, with placeholders not filled in yet.

    As a field of an engine's model it is read from a string, and marks that field as SQL:
    its placeholders become parameters, never text. `reads` is what the guard saw it read: nothing until it was guarded.
    """

    text: str
    parameters: tuple[Parameter, ...] = ()
    reads: frozenset[TableRef] = frozenset()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take a string (from a template) or an `Sql` (already bound)."""

        def read(value: Any) -> "Sql":
            if isinstance(value, Sql):
                return value
            if isinstance(value, str) and value.strip():
                return cls(value)
            raise ValueError("a query is text; write it as a block: `query: |`")

        return core_schema.no_info_plain_validator_function(
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda sql: sql),
            json_schema_input_schema=core_schema.str_schema(min_length=1),
        )
