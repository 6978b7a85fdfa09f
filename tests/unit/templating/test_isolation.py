"""Which queries run for a tenant, as what, and which never do."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.files.shared_sources import SharedSource
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import TableRef
from shared.errors import IsolationRefused, PermanentError, SqlRefused
from shared.templating.isolation import Policy, confirm, guard
from tests.unit.templating.given import policy

OWN = "data-p.acmeinc_23xv2_silver.daily"
OTHER = "data-p.techcorp_99zx4_silver.daily"
EXPORT = "source-p.billing.export"
FILTERED = (
    "(SELECT * FROM `source-p.billing.export` WHERE EXISTS (SELECT 1 FROM UNNEST(labels) AS label"
    " WHERE label.key = 'tenant_id' AND label.value = @s0_1_tenant_id))"
)
PRICES = "(SELECT * FROM `source-p.billing.prices` WHERE owner = @s1_1_tenant_id)"


def text(query: str) -> str:
    return guard(Sql(query), policy()).text


def test_the_original_query_reads_the_tenants_own_rows_only() -> None:
    day = Parameter("p1_date", "STRING", "2025-11-15")
    sql = Sql(f"SELECT * FROM `{EXPORT}`\nWHERE DATE(usage_start_time) = @p1_date\n", (day,))

    guarded = guard(sql, policy())

    assert guarded.text == f"SELECT * FROM {FILTERED} AS `export`\nWHERE DATE(usage_start_time) = @p1_date\n"
    assert guarded.parameters == (day, Parameter("s0_1_tenant_id", "STRING", "acmeinc_23xv2"))
    assert guarded.reads == {TableRef.parse(EXPORT)}


@pytest.mark.parametrize(
    ("query", "becomes"),
    [
        ("SELECT b.cost FROM `{E}` AS b", "SELECT b.cost FROM {F} AS b"),
        ("SELECT b.cost FROM `{E}` b", "SELECT b.cost FROM {F} b"),
        ("SELECT export.cost FROM source-p.billing.export", "SELECT export.cost FROM {F} AS `export`"),
        ("SELECT 1 FROM `source-p`.billing.`export`", "SELECT 1 FROM {F} AS `export`"),
        ("SELECT 1 FROM `{O}` o JOIN `{E}` USING (x)", "SELECT 1 FROM `{O}` o JOIN {F} AS `export` USING (x)"),
        (
            "SELECT 1 FROM `{O}` o, `{E}`, `source-p.billing.prices`",
            "SELECT 1 FROM `{O}` o, {F} AS `export`, {P} AS `prices`",
        ),
        (
            "WITH e AS (SELECT * FROM `{E}`) SELECT * FROM e",
            "WITH e AS (SELECT * FROM {F} AS `export`) SELECT * FROM e",
        ),
        (
            "WITH export AS (SELECT * FROM `{E}`) SELECT * FROM export",
            "WITH export AS (SELECT * FROM {F} AS `export`) SELECT * FROM export",
        ),
        ("SELECT 1 UNION ALL SELECT x FROM `{E}`", "SELECT 1 UNION ALL SELECT x FROM {F} AS `export`"),
        (
            "SELECT (SELECT MAX(x) FROM `{E}` e WHERE e.y = o.y) FROM `{O}` o",
            "SELECT (SELECT MAX(x) FROM {F} e WHERE e.y = o.y) FROM `{O}` o",
        ),
        (
            "SELECT 1 FROM `{O}` WHERE x IN (SELECT y FROM `{E}`)",
            "SELECT 1 FROM `{O}` WHERE x IN (SELECT y FROM {F} AS `export`)",
        ),
        (
            "SELECT 1 FROM `{O}` ORDER BY (SELECT 1 FROM `{E}`)",
            "SELECT 1 FROM `{O}` ORDER BY (SELECT 1 FROM {F} AS `export`)",
        ),
        ("SELECT ARRAY(SELECT x FROM `{E}`)", "SELECT ARRAY(SELECT x FROM {F} AS `export`)"),
        ("SELECT 1 FROM (`{O}` a JOIN `{E}` b ON a.x = b.x)", "SELECT 1 FROM (`{O}` a JOIN {F} b ON a.x = b.x)"),
        (
            "SELECT * FROM `{E}` PIVOT(SUM(x) FOR y IN ('a')) AS p",
            "SELECT * FROM {F} PIVOT(SUM(x) FOR y IN ('a')) AS p",
        ),
        ("(SELECT * FROM `{E}`)", "(SELECT * FROM {F} AS `export`)"),
        ("SELECT 1 FROM `{E}` e, UNNEST(e.labels) l", "SELECT 1 FROM {F} e, UNNEST(e.labels) l"),
        ("SELECT 1 FROM `{E}` e, e.labels AS l", "SELECT 1 FROM {F} e, UNNEST(e.labels) AS l"),
        ("SELECT 1 FROM `{E}`, export.labels", "SELECT 1 FROM {F} AS `export`, UNNEST(export.labels) AS `labels`"),
        (
            "SELECT 1 FROM `{E}` e LEFT JOIN e.labels ON TRUE",
            "SELECT 1 FROM {F} e LEFT JOIN UNNEST(e.labels) AS `labels` ON TRUE",
        ),
        (
            "SELECT (SELECT 1 FROM E.labels) FROM `{E}` e",
            "SELECT (SELECT 1 FROM UNNEST(E.labels) AS `labels`) FROM {F} e",
        ),
        ("SELECT 1 -- FROM `{E}`\nFROM `{O}`;", "SELECT 1 FROM `{O}`"),
        ("SELECT 'FROM `{E}`' FROM `{O}`", "SELECT 'FROM `{E}`' FROM `{O}`"),
        (
            "SELECT x.y.z, SAFE.SUBSTR(a, 1), NET.HOST(u) FROM `{O}` x",
            "SELECT x.y.z, SAFE.SUBSTR(a, 1), NET.HOST(u) FROM `{O}` x",
        ),
        ("SELECT 1 FROM acmeinc_23xv2.x_meta_step_logs", "SELECT 1 FROM acmeinc_23xv2.x_meta_step_logs"),
    ],
)
def test_each_read_of_a_shared_source_is_filtered_where_it_stands(query: str, becomes: str) -> None:
    def named(template: str) -> str:
        for mark, value in {"{E}": EXPORT, "{F}": FILTERED, "{P}": PRICES, "{O}": OWN}.items():
            template = template.replace(mark, value)
        return template

    assert text(named(query)).split() == named(becomes).split()


ATTACKS = {
    "another tenant's table": f"SELECT * FROM `{OTHER}`",
    "… unquoted": f"SELECT * FROM {OTHER}",
    "… each part quoted": "SELECT * FROM `data-p`.`techcorp_99zx4_silver`.`daily`",
    "… two parts": "SELECT * FROM techcorp_99zx4_silver.daily",
    "… joined": f"SELECT * FROM `{OWN}` JOIN `{OTHER}` USING (x)",
    "… after a comma": f"SELECT * FROM `{OWN}` a, `{OTHER}`",
    "… in a union": f"SELECT x FROM `{OWN}` UNION ALL SELECT x FROM `{OTHER}`",
    "… in a subquery": f"SELECT * FROM `{OWN}` WHERE x IN (SELECT x FROM `{OTHER}`)",
    "… in EXISTS": f"SELECT * FROM `{OWN}` a WHERE EXISTS (SELECT 1 FROM `{OTHER}` b WHERE a.x = b.x)",
    "… in a CTE": f"WITH a AS (SELECT * FROM `{OTHER}`) SELECT * FROM a",
    "… in an unused CTE": f"WITH a AS (SELECT * FROM `{OTHER}`) SELECT 1",
    "… in a nested CTE": f"SELECT * FROM (WITH a AS (SELECT * FROM `{OTHER}`) SELECT * FROM a)",
    "… in the select list": f"SELECT (SELECT MAX(x) FROM `{OTHER}`)",
    "… in an array": f"SELECT ARRAY(SELECT x FROM `{OTHER}`)",
    "… in ORDER BY": f"SELECT 1 FROM `{OWN}` ORDER BY (SELECT MAX(x) FROM `{OTHER}`)",
    "… in GROUP BY": f"SELECT 1 FROM `{OWN}` GROUP BY (SELECT MAX(x) FROM `{OTHER}`)",
    "… in HAVING": f"SELECT 1 FROM `{OWN}` GROUP BY x HAVING x > (SELECT MAX(x) FROM `{OTHER}`)",
    "… in QUALIFY": f"SELECT 1 FROM `{OWN}` QUALIFY x > (SELECT MAX(x) FROM `{OTHER}`)",
    "… in a window": f"SELECT 1 FROM `{OWN}` WINDOW w AS (PARTITION BY (SELECT MAX(x) FROM `{OTHER}`))",
    "… in LIMIT": f"SELECT 1 FROM `{OWN}` LIMIT (SELECT MAX(x) FROM `{OTHER}`)",
    "… in ON": f"SELECT 1 FROM `{OWN}` a JOIN `{OWN}` b ON a.x = (SELECT MAX(x) FROM `{OTHER}`)",
    "… in UNNEST": f"SELECT 1 FROM UNNEST(ARRAY(SELECT x FROM `{OTHER}`))",
    "… in a function": f"SELECT IF((SELECT COUNT(*) FROM `{OTHER}`) > 1, 1, 0)",
    "… in CASE": f"SELECT CASE WHEN EXISTS (SELECT 1 FROM `{OTHER}`) THEN 1 END",
    "… in REPLACE": f"SELECT * REPLACE ((SELECT MAX(x) FROM `{OTHER}`) AS x) FROM `{OWN}`",
    "… in a struct": f"SELECT STRUCT((SELECT MAX(x) FROM `{OTHER}`) AS x)",
    "… in a pivot": f"SELECT * FROM `{OWN}` PIVOT(SUM(x) FOR y IN ((SELECT MAX(x) FROM `{OTHER}`)))",
    "… in a parenthesised join": f"SELECT * FROM (`{OWN}` a JOIN `{OTHER}` b USING (x))",
    "… in deeper parentheses": f"SELECT * FROM ((`{OWN}` a JOIN `{OWN}` b USING (x)) JOIN `{OTHER}` c USING (x))",
    "… FROM first": f"SELECT * FROM (FROM `{OTHER}`)",
    "… behind an alias of its dataset's name": f"SELECT * FROM `{OWN}` AS `data-p`, `{OTHER}`",
    "… behind its dataset's name as alias, quoted whole": "SELECT * FROM `data-p.acmeinc_23xv2.a` AS b, `b.secret`",
    "… behind a CTE of its name": "WITH techcorp_99zx4_silver AS (SELECT 1) SELECT * FROM techcorp_99zx4_silver.daily",
    "… behind an alias given later": f"SELECT * FROM techcorp_99zx4_silver.daily, `{OWN}` AS techcorp_99zx4_silver",
    "… behind an alias of a subquery's inside": (
        f"SELECT * FROM (SELECT 1 FROM `{OWN}` AS techcorp_99zx4_silver), techcorp_99zx4_silver.daily"
    ),
    "… after a carriage return ends the comment": f"SELECT 1 -- x\rFROM `{OTHER}`",
    "… after a comment that does not nest": f"SELECT 1 /* /* */ FROM `{OTHER}` -- */",
    "… after an escaped quote": rf"SELECT 'a\' , 'b' FROM `{OTHER}` -- '",
    "… after a raw string": rf"SELECT r'\\' FROM `{OTHER}` -- '",
    "… after three quotes": f"SELECT '''a''' FROM `{OTHER}`",
    "… with a full-width dot": "SELECT * FROM data-p．techcorp_99zx4_silver．daily",
    "… with Unicode spaces": "SELECT * FROM\u2003techcorp_99zx4_silver.daily",
    "… with spaces in its path": "SELECT * FROM techcorp_99zx4_silver . daily",
    "… with a comment in its path": "SELECT * FROM techcorp_99zx4_silver./* */daily",
    "own dataset's name in another project": "SELECT * FROM `elsewhere.acmeinc_23xv2_silver.daily`",
    "a dataset that only begins like the tenant's": "SELECT * FROM `data-p.acmeinc_23xv2x_silver.daily`",
    "a dataset with a double underscore": "SELECT * FROM `data-p.acmeinc_23xv2__control.daily`",
    "the control dataset": "SELECT * FROM `data-p.convergence__control.x_meta_tenants`",
    "an unlisted source": "SELECT * FROM `source-p.billing.other`",
    "a source in other letters": "SELECT * FROM `source-p.billing.EXPORT`",
    "a source's wildcard": "SELECT * FROM `source-p.billing.*`",
    "a source's wildcard with prefix": "SELECT * FROM `source-p.billing.exp*`",
    "a source's partition": "SELECT * FROM `source-p.billing.export$20251115`",
    "a source's partition, unquoted": "SELECT * FROM source-p.billing.export$20251115",
    "a source's snapshot": "SELECT * FROM `source-p.billing.export@-3600000`",
    "a source's snapshot, unquoted": "SELECT * FROM source-p.billing.export@3600000",
    "time travel": f"SELECT * FROM `{EXPORT}` FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()",
    "time travel of its own": f"SELECT * FROM `{OWN}` FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()",
    "a sample of a source": f"SELECT * FROM `{EXPORT}` TABLESAMPLE SYSTEM (10 PERCENT)",
    "a table without dataset": "SELECT * FROM daily",
    "a recursive CTE": f"WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM `{EXPORT}`) SELECT * FROM a",
    "a CTE named like a path": f"WITH `source-p.billing.export` AS (SELECT 1) SELECT * FROM `{EXPORT}`",
    "INFORMATION_SCHEMA of a region": "SELECT * FROM `region-us`.INFORMATION_SCHEMA.JOBS",
    "INFORMATION_SCHEMA of a dataset": "SELECT * FROM techcorp_99zx4.INFORMATION_SCHEMA.TABLES",
    "INFORMATION_SCHEMA of its own": "SELECT * FROM `data-p.acmeinc_23xv2.INFORMATION_SCHEMA.TABLES`",
    "information_schema in small letters": "SELECT * FROM acmeinc_23xv2.information_schema.tables",
    "INFORMATION_SCHEMA quoted": "SELECT * FROM acmeinc_23xv2.`INFORMATION_SCHEMA`.TABLES",
    "meta table": "SELECT * FROM acmeinc_23xv2.__TABLES__",
    "two statements": f"SELECT 1; SELECT * FROM `{OTHER}`",
    "a second statement after an empty one": "SELECT 1;;",
    "DROP": f"DROP TABLE `{OTHER}`",
    "DELETE": f"DELETE FROM `{OWN}` WHERE TRUE",
    "INSERT": f"INSERT INTO `{OWN}` SELECT * FROM `{OTHER}`",
    "UPDATE": f"UPDATE `{OWN}` SET x = 1 WHERE TRUE",
    "MERGE": f"MERGE `{OWN}` a USING `{OTHER}` b ON FALSE WHEN NOT MATCHED THEN INSERT ROW",
    "CREATE": f"CREATE TABLE `{OWN}` AS SELECT 1",
    "CREATE FUNCTION": "CREATE TEMP FUNCTION f() AS (1); SELECT f()",
    "EXPORT DATA": "EXPORT DATA OPTIONS(uri='gs://b/*') AS SELECT 1",
    "LOAD DATA": "LOAD DATA INTO x.y FROM FILES(uris=['gs://b'])",
    "GRANT": "GRANT `roles/x` ON SCHEMA y TO 'z'",
    "CALL": "CALL p.d.f()",
    "EXECUTE IMMEDIATE": "EXECUTE IMMEDIATE 'SELECT 1'",
    "BEGIN": "BEGIN SELECT 1; END",
    "DECLARE": "DECLARE x INT64; SELECT x",
    "SET": "SET x = 1",
    "ASSERT": "ASSERT TRUE",
    "a pipe": f"SELECT * FROM `{OWN}` |> WHERE TRUE",
    "a query that begins with FROM": f"FROM `{OWN}`",
    "EXTERNAL_QUERY": "SELECT * FROM EXTERNAL_QUERY('c', 'SELECT 1')",
    "EXTERNAL_QUERY in small letters": "SELECT * FROM external_query('c', 'SELECT 1')",
    "a table function": "SELECT * FROM data-p.acmeinc_23xv2.f(1)",
    "a table function with a table": f"SELECT * FROM APPENDS(TABLE `{OTHER}`, NULL, NULL)",
    "VECTOR_SEARCH": "SELECT * FROM VECTOR_SEARCH(TABLE techcorp_99zx4.t, 'a', TABLE acmeinc_23xv2.t)",
    "ML.PREDICT": "SELECT * FROM ML.PREDICT(MODEL techcorp_99zx4.m, TABLE acmeinc_23xv2.t)",
    "AI.GENERATE": "SELECT AI.GENERATE('x')",
    "a user-defined function": "SELECT data-p.techcorp_99zx4.f(1)",
    "a user-defined function in two parts": "SELECT techcorp_99zx4.f(1)",
    "a user-defined function, quoted": "SELECT `data-p.techcorp_99zx4.f`(1)",
    "a user-defined function, last part quoted": "SELECT techcorp_99zx4.`f`(1)",
    "a system variable": "SELECT @@project_id",
    "a parameter of the author's": "SELECT @s0_1_tenant_id",
    "a positional parameter": "SELECT ?",
    "a table parameter": "SELECT * FROM @p",
    "a lateral join": f"SELECT * FROM `{OWN}`, LATERAL (SELECT * FROM `{OTHER}`)",
    "Jinja": "SELECT 1 {% raw %} FROM `x.y` {% endraw %}",
    "nothing": "",
    "only a comment": "-- SELECT 1",
    "no SQL": "hello",
    "deep nesting": "SELECT " + "(" * 500 + "1" + ")" * 500,
    "deep types": "SELECT CAST(1 AS " + "STRUCT<a " * 20_000 + "INT64" + ">" * 20_000 + ")",
    "deep negation": "SELECT " + "NOT " * 20_000 + "TRUE",
    "size": "SELECT '" + "x" * 300_000 + "'",
}


@pytest.mark.parametrize("query", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_is_refused(query: str) -> None:
    with pytest.raises((IsolationRefused, SqlRefused)):
        guard(Sql(query), policy())


def test_a_path_behind_an_alias_is_read_as_an_array_and_as_nothing_else() -> None:
    """BigQuery has to take `techcorp_99zx4.t` for the alias's field: UNNEST takes no table."""
    query = f"SELECT * FROM `{OWN}` AS techcorp_99zx4, techcorp_99zx4.t"

    assert text(query) == f"SELECT * FROM `{OWN}` AS techcorp_99zx4, UNNEST(techcorp_99zx4.t) AS `t`"


