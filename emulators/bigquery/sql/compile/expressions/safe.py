"""Write what SAFE. and SAFE_CAST mean: NULL in place of an error."""

from __future__ import annotations

from collections.abc import Callable


def tried(arguments: list[str], call: Callable[[list[str]], str]) -> str:
    """The call with NULL for errors of its own.

    The arguments are computed outside of TRY, as fields of a struct: their errors stay errors, and they may be
    aggregates, which DuckDB does not take inside of TRY.
    """
    if not arguments:
        return f"TRY({call([])})"
    packed = ", ".join(f"a{i} := {a}" for i, a in enumerate(arguments))
    inner = call([f"struct_extract(bq_s, 'a{i}')" for i in range(len(arguments))])
    return f"list_transform([struct_pack({packed})], lambda bq_s: TRY({inner}))[1]"
