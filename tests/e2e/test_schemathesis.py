"""The running API against its own OpenAPI document: whatever schemathesis sends, the answer is a documented one.

`make test.long FORMS=schemathesis` sends more, for as long as it takes; `SCHEMATHESIS_SEED=2` asks differently.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from local.stack import Options, Ready, Stack
from tests.e2e.conftest import only
from tests.long_forms import size

pytestmark = pytest.mark.timeout(3_600)

TENANT, OTHER = "acmeinc_23xv2", "techcorp_99zx4"
CONFIG = Path(__file__).with_name("schemathesis.toml")
LIMITS = ("RUNS", "READS", "ENDPOINT", "GLOBAL", "LOOKUPS_PER_ADDRESS", "LOOKUPS")


@pytest.fixture(scope="module")
def ready() -> Iterator[Ready]:
    """A stack as closed as production: onboarding needs the admin key. Only the rate limits are out of the way."""
    settings = {"OPEN_ONBOARDING": "false", **{f"RATE_LIMIT_{name}": "1000000/minute" for name in LIMITS}}
    functions = tuple(
        replace(one, settings={**one.settings, **settings}) if one.name == "api" else one
        for one in only("api", "run_pipeline")
    )
    with Stack(Options(port=0, functions=functions)) as ready:
        yield ready


@pytest.fixture(scope="module")
def environment(ready: Ready) -> dict[str, str]:
    """Two tenants and a run, as `schemathesis.toml` names them."""
    keys = {}
    with httpx.Client(base_url=ready.api, timeout=60) as client:
        for tenant in (TENANT, OTHER):
            body = {"tenant_id": tenant, "admin_email": "admin@acmeinc.com"}
            answer = client.post("/api/v1/customers/onboard", json=body, headers={"X-Admin-Key": ready.admin_key})
            keys[tenant] = answer.json()["api_key"]
        path = f"/api/v1/pipelines/run/{TENANT}/gcp/cost/cost_billing"
        run = client.post(path, json={"date": "2025-11-15"}, headers={"X-API-Key": keys[TENANT]}).json()
    return {
        "TENANT": TENANT,
        "TENANT_KEY": keys[TENANT],
        "OTHER_TENANT": OTHER,
        "ADMIN_KEY": ready.admin_key,
        "RUN": run["pipeline_logging_id"],
    }


def test_schemathesis_finds_nothing(ready: Ready, environment: dict[str, str], tmp_path: Path) -> None:
    # How many cases the fuzzing phase makes for each call, and of which seed.
    examples, seed = size("SCHEMATHESIS_EXAMPLES"), os.environ.get("SCHEMATHESIS_SEED", "1")
    ended = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "--no-color", f"--config-file={CONFIG}"),
            *("run", f"{ready.api}/openapi.json", "--phases=examples,coverage,fuzzing"),
            *(f"--max-examples={examples}", f"--seed={seed}", "--workers=1"),
        ],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Authentication failed" not in ended.stdout, ended.stdout