def test_a_table_that_the_operator_set_for_the_tenant_is_its_own() -> None:
    mine = policy(tenant={"source_table": "their-project.exports.mine"})

    guarded = guard(Sql("SELECT * FROM `their-project.exports.mine`"), mine)

    assert guarded.reads == {TableRef.parse("their-project.exports.mine")}
    with pytest.raises(IsolationRefused):
        guard(Sql("SELECT * FROM `their-project.exports.mine`"), policy())


@pytest.mark.parametrize(
    "table",
    [OTHER, "data-p.TechCorp_99zx4_silver.daily", "data-p.convergence__control.x_meta_runs", "source-p.billing.EXPORT"],
)
def test_an_operator_cannot_set_another_tenants_table_by_mistake(table: str) -> None:
    with pytest.raises(IsolationRefused):
        guard(Sql(f"SELECT * FROM `{table}`"), policy(tenant={"source_table": table}))


@pytest.mark.parametrize("table", [EXPORT, "source-p.billing.Export", "{billing_export_table}"])
def test_one_table_cannot_have_two_filters(table: str) -> None:
    sources = [
        SharedSource(name="strict", table="{billing_export_table}", tenant_filter="owner = '{tenant_id}'"),
        SharedSource(name="lax", table=table, tenant_filter="TRUE"),
    ]
    with pytest.raises(IsolationRefused, match="'strict' and 'lax' are one table"):
        Policy.of(
            "acmeinc_23xv2",
            data_project="data-p",
            default_project="data-p",
            sources=sources,
            operator={"billing_export_table": EXPORT},
            tenant={},
        )


