"""Recorded answers of the real service, replayed: none may be answered wrongly.

The recordings lie beside the checkout (../shared/bigquery-recordings); where they do not, this is skipped.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RECORDINGS = Path(__file__).parents[4] / "shared" / "bigquery-recordings"
# Areas where everything must be right, but for refusals that are listed here with their reason.
STRICT = ("api_configuration", "partitioning_clustering", "rest_crud")


@pytest.mark.skipif(not (RECORDINGS / "replay.py").is_file(), reason="the recordings are not beside this checkout")
def test_no_recorded_answer_is_contradicted(url: str, tmp_path: Path) -> None:
    verdicts = tmp_path / "verdicts.json"
    command = [sys.executable, str(RECORDINGS / "replay.py"), url, "--json", str(verdicts), "--project", "recordings"]
    subprocess.run(command, check=False, capture_output=True, timeout=110)

    found = json.loads(verdicts.read_text())
    wrong = [v for v in found if v["verdict"] == "wrong"]
    refused = [v for v in found if v["verdict"] == "refused" and v["id"].split("/")[0] in STRICT]
    assert wrong == []
    assert refused == []
    assert sum(v["verdict"] == "right" for v in found) >= 0.95 * len(found)
