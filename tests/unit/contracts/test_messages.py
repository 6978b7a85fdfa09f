"""What travels through Pub/Sub is read strictly, and its faults echo nothing."""

import base64
import datetime as dt
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.fields import RUN_ID
from shared.contracts.messages.push import read_push
from shared.contracts.messages.run_message import RunMessage, run_id
from shared.errors import MessageRejected
from tests.builders import DAY, RUN, TENANT, push, run

TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=8)


def test_a_run_message_survives_the_journey() -> None:
    message = run(variables={"days": 3, "names": ["a", "b"], "on": True, "ratio": 0.5, "none": None}, asked_before=True)
    assert read_push(push(message)).run() == message


def test_the_push_says_delivery_and_subscription() -> None:
    read = read_push(push(run(), attempt=4))
    assert (read.delivery_attempt, read.subscription.rpartition("/")[2]) == (4, "pipeline-runs-push")


def test_without_a_delivery_attempt_it_is_the_first() -> None:
    assert read_push(push(run(), attempt=None)).delivery_attempt == 1


def test_fields_that_we_do_not_use_are_let_pass() -> None:
    body = {**json.loads(push(run())), "surprise": 1}
    body["message"]["orderingKey"] = "x"
    assert read_push(json.dumps(body).encode()).run() == run()


@pytest.mark.parametrize(
    "change",
    [
        {"pipeline_logging_id": "x"},
        {"pipeline_logging_id": RUN + "\n"},
        {"tenant_id": "Acme"},
        {"tenant_id": "acmeinc_23xv2_silver"},
        {"date": "2025-02-30"},
        {"lane": "fast"},
        {"run_attempt": 0},
        {"trigger_by": "a" * 1_001},
        {"variables": {"a": {"b": 1}}},
        {"variables": [1]},
        {"surprise": 1},
        {"run_date": None},
    ],
)
def test_a_message_that_is_not_exactly_a_run_is_rejected_by_name(change: dict[str, Any]) -> None:
    data = {**json.loads(run().model_dump_json()), **change}
    with pytest.raises(MessageRejected) as caught:
        read_push(push(json.dumps(data).encode())).run()
    assert f"message.{next(iter(change))}" in caught.value.message


def test_every_fault_is_named_and_no_value_echoed() -> None:
    data = {**json.loads(run().model_dump_json()), "tenant_id": "s3cr3t!", "lane": "s3cr3t", "s3cr3t": "s3cr3t"}
    del data["date"]
    with pytest.raises(MessageRejected) as caught:
        read_push(push(json.dumps(data).encode())).run()
    assert {fault.where for fault in caught.value.faults} == {
        "message.tenant_id",
        "message.lane",
        "message.date",
        "message.s3cr3t",
    }
    assert "s3cr3t!" not in str(caught.value)


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_fall_over(data: bytes) -> None:
    with pytest.raises(MessageRejected):
        read_push(data)
    with pytest.raises(MessageRejected):
        read_push(push(data)).run()


@given(st.text(max_size=50))
def test_no_data_makes_reading_fall_over(text: str) -> None:
    body = json.dumps({"message": {"data": text}}).encode()
    with pytest.raises(MessageRejected):
        read_push(body).run()


# ── the run's id ────────────────────────────────────────────────────────────────────────────────────────────────────

facts = st.tuples(TEXT, TEXT, TEXT, st.none() | TEXT, st.integers(1, 99))


@given(facts, facts)
def test_the_same_facts_give_the_same_run_and_others_another(
    one: tuple[str, str, str, str | None, int], other: tuple[str, str, str, str | None, int]
) -> None:
    assert re.fullmatch(RUN_ID, run_id(*one))
    alike = (*one[:3], one[3] or "", one[4]) == (*other[:3], other[3] or "", other[4])
    assert (run_id(*one) == run_id(*other)) == alike


def test_a_run_belongs_to_the_day_in_utc_on_which_it_was_accepted() -> None:
    accepted_at = dt.datetime(2025, 11, 16, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))

    made = RunMessage.of(
        TENANT, "epoch-1", run().address, key="a key", template_version="0" * 16, date=DAY, trigger_by="api",
        lane="interactive", accepted_at=accepted_at,
    )  # fmt: skip

    assert made == run(run_date=dt.date(2025, 11, 15), accepted_at=accepted_at)


def test_data_is_base64_as_pubsub_writes_it() -> None:
    body = json.loads(push(run()))
    assert RunMessage.model_validate_json(base64.b64decode(body["message"]["data"])) == run()
