"""A run whose query BigQuery refuses names the line of the template's file."""

from datetime import timedelta

import pytest

from shared.ports import JobError
from shared.runs.execute import Execution
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog
from tests.builders import CONTROL, DATA, run, services, template, tenant
from tests.fakes import Answer, FakeTemplates

TEXT = """\
pipeline_id: "{tenant_id}-x"
steps:
  - step_id: extract
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: |
        SELECT *  -- all
        FROM UNNEST([1])
        WHERE day = '{date}'
    destination: {dataset_type: silver, table: daily, schema_template: billing_cost}
"""


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "Unrecognized name: day at [3:7]",
            "invalidQuery: Unrecognized name: day at [3:7] (configs/gcp/cost/example.yml:9)",
        ),
        ("Resources exceeded", "invalidQuery: Resources exceeded"),
    ],
)
def test_a_refused_query_is_told_with_the_files_line(message: str, said: str) -> None:
    world = services()
    world.jobs.answer_all(Answer(error=JobError("invalidQuery", message, False)))
    world.second_opinion.columns = ()
    log = RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)
    plan = Resolver(FakeTemplates(template(TEXT)), world).resolve(run(), tenant())
    until = world.clock.now() + timedelta(seconds=570)

    ended = Execution(run(), tenant(), plan, services=world, run_log=log, until=until).run().record

    assert (ended.error_code, ended.error_message) == ("query_failed", said)
