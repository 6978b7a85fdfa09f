"""Credentials are read by a closed model: keys or a role, a region of AWS, nothing that says where to send what."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.aws_regions import AWS_REGIONS
from shared.contracts.credentials import AwsCredentials
from shared.contracts.faults import faults_of

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEYS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": SECRET}
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/convergence"}


@pytest.mark.parametrize(
    "given",
    [
        KEYS, ROLE, {**KEYS, "region": "eu-central-1"}, {**ROLE, "region": "us-gov-west-1"},
        {"role_arn": "arn:aws-us-gov:iam::123456789012:role/a/path/of/some/Reader_+=,.@-"},
        {"role_arn": "arn:aws-cn:iam::123456789012:role/r"},
    ],
)  # fmt: skip
def test_keys_or_a_role_are_taken(given: dict[str, Any]) -> None:
    AwsCredentials.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {}, {"region": "eu-central-1"}, {**KEYS, **ROLE}, {"access_key_id": KEYS["access_key_id"]},
        {"secret_access_key": SECRET}, {**ROLE, "access_key_id": KEYS["access_key_id"]},
        {**ROLE, "region": "eu-central"}, {**ROLE, "region": None}, {**KEYS, "role_arn": None},
        {**KEYS, "secret_access_key": SECRET[1:]},
        {**KEYS, "secret_access_key": SECRET + "x"}, {**KEYS, "secret_access_key": SECRET[:-1] + "\n"},
        {**KEYS, "secret_access_key": 1}, {**KEYS, "access_key_id": "ASIAIOSFODNN7EXAMPLE"},
        {**KEYS, "access_key_id": "akiaiosfodnn7example"}, {**KEYS, "access_key_id": KEYS["access_key_id"] + "\n"},
        {"role_arn": "arn:aws:iam::123456789012:user/somebody"}, {"role_arn": "arn:aws:iam::12345678901:role/r"},
        {"role_arn": "arn:evil:iam::123456789012:role/r"}, {"role_arn": ROLE["role_arn"] + " "},
        {"role_arn": "arn:aws:sts::123456789012:assumed-role/r/s"}, {**ROLE, "external_id": "mine"},
        *({**KEYS, name: "http://169.254.169.254/"} for name in ("endpoint", "endpoint_url", "profile", "url")),
        [], "x", None,
    ],
)  # fmt: skip
def test_everything_else_is_refused_and_no_value_is_echoed(given: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        AwsCredentials.model_validate(given)
    said = repr(faults_of(caught.value, "body", known=AwsCredentials.model_fields)) + str(caught.value)
    assert SECRET[:20] not in said
    assert "169.254" not in said


def test_an_unknown_region_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValidationError) as caught:
        AwsCredentials.model_validate({**ROLE, "region": "eu-central"})
    assert "eu-central-1" in faults_of(caught.value, "body")[0].message


def test_a_secret_is_shown_nowhere() -> None:
    made = AwsCredentials.model_validate(KEYS)
    assert SECRET not in f"{made} {made!r} {made.model_dump()} {made.model_dump_json()}"


def test_the_json_schema_says_keys_or_a_role() -> None:
    schema = AwsCredentials.model_json_schema()
    assert [one["required"] for one in schema["oneOf"]] == [["access_key_id", "secret_access_key"], ["role_arn"]]
    assert "null" not in json.dumps(schema)
    assert schema["properties"]["secret_access_key"]["writeOnly"] is True
    assert set(schema["properties"]["region"]["enum"]) == set(AWS_REGIONS)


def test_the_regions_are_those_of_botocore() -> None:
    loaders = pytest.importorskip("botocore.loaders", reason="botocore is not installed: nothing to compare with")
    partitions = loaders.Loader().load_data("endpoints")["partitions"]
    reachable = [one for one in partitions if not one["partition"].startswith("aws-iso")]
    assert set(AWS_REGIONS) == {region for one in reachable for region in one["regions"]}
    assert list(AWS_REGIONS) == sorted(AWS_REGIONS)