def test_a_shared_source_stays_shared_also_when_the_operator_names_it_for_a_tenant() -> None:
    assert (
        text(f"SELECT * FROM `{EXPORT}`")
        == guard(Sql(f"SELECT * FROM `{EXPORT}`"), policy(tenant={"source_table": EXPORT})).text
    )


def test_a_source_whose_setting_is_missing_cannot_be_read() -> None:
    no_sources = Policy.of(
        "acmeinc_23xv2",
        data_project="data-p",
        default_project="data-p",
        sources=[SharedSource(name="export", table="{billing_export_table}", tenant_filter="TRUE")],
        operator={},
        tenant={},
    )

    with pytest.raises(IsolationRefused):
        guard(Sql(f"SELECT * FROM `{EXPORT}`"), no_sources)


def test_tenants_share_the_text_and_differ_in_the_parameter() -> None:
    sql = Sql(f"SELECT * FROM `{EXPORT}`")

    one, two = guard(sql, policy()), guard(sql, policy("techcorp_99zx4"))

    assert one.text == two.text
    assert [guarded.parameters[0].value for guarded in (one, two)] == ["acmeinc_23xv2", "techcorp_99zx4"]


def test_a_dry_run_that_reads_more_is_a_refusal_that_names_no_table() -> None:
    guarded = guard(Sql(f"SELECT * FROM `{EXPORT}` JOIN `{OWN}` USING (x)"), policy())
    confirm(guarded, [TableRef.parse(EXPORT)])

    with pytest.raises(IsolationRefused) as caught:
        confirm(guarded, [TableRef.parse(EXPORT), TableRef.parse(OTHER)])
    assert "techcorp" not in caught.value.message


