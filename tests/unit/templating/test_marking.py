"""A query is read once for all tenants, and what is found is what would be found in each one's own text."""

import dataclasses
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.contracts.sql import Sql
from shared.errors import PermanentError
from shared.templating import isolation
from shared.templating.isolation import guard
from shared.templating.marking import MARKER, Marked
from shared.templating.tables_read import reads
from tests.unit.templating.given import policy

PIECES = (
    "SELECT 1 FROM ", "`data-p.{t}_silver.daily`", "`data-p.{t}.x`", "data-p.{t}_silver.daily", "`data-p.x{t}_s.d`",
    "`data-p.{t}x_silver.d`", "`data-p`.`{t}`.d", " AS `{t}`", " AS {t}", ", {t}.labels", ", `{t}`.labels", "'{t}'",
    "'`{t}", "`", "'", '"', " -- `{t}", " /* `{t} */ ", "\n", " WHERE x = ", " JOIN ", " USING (x)", "r'\\'", "0x{t}",
    "`source-p.billing.export`", " UNION ALL SELECT 1 FROM ", "WITH `{t}` AS (SELECT 1) ", f"`data-p.{MARKER}.d`", "\\",
)  # fmt: skip


def outcome(act: Any) -> Any:
    try:
        guarded = act()
    except PermanentError as error:
        return error.code, error.message
    return guarded


@settings(deadline=None)
@example([PIECES[1], " AS `{t}`", ", {t}.labels"], "acmeinc_23xv2")
@given(st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from(["acmeinc_23xv2", "ab_1234"]))
def test_a_marked_query_is_guarded_as_the_query_itself(pieces: list[str], tenant_id: str) -> None:
    sql = Sql(("SELECT 1 FROM " + "".join(pieces)).replace("{t}", tenant_id))
    mine = policy(tenant_id)

    plain = outcome(lambda: isolation._guard(sql, mine, Marked(sql.text, MARKER)))

    assert outcome(lambda: guard(sql, mine)) == plain


def test_ten_thousand_tenants_queries_are_read_once() -> None:
    reads.cache_clear()
    query = "SELECT d.x FROM `data-p.{t}_silver.daily` d JOIN `source-p.billing.export` USING (x)"
    base = policy()
    for number in range(10_000):
        tenant_id = f"tenant{number}_abcd"
        mine = dataclasses.replace(base, tenant_id=tenant_id, filter_variables={"tenant_id": tenant_id})
        guarded = guard(Sql(query.replace("{t}", tenant_id)), mine)
        assert f"`data-p.{tenant_id}_silver.daily`" in guarded.text

    assert reads.cache_info().misses == 2  # the query, and the guarded one


@pytest.mark.parametrize("other", ["techcorp_99zx4", MARKER])
def test_the_marker_is_nobodys_way_into_anothers_dataset(other: str) -> None:
    for text in (f"SELECT 1 FROM `data-p.{other}_silver.d`", f"SELECT 1 FROM `data-p.{other}.d`, `data-p.ab_1234.d`"):
        with pytest.raises(PermanentError, match=other):
            guard(Sql(text), policy("ab_1234"))
