"""What the calls about tenants take and answer."""

import datetime as dt
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from shared.contracts.fields import MAX_VARIABLES, Email, VariableName
from shared.contracts.files.variable_spec import MAX_TEXT, VariableSpec
from shared.contracts.http.answers import Answer, TenantId
from shared.contracts.tenant import TENANT_ID, TenantStatus


def _storable(value: str) -> str:
    VariableSpec().read(value)
    return value


VariableText = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(_storable)]
TemplateNames = Annotated[
    tuple[Annotated[str, StringConstraints(max_length=200)], ...],
    Field(
        max_length=1_000,
        description="Templates that the tenant may run, as `gcp/cost/cost_billing`; none: all. One named twice counts"
        " once.",
    ),
]


class OnboardRequest(BaseModel):
    """A tenant to be."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tenant_id: str = Field(
        pattern=TENANT_ID, description="The new tenant: a word, one underscore, 4 to 12 letters or digits."
    )
    admin_email: Email = Field(description="Who is told; mails go to its domain, or, of a free-mail one, to it alone.")
    variables: dict[VariableName, VariableText] = Field(
        default_factory=dict,
        max_length=MAX_VARIABLES,
        description="The operator's settings for this tenant, by variable name.",
    )
    enabled_templates: TemplateNames = ()


class TenantChange(BaseModel):
    """What is given is changed, the rest stays.

    Of `variables`, those given are set, and those given as null removed; `enabled_templates` takes the place of the
    whole list, and an empty one enables all.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, json_schema_extra={"minProperties": 1}
    )

    status: TenantStatus = Field("active", description="`suspended`: nothing runs, no key is taken.")
    variables: dict[VariableName, VariableText | None] = Field(
        default_factory=dict, max_length=MAX_VARIABLES, description="The operator's settings for this tenant."
    )
    enabled_templates: TemplateNames = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("is empty; give status, variables or enabled_templates")
        return self


def _true_or_false(text: object) -> object:
    """Only the two words: pydantic would also take `1`, `on` and `yes`."""
    if text in ("true", "false"):
        return text == "true"
    raise ValueError("must be true or false")


class OffBoardingQuery(BaseModel):
    """`DELETE /customers/{tenant_id}`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    force: Annotated[bool, BeforeValidator(_true_or_false)] = Field(
        False, description="Off-board also while runs have not ended; they will fail."
    )


class TenantsQuery(BaseModel):
    """`GET /customers`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    status: TenantStatus | None = Field(None, description="Only tenants that stand so.")
    limit: int = Field(100, ge=1, le=1_000, description="Most tenants of a page.")
    page_token: str | None = Field(
        None, pattern=TENANT_ID, description="`next_page_token` of the page before: the tenant that it ended with."
    )


class Onboarded(Answer):
    """A tenant that is ready."""

    tenant_id: TenantId
    api_key: Annotated[str, Field(description="The tenant's API key; shown this once.")]
    dataset_created: Annotated[bool, Field(description="False where an earlier, unfinished call had made it.")]
    tables_created: Annotated[list[str], Field(description="The metadata tables that this call made.")]


class TenantShown(Answer):
    """A tenant, as its own record says."""

    tenant_id: TenantId
    status: Annotated[TenantStatus, Field(description="`suspended`: nothing runs, no key is taken.")]
    admin_email: Annotated[str, Field(description="Who is told what happens; mails go to its domain.")]
    variables: Annotated[dict[str, str], Field(description="What the operator has set for the tenant.")]
    enabled_templates: Annotated[list[str], Field(description="What the tenant may run; empty: everything.")]
    created_at: Annotated[dt.datetime | None, Field(description="When it was onboarded.")]
    updated_at: Annotated[dt.datetime | None, Field(description="When its record last changed.")]


class TenantListed(Answer):
    """A tenant, as the registry of tenants says."""

    tenant_id: TenantId
    status: Annotated[TenantStatus, Field(description="`suspended`: nothing runs, no key is taken.")]
    admin_email: Annotated[str, Field(description="Who is told what happens; mails go to its domain.")]
    enabled_templates: Annotated[list[str], Field(description="What the tenant may run; empty: everything.")]
    onboarded_at: Annotated[dt.datetime, Field(description="When its onboarding was complete.")]


class TenantsListed(Answer):
    """A page of tenants, in the order of their ids."""

    tenants: Annotated[list[TenantListed], Field(description="The tenants.")]
    next_page_token: Annotated[
        str | None, Field(description="Give it as `page_token` for the tenants after these; null: there are no more.")
    ]


class RemovedDataset(Answer):
    """A dataset that is gone."""

    dataset: Annotated[str, Field(description="Its name, in the project of the tenants' data.")]
    tables: Annotated[list[str], Field(description="The tables that went with it.")]


class OffBoarded(Answer):
    """What this call removed. A call that completes another one names only what was left."""

    tenant_id: TenantId
    datasets: Annotated[list[RemovedDataset], Field(description="What was removed, in this order.")]
    was_registered: Annotated[bool, Field(description="Whether the registry of tenants had a row, now removed.")]