NAMES = st.sampled_from(
    [f"`{EXPORT}`", f"`{OWN}`", f"`{OTHER}`", "source-p.billing.export", "c", "a.labels", "c.x", "b.daily"]
)
ALIASES = st.sampled_from(["", " AS a", " AS c", " b", " AS techcorp_99zx4_silver"])


@st.composite
def selects(draw: st.DrawFn, depth: int = 2) -> str:
    def item() -> str:
        if depth and draw(st.booleans()):
            return f"({draw(selects(depth - 1))}){draw(ALIASES)}"
        return draw(NAMES) + draw(ALIASES)

    column = f"({draw(selects(depth - 1))})" if depth and draw(st.integers(0, 4)) == 0 else "1"
    join = draw(st.sampled_from(["", ", {}", " JOIN {} USING (x)", " LEFT JOIN {} ON TRUE"]))
    query = f"SELECT {column} FROM {item()}{join.format(item())}"
    if draw(st.integers(0, 3)) == 0:
        query += f" WHERE EXISTS (SELECT 1 FROM {item()})"
    if depth == 2 and draw(st.booleans()):
        query = f"WITH c AS ({draw(selects(0))}) {query}"
    if draw(st.integers(0, 4)) == 0 and depth:
        query += f" UNION ALL {draw(selects(0))}"
    return query


@given(selects())
def test_whatever_is_let_pass_reads_no_foreign_table_and_no_source_unfiltered(query: str) -> None:
    try:
        guarded = guard(Sql(query), policy())
    except PermanentError:
        return

    assert OTHER not in guarded.text
    left = guarded.text.replace(FILTERED, "")
    assert EXPORT not in left
    assert dataclasses.astuple(TableRef.parse(OTHER)) not in {dataclasses.astuple(table) for table in guarded.reads}


@given(st.text(alphabet="SELECT FROM`'\"()*,;.-#/\\\r\n@$ab" + EXPORT, max_size=60))
def test_no_query_makes_the_guard_fall_over(query: str) -> None:
    try:
        guard(Sql(f"SELECT * FROM {query}"), policy())
    except PermanentError:
        return
