"""The bodies that the API takes, and how their faults are told."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from shared.contracts.faults import faults_of
from shared.contracts.http.runs import RunRequest
from shared.contracts.http.tenants import OnboardRequest

GOOD = {"tenant_id": "acmeinc_23xv2", "admin_email": "admin@acmeinc.example"}


def faults(model: type[BaseModel], body: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return {each.where: each.message for each in faults_of(caught.value, "body", known=model.model_fields)}


def test_whatever_is_no_field_of_a_run_request_is_a_variable() -> None:
    read = RunRequest.model_validate({"date": "2025-11-15", "trigger_by": "me", "days": 3, "names": ["a"], "on": True})
    assert (str(read.date), read.trigger_by) == ("2025-11-15", "me")
    assert read.variables == {"days": 3, "names": ["a"], "on": True}
    assert read.variables["on"] is True


def test_an_empty_run_request_is_one_by_the_api_without_date() -> None:
    read = RunRequest.model_validate({})
    assert (read.date, read.trigger_by, read.variables) == (None, "api", {})


@pytest.mark.parametrize("name", ["variables", "model_config", "model_fields", "__class__", "", "body"])
def test_no_name_of_a_variable_means_something_else(name: str) -> None:
    assert RunRequest.model_validate({name: "x"}).variables == {name: "x"}


@pytest.mark.parametrize(
    "date",
    [
        20251115,
        "15.11.2025",
        "2025-11-15T00:00:00",
        "2025-02-30",
        "20251115",
        "",
        "2025-11-15\n",
        "２０２５-11-15",
        True,
    ],
)
def test_a_date_is_written_in_one_way_only(date: object) -> None:
    assert faults(RunRequest, {"date": date}).keys() == {"body.date"}


@pytest.mark.parametrize("value", [{"a": 1}, [{"a": 1}], [["a"]], [None]])
def test_a_value_of_no_type_of_ours_is_one_fault_at_its_own_name(value: object) -> None:
    assert faults(RunRequest, {"days": value}) == {
        "body.days": "must be text, a number, true or false, or a list of these"
    }


def test_every_fault_is_named_at_once() -> None:
    wrong = {"date": "x", "trigger_by": "", "days": {}}
    assert faults(RunRequest, wrong).keys() == {"body.date", "body.trigger_by", "body.days"}


@pytest.mark.parametrize("trigger", ["", "a" * 101, "a\nb", "a\x00", "\ud800", 5, None])
def test_who_asked_is_one_short_line(trigger: object) -> None:
    assert faults(RunRequest, {"trigger_by": trigger}).keys() == {"body.trigger_by"}


@pytest.mark.parametrize("model", [RunRequest, OnboardRequest])
@pytest.mark.parametrize("body", [[], "x", 1, None, [{}]])
def test_a_body_is_an_object(model: type[BaseModel], body: object) -> None:
    assert faults(model, body) == {"body": "must be an object of fields"}


@pytest.mark.parametrize(
    "tenant_id",
    [
        "acme", "acme_inc_23xv2", "Acme_23xv2", "1acme_23xv2", "acme_23", "acme-inc_23xv2", "a_1234", "acmeinc_23xv2\n",
        "acmeinc_" + "a" * 13, "a" * 32 + "_1234", "", "acme__1234",
    ],
)  # fmt: skip
def test_a_tenant_id_that_is_none_is_refused(tenant_id: str) -> None:
    assert faults(OnboardRequest, {**GOOD, "tenant_id": tenant_id}).keys() == {"body.tenant_id"}


@pytest.mark.parametrize(
    "email", ["", "x", "x@", "@y.example", "x@y", "x y@z.example", "x@y.example\n", "x@y.example,z@y.example"]
)
def test_an_address_that_is_none_is_refused(email: str) -> None:
    assert faults(OnboardRequest, {**GOOD, "admin_email": email}).keys() == {"body.admin_email"}


def test_an_unknown_field_is_answered_with_the_nearest() -> None:
    assert faults(OnboardRequest, {**GOOD, "admin_mail": "x"}) == {
        "body.admin_mail": "unknown field; did you mean 'admin_email'?"
    }


@pytest.mark.parametrize(
    "body", [{"tenant_id": "s3cr3t!"}, {**GOOD, "admin_email": "s3cr3t"}, {**GOOD, "variables": {"a": ["s3cr3t"]}}]
)
def test_no_value_is_echoed(body: dict[str, object]) -> None:
    assert "s3cr3t" not in str(faults(OnboardRequest, body))
