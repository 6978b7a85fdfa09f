"""The guarded query returns what the original returns where there are no other tenants: filtering changes nothing else.

`make test.long FORMS=attacks` draws many SELECTs instead of the few that fit into the suite.
"""

from collections import Counter

from hypothesis import HealthCheck, event, given, settings

from shared.contracts.sql import Sql
from shared.errors import ConvergenceError
from shared.templating.isolation import Policy, confirm, guard
from tests.attacks.selects import selects
from tests.attacks.two_tenants import EXPORT, SOURCES, Database, canaries
from tests.builders import CONTROL, DATA, TENANT
from tests.long_forms import size

EXAMPLES = int(size("ATTACK_EXAMPLES"))
POLICY = Policy.of(
    TENANT,
    data_project=DATA,
    default_project=CONTROL.project,
    sources=SOURCES,
    operator={"billing_export_table": EXPORT},
    tenant={},
)


def answer(database: Database, sql: Sql) -> Counter[str] | str:
    """The rows as a multiset, or the code of the refusal."""
    try:
        rows = database.jobs.select(sql)
    except ConvergenceError as error:
        return f"{error.code}, {len(canaries(error.message))} canaries"
    return Counter(repr(list(row.items())) for row in rows)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(query=selects())
def test_a_guarded_query_returns_what_the_original_returns_without_other_tenants(
    shared_by_all: Database, alone: Database, query: str
) -> None:
    guarded = guard(Sql(query), POLICY)
    expected, found = answer(alone, Sql(query)), answer(shared_by_all, guarded)
    outcome = expected if isinstance(expected, str) else "rows" if expected else "no rows"
    event(outcome)
    outcomes[outcome] += 1
    assert found == expected
    assert not canaries(found)
    if isinstance(expected, Counter):
        confirm(guarded, shared_by_all.jobs.dry_run(guarded).tables)


outcomes: Counter[str] = Counter()


def test_most_of_those_queries_ran() -> None:
    """What both databases refuse proves little, and so do two empty answers: the grammar means something to BigQuery.

    Mostly 65 to 95 of a hundred have rows. Hypothesis varies what it has just drawn: some empty ones can become many.
    """
    assert outcomes["rows"] + outcomes["no rows"] >= 0.7 * outcomes.total(), outcomes
    assert outcomes["rows"] >= 0.4 * outcomes.total(), outcomes
