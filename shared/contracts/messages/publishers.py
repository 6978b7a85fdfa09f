"""Other systems that may publish run messages: for which tenants, and which templates."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.tenant import TENANT_ID

PublisherName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
_TEMPLATE = r"^[a-z][a-z0-9_]{0,63}(/[a-z][a-z0-9_]{0,63}){2}$"


class Publisher(BaseModel):
    """What one publisher may ask for. `tenants` is a list of ids, or `"*"` for all."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tenants: Literal["*"] | tuple[Annotated[str, Field(pattern=TENANT_ID)], ...]
    templates: tuple[Annotated[str, Field(pattern=_TEMPLATE)], ...] = Field(min_length=1)

    def may_run(self, tenant_id: str, template: str) -> bool:
        """Whether it may ask for a run of this template (`gcp/cost/cost_billing`) for this tenant."""
        return template in self.templates and (self.tenants == "*" or tenant_id in self.tenants)


Publishers = Mapping[PublisherName, Publisher]


def publisher_topic(publisher: str) -> str:
    """The topic that belongs to this publisher alone: who may publish to it is IAM's to say."""
    return f"pipeline-from-{publisher}"


def publisher_subscription(publisher: str) -> str:
    """The push subscription of its topic, by which `run_pipeline` knows who has sent a message.

    >>> publisher_subscription("billing-export")
    'pipeline-from-billing-export-push'
    """
    return f"{publisher_topic(publisher)}-push"
