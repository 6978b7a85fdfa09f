"""A job that outlasts its push is waited for by messages that follow; nothing is run twice, nothing is nacked."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from local.functions import ROOT
from local.stack import Options, Stack
from tests.e2e.client import client_of
from tests.e2e.conftest import only

# The handler waits for 5 s of the 10 s; the query takes several times that.
SHORT = {"PUSH_DEADLINE_S": "10"}
SLOW = """
pipeline_id: "{tenant_id}-slow"
steps:
  - step_id: count
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: |
        SELECT COUNT(*) AS n, MAX(SHA512(CONCAT(CAST(a AS STRING), CAST(b AS STRING)))) AS digest
        FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS a, UNNEST(GENERATE_ARRAY(1, {rounds})) AS b
    destination: {dataset_type: test_out, table: slow}
variables:
  rounds: 1000
"""


@pytest.mark.timeout(180)
def test_a_run_whose_job_outlasts_several_pushes_succeeds_once(tmp_path: Path) -> None:
    configs = Path(shutil.copytree(ROOT / "configs", tmp_path / "configs"))
    (configs / "test" / "e2e").mkdir(parents=True)
    (configs / "test" / "e2e" / "slow.yml").write_text(SLOW)
    functions = tuple(replace(one, settings={**one.settings, **SHORT}) for one in only("api", "run_pipeline"))
    with (
        Stack(Options(port=0, configs=configs, functions=functions, sample=False)) as ready,
        client_of(ready.api, ready.bigquery, ready.sendgrid) as platform,
    ):
        tenant = platform.onboard("acmeinc_23xv2")
        run = platform.run(tenant, "test/e2e/slow", rounds=4_500)
        log = (Path(ready.logs) / "run_pipeline.log").read_text()
        jobs = [job for job in platform.warehouse.list_jobs() if "-write-" in job.job_id]
        # Not how many deliveries: where the machine is busy, one lasts longer than ten seconds and comes again.
        assert (run["status"], run["rows_written"]) == ("SUCCEEDED", 1)
        assert log.count('"event": "run_continued"') >= 1
        assert "delivery_nacked" not in log
        assert len(jobs) == 1
        assert platform.unacknowledged() == 0
