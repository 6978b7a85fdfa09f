"""Whatever is killed: tenants, keys and tables stay, and every accepted run ends once."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.client import COST_BILLING, by_day, client_of, source
from tests.e2e.conftest import Up, eventually

pytestmark = pytest.mark.timeout(300)
DAYS = [f"2025-11-{day:02d}" for day in range(12, 20)]
FUNCTIONS = "--functions=api,run_pipeline"
Start = Callable[..., Up]


def alive(stack: Up, gone: int) -> int:
    """The function's process, once it is another than the one that is gone."""
    pid: int = stack.ready["pids"]["run_pipeline"]
    return pid if pid != gone else 0


def test_killed_functions_end_every_accepted_run_once(up: Start) -> None:
    stack = up(FUNCTIONS)
    ready = stack.wait()
    with client_of(ready["api"], ready["bigquery"], ready["sendgrid"]) as platform:
        acme = platform.onboard("acmeinc_23xv2")
        accepted, killed = [], 0
        for day in DAYS:
            accepted.append(platform.start(acme, COST_BILLING, date=day).json())
            if day in DAYS[1::3]:
                killed = eventually(partial(alive, stack, killed))
                os.killpg(killed, signal.SIGKILL)

        ended = [platform.ended(acme, one) for one in accepted]

        assert {run["status"] for run in ended} == {"SUCCEEDED"}
        for row in platform.rows(by_day(acme)):
            (expected,) = platform.rows(source(str(row["day"]), acme.tenant_id))
            assert (row["n"], row["cost"]) == (expected["n"], expected["cost"])
        assert platform.unacknowledged() == 0
        assert len({run["pipeline_logging_id"] for run in ended}) == len(DAYS)


def test_after_the_whole_stack_was_killed_keys_work_and_tables_are_there(up: Start, tmp_path: Path) -> None:
    kept = f"--data-dir={tmp_path / 'kept'}"
    first = up(FUNCTIONS, kept)
    ready = first.wait()
    with client_of(ready["api"], ready["bigquery"], ready["sendgrid"]) as platform:
        acme = platform.onboard("acmeinc_23xv2")
        platform.run(acme, COST_BILLING, date="2025-11-15")
        before = platform.rows(by_day(acme))
        under_way = platform.start(acme, COST_BILLING, date="2025-11-14").json()
    first.process.kill()
    for pid in ready["pids"].values():
        os.killpg(pid, signal.SIGKILL)
    first.process.wait()

    ready = up(FUNCTIONS, kept, f"--port={ready['api'].rpartition(':')[2]}").wait()

    with client_of(ready["api"], ready["bigquery"], ready["sendgrid"]) as platform:
        assert platform.ended(acme, under_way)["status"] == "SUCCEEDED"
        after = {row["day"]: row for row in platform.rows(by_day(acme))}
        assert all(after[row["day"]] == row for row in before)
        assert platform.run(acme, COST_BILLING, date="2025-11-15")["status"] == "SUCCEEDED"
        again = platform.client.post(
            "/api/v1/customers/onboard", json={"tenant_id": "acmeinc_23xv2", "admin_email": "admin@acmeinc.com"}
        )
        assert again.json()["code"] == "already_onboarded"
