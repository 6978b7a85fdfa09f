"""A tenant's credentials at cloud providers: a closed model for each provider, read strictly, shown to nobody."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from shared.contracts.aws_regions import AWS_REGIONS
from shared.contracts.faults import nearest

_KEY_SHAPE = r"[A-Za-z0-9/+=]{40}"


def _given(value: object) -> object:
    if value is None:
        raise ValueError("is null; leave it out instead")
    return value


def _region(value: str) -> str:
    if value not in AWS_REGIONS:
        raise ValueError(f"is no region of AWS; {nearest(value, AWS_REGIONS)}")
    return value


def _secret_access_key(value: SecretStr) -> SecretStr:
    if not re.fullmatch(_KEY_SHAPE, value.get_secret_value()):
        raise ValueError("is a secret access key: 40 letters, digits, / and +")
    return value


def _one_of_two(schema: dict[str, Any]) -> None:
    """Say in the JSON Schema what the validators say: nothing is null, and it is keys or a role."""
    for name, field in schema["properties"].items():
        (said,) = (one for one in field.pop("anyOf") if one != {"type": "null"})
        schema["properties"][name] = {**said, **{key: value for key, value in field.items() if key != "default"}}
    keys, role = ["access_key_id", "secret_access_key"], ["role_arn"]
    schema["oneOf"] = [
        {"required": wanted, "properties": dict.fromkeys(other, False)}
        for wanted, other in ((keys, role), (role, keys))
    ]


class AwsCredentials(BaseModel):
    """AWS: access keys, or a role that the platform assumes with an external id. Nothing else can be said.

    An endpoint, a profile or a URL would let a tenant choose where the platform sends what it signs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, json_schema_extra=_one_of_two)

    # AKIA is a key for good; an ASIA key is good for hours and needs a session token (IAM User Guide, "IAM
    # identifiers", table of unique ID prefixes).
    access_key_id: Annotated[str | None, BeforeValidator(_given)] = Field(
        None, pattern=r"^AKIA[A-Z0-9]{12,124}$", description="Id of a long-lived access key."
    )
    secret_access_key: Annotated[
        Annotated[SecretStr, AfterValidator(_secret_access_key)] | None, BeforeValidator(_given)
    ] = Field(None, description="Its secret: 40 characters.", json_schema_extra={"pattern": f"^{_KEY_SHAPE}$"})
    role_arn: Annotated[str | None, BeforeValidator(_given)] = Field(
        None,
        pattern=r"^arn:aws(-[a-z]+){0,3}:iam::[0-9]{12}:role/([!-~]{1,510}/)?[A-Za-z0-9_+=,.@-]{1,64}$",
        description="A role that trusts the platform, with the answer's external id as a condition.",
    )
    region: Annotated[Annotated[str, AfterValidator(_region)] | None, BeforeValidator(_given)] = Field(
        None,
        description="Where the provider is called; the engine's own choice if not given.",
        json_schema_extra={"enum": list(AWS_REGIONS)},
    )

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        keys = (self.access_key_id, self.secret_access_key)
        if (self.role_arn is None) == (keys == (None, None)) or (keys != (None, None) and None in keys):
            raise ValueError("give access_key_id and secret_access_key, or role_arn")
        return self


# By the name in the URL, which is that of the template's provider.
PROVIDERS: Mapping[str, type[AwsCredentials]] = {"aws": AwsCredentials}
