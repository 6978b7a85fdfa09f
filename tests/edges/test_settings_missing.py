"""A function that is not set up answers 500, and its log says in one line all that it lacks, never what it has."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import Client

from shared import settings as environment
from shared import wiring
from shared.readers import FUNCTIONS, Function
from shared.settings import Settings, required_by
from tests.edges.conftest import client

KEYS, SECRET = "projects/p/locations/us/keyRings/r/cryptoKeys", "projects/p/secrets/s/versions/1"
GIVEN = {
    "GCP_PROJECT_ID": "p",
    "OPERATOR_EMAIL": "operator@example.com",
    "MAIL_FROM": "convergence@example.com",
    "ADMIN_KEY_SECRET": SECRET,
    "SENDGRID_KEY_SECRET": SECRET,
    "KMS_API_KEYS_KEY": f"{KEYS}/api-keys",
    "KMS_CREDENTIALS_KEY": f"{KEYS}/credentials",
}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    # A session's fixture makes an app of functions-framework, which says its function in the environment.
    monkeypatch.setenv("FUNCTION_TARGET", "")
    environment.current.cache_clear()
    wiring.serve_with(None)
    yield
    environment.current.cache_clear()
    wiring.serve_with(None)


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one line that was logged."""
    (line,) = capsys.readouterr().err.splitlines()
    made: dict[str, Any] = json.loads(line)
    return made


def serve(function: Function, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The function as functions-framework loads it, which names it in the environment."""
    if function == "admin":
        monkeypatch.setenv("ROUTES", "admin")
    return client("api" if function == "admin" else function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_set(
    function: Function, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    response = serve(function, monkeypatch).post("/api/v1/customers/onboard", data=b"{}")
    assert (response.status_code, "settings_invalid" in response.text) == (500, True)
    assert not any(name in response.text for name in GIVEN)
    line = logged(capsys)
    assert (line["event"], line["severity"]) == ("settings_invalid", "CRITICAL")
    assert sorted(line["missing"]) == [f"{name}: is required" for name in sorted(required_by(function))]


@pytest.mark.parametrize(("function", "name"), [(one, name) for one in FUNCTIONS for name in sorted(required_by(one))])
def test_one_setting_is_forgotten(
    function: Function, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for other in required_by(function) - {name}:
        monkeypatch.setenv(other, GIVEN[other])
    response = serve(function, monkeypatch).post("/", data=b"{}")
    assert response.status_code == 500
    assert logged(capsys)["missing"] == [f"{name}: is required"]


def test_each_request_says_so_until_it_is_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    function = serve("fan_out", monkeypatch)
    for _ in range(2):
        assert function.post("/", data=b"{}").status_code == 500
        assert logged(capsys)["missing"] == ["GCP_PROJECT_ID: is required"]
