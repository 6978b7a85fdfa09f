"""One JSON line an event, without payloads."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.logs import label, log, log_bug, log_context
from shared.trace import trace_name, trace_of

TRACE = "105445aa7843bc8bf206b12000100000"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_line_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    log("step_failed", "WARNING", step_id="extract", detail="two\nlines")
    (line,) = lines(capsys)
    assert line == {
        "severity": "WARNING",
        "message": "step_failed",
        "event": "step_failed",
        "step_id": "extract",
        "detail": "two\nlines",
    }


def test_tenant_run_and_trace_are_on_every_line_inside(capsys: pytest.CaptureFixture[str]) -> None:
    with log_context(trace=TRACE), log_context(tenant_id="acmeinc_23xv2", pipeline_logging_id=None):
        log("inside")
    log("outside")
    inside, outside = lines(capsys)
    assert inside["logging.googleapis.com/trace"] == TRACE
    assert inside["logging.googleapis.com/labels"] == {"tenant_id": "acmeinc_23xv2"}
    assert outside.keys() == {"severity", "message", "event"}


def test_a_label_that_is_put_on_later_ends_with_the_context(capsys: pytest.CaptureFixture[str]) -> None:
    with log_context(trace=TRACE):
        label(tenant_id="acmeinc_23xv2")
        log("inside")
    log("outside")
    inside, outside = lines(capsys)
    assert inside["logging.googleapis.com/labels"] == {"tenant_id": "acmeinc_23xv2"}
    assert outside.keys() == {"severity", "message", "event"}


def test_the_context_ends_with_an_error_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="x"), log_context(tenant_id="acmeinc_23xv2"):
        raise ValueError("x")
    log("outside")
    assert "logging.googleapis.com/labels" not in lines(capsys)[0]


def test_two_threads_do_not_share_a_context(capsys: pytest.CaptureFixture[str]) -> None:
    with log_context(tenant_id="acmeinc_23xv2"), ThreadPoolExecutor(1) as pool:
        pool.submit(log, "elsewhere").result()
    assert "logging.googleapis.com/labels" not in lines(capsys)[0]


def test_a_bug_is_logged_by_its_place_never_by_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        int("s3cr3t")
    except ValueError as error:
        log_bug("step_bug", error)
    (line,) = lines(capsys)
    assert line["error_type"] == "ValueError"
    assert line["where"][-1].startswith("test_logs.py:")
    assert "s3cr3t" not in json.dumps(line)


@pytest.mark.parametrize(
    ("header", "trace"),
    [(f"{TRACE}/123;o=1", TRACE), (TRACE, TRACE), (None, None), ("", None), ("x/1", None), (f"{TRACE}0", None)],
)
def test_a_trace_is_read_from_a_well_formed_header_only(header: str | None, trace: str | None) -> None:
    assert trace_of(header) == trace
    assert trace_name(header, "p") == (f"projects/p/traces/{trace}" if trace else None)
