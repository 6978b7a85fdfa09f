"""The syntax tree of GoogleSQL: what the parser can say, and so all that can be compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass


@dataclass(slots=True)
class Node:
    """Anything with a place in the text; `pos` is its offset, for error messages."""

    pos: int


class Expr(Node):
    """An expression."""


@dataclass(slots=True)
class TypeName(Node):
    """A type as written: name in upper case, parameters, element or fields."""

    name: str
    params: list[str] = field(default_factory=list)
    element: TypeName | None = None
    fields: list[ColumnDef] = field(default_factory=list)


@dataclass(slots=True)
class ColumnDef(Node):
    """A column of CREATE TABLE, or a field of a STRUCT type (whose name may be empty)."""

    name: str
    type: TypeName
    not_null: bool = False
    options: dict[str, Expr] = field(default_factory=dict)


@dataclass(slots=True)
class Literal(Expr):
    """A literal; `kind` names its type (NULL for the untyped one), `value` its text or value."""

    kind: str
    value: str | bytes | bool | None


@dataclass(slots=True)
class Param(Expr):
    """A named parameter, or the positional one at `index` (from 0)."""

    name: str | None
    index: int = -1


@dataclass(slots=True)
class Name(Expr):
    """A single identifier."""

    name: str
    quoted: bool = False


@dataclass(slots=True)
class Field(Expr):
    """`of.name`."""

    of: Expr
    name: str


@dataclass(slots=True)
class Star(Expr):
    """`*` or `of.*` with its EXCEPT and REPLACE."""

    of: Expr | None = None
    except_: list[str] = field(default_factory=list)
    replace: list[tuple[str, Expr]] = field(default_factory=list)


@dataclass(slots=True)
class OrderItem(Node):
    """One key of ORDER BY; `nulls_first` is None where the text does not say."""

    expr: Expr
    desc: bool = False
    nulls_first: bool | None = None


@dataclass(slots=True)
class Frame(Node):
    """A window frame: unit and two bounds, each (kind, offset expression)."""

    unit: str
    start: tuple[str, Expr | None]
    end: tuple[str, Expr | None]


@dataclass(slots=True)
class Window(Node):
    """What stands after OVER; `name` refers to the WINDOW clause."""

    name: str | None = None
    partition: list[Expr] = field(default_factory=list)
    order: list[OrderItem] = field(default_factory=list)
    frame: Frame | None = None


@dataclass(slots=True)
class Call(Expr):
    """A function call with all its modifiers; `name` in upper case, dotted for NET. and the like."""

    name: str
    args: list[Expr]
    safe: bool = False
    distinct: bool = False
    star: bool = False
    nulls: str | None = None  # IGNORE or RESPECT
    having: tuple[str, Expr] | None = None
    order: list[OrderItem] = field(default_factory=list)
    limit: Expr | None = None
    over: Window | None = None
    named: dict[str, Expr] = field(default_factory=dict)

    @property
    def modified(self) -> bool:
        """Whether it has what only aggregates take: *, DISTINCT, IGNORE NULLS, HAVING, ORDER BY, LIMIT."""
        return bool(self.distinct or self.star or self.order or self.limit or self.nulls or self.having)


@dataclass(slots=True)
class Unary(Expr):
    """`op operand`; op is -, +, ~ or NOT."""

    op: str
    operand: Expr


@dataclass(slots=True)
class Binary(Expr):
    """`left op right`, op in upper case; its place is where `left` starts, as the analyzer reports it."""

    op: str
    left: Expr
    right: Expr


@dataclass(slots=True)
class Between(Expr):
    """`value [NOT] BETWEEN low AND high`."""

    value: Expr
    low: Expr
    high: Expr
    negated: bool


@dataclass(slots=True)
class In(Expr):
    """`value [NOT] IN (…)`: exactly one of items, query, unnest is given."""

    value: Expr
    negated: bool
    items: list[Expr] | None = None
    query: Query | None = None
    unnest: Expr | None = None


@dataclass(slots=True)
class Like(Expr):
    """`value [NOT] LIKE pattern`, or with ANY/ALL over patterns."""

    value: Expr
    negated: bool
    quantifier: str | None
    patterns: list[Expr]


@dataclass(slots=True)
class Is(Expr):
    """`value IS [NOT] NULL|TRUE|FALSE` or DISTINCT FROM `other`."""

    value: Expr
    what: str
    negated: bool
    other: Expr | None = None


@dataclass(slots=True)
class Case(Expr):
    """CASE with or without an operand."""

    operand: Expr | None
    whens: list[tuple[Expr, Expr]]
    otherwise: Expr | None


@dataclass(slots=True)
class Cast(Expr):
    """CAST or SAFE_CAST."""

    value: Expr
    type: TypeName
    safe: bool
    format: Expr | None = None


@dataclass(slots=True)
class Extract(Expr):
    """EXTRACT(part FROM value [AT TIME ZONE zone])."""

    part: Expr
    value: Expr
    zone: Expr | None


@dataclass(slots=True)
class Interval(Expr):
    """INTERVAL value part [TO part]."""

    value: Expr
    part: str
    to: str | None = None


@dataclass(slots=True)
class Array(Expr):
    """An array literal."""

    type: TypeName | None
    items: list[Expr]


@dataclass(slots=True)
class Struct(Expr):
    """STRUCT(…) or (a, b, …); each field is (expression, alias)."""

    type: TypeName | None
    fields: list[tuple[Expr, str | None]]


@dataclass(slots=True)
class Subquery(Expr):
    """`(query)`, `EXISTS(query)` or `ARRAY(query)`."""

    query: Query
    kind: str  # scalar, exists, array


@dataclass(slots=True)
class Index(Expr):
    """`of[how(index)]`; how is empty, OFFSET, ORDINAL, SAFE_OFFSET or SAFE_ORDINAL."""

    of: Expr
    how: str
    index: Expr


class FromItem(Node):
    """Something that FROM can name."""


@dataclass(slots=True)
class TableRef(FromItem):
    """A table path (or a path into a correlated array)."""

    parts: list[str]
    alias: str | None = None
    offset: str | None = None
    decorator_pos: int = -1
    as_of: Expr | None = None


@dataclass(slots=True)
class UnnestRef(FromItem):
    """UNNEST(expr) [AS alias] [WITH OFFSET [AS offset]]."""

    expr: Expr
    alias: str | None = None
    offset: str | None = None


@dataclass(slots=True)
class QueryRef(FromItem):
    """(query) AS alias."""

    query: Query
    alias: str | None = None


@dataclass(slots=True)
class Join(FromItem):
    """kind is CROSS, INNER, LEFT, RIGHT or FULL."""

    kind: str
    left: FromItem
    right: FromItem
    on: Expr | None = None
    using: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Pivot(FromItem):
    """source PIVOT(aggregates FOR input IN (values))."""

    source: FromItem
    aggregates: list[tuple[Call, str | None]]
    input: Expr
    values: list[tuple[Expr, str | None]]
    alias: str | None = None


@dataclass(slots=True)
class Unpivot(FromItem):
    """source UNPIVOT(value FOR name IN (columns))."""

    source: FromItem
    include_nulls: bool
    values: list[str]
    name: str
    columns: list[tuple[list[str], Expr | None]]
    alias: str | None = None


@dataclass(slots=True)
class GroupingSet(Node):
    """ROLLUP, CUBE, or (no kind) one set, over lists of expressions; GROUPING SETS over such `sets`."""

    kind: str
    items: list[list[Expr]] = field(default_factory=list)
    sets: list[GroupingSet] = field(default_factory=list)


@dataclass(slots=True)
class Select(Node):
    """One SELECT without its CTEs, ORDER BY and LIMIT."""

    items: list[tuple[Expr, str | None]]
    distinct: bool = False
    as_struct: bool = False
    as_value: bool = False
    from_: FromItem | None = None
    where: Expr | None = None
    group: list[Expr] | None = None
    group_all: bool = False
    group_sets: GroupingSet | None = None
    having: Expr | None = None
    qualify: Expr | None = None
    windows: dict[str, Window] = field(default_factory=dict)


@dataclass(slots=True)
class SetOperation(Node):
    """left UNION/INTERSECT/EXCEPT [ALL|DISTINCT] right."""

    op: str
    all: bool
    left: Query
    right: Query


@dataclass(slots=True)
class Query(Node):
    """WITH …, a body, ORDER BY, LIMIT."""

    body: Select | SetOperation | Query
    ctes: list[tuple[str, Query]] = field(default_factory=list)
    recursive: bool = False
    order: list[OrderItem] = field(default_factory=list)
    limit: Expr | None = None
    offset: Expr | None = None


def conjuncts(node: Expr) -> list[Expr]:
    """The conditions that AND connects at the top."""
    if isinstance(node, Binary) and node.op == "AND":
        return conjuncts(node.left) + conjuncts(node.right)
    return [node]


def walk(node: object) -> Iterator[Node]:
    """A node and all nodes within it, parents before their parts."""
    if isinstance(node, Node):
        yield node
    if is_dataclass(node):
        for one in fields(node):
            yield from walk(getattr(node, one.name))
    elif isinstance(node, list | tuple):
        for part in node:
            yield from walk(part)
    elif isinstance(node, dict):
        yield from walk(list(node.values()))
