"""`convergence tenants` goes through all pages, and shows them as a table or as JSON."""

from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.__main__ import app
from cli.api import Api
from cli.tenants import each_tenant, table_of

ACTIVE = {
    "tenant_id": "acmeinc_23xv2",
    "status": "active",
    "admin_email": "admin@acmeinc.com",
    "enabled_templates": [],
    "onboarded_at": "2025-11-15T08:00:00.123456Z",
}
SUSPENDED = {
    **ACTIVE,
    "tenant_id": "techcorp_99zx4",
    "status": "suspended",
    "enabled_templates": ["gcp/cost/cost_billing", "gcp/cost/other"],
}


def test_each_call_goes_on_where_the_one_before_ended() -> None:
    asked: list[dict[str, str]] = []
    answers: Any = iter([([ACTIVE], "acmeinc_23xv2"), ([SUSPENDED], None)])

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        tenants, token = next(answers)
        return httpx.Response(200, json={"tenants": tenants, "next_page_token": token})

    api = Api(httpx.Client(base_url="http://api.example", transport=httpx.MockTransport(answer)))
    assert list(each_tenant(api, "active")) == [ACTIVE, SUSPENDED]
    assert asked == [
        {"limit": "1000", "status": "active"},
        {"limit": "1000", "status": "active", "page_token": "acmeinc_23xv2"},
    ]


def test_a_row_says_who_may_run_what_since_when() -> None:
    text = StringIO()
    Console(file=text, width=160).print(table_of([ACTIVE, SUSPENDED]))
    assert "acmeinc_23xv2  │ active    │ admin@acmeinc.com │ all" in text.getvalue()
    assert "gcp/cost/cost_billing, gcp/cost/other │ 2025-11-15 08:00" in text.getvalue()


def test_where_there_is_no_api_the_command_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_URL", raising=False)
    done = CliRunner().invoke(app, ["tenants", "--stack", str(tmp_path / "none.json")])
    assert done.exit_code == 1
    assert "make up" in done.output
