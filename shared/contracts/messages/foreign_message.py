"""What other systems publish: a wish for a run, never a run itself (rules 1)."""

import datetime as dt
import hashlib
import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from shared.contracts.faults import faults_of
from shared.contracts.fields import MAX_VARIABLES, IsoDate, TriggerBy, VariableName, VariableValue
from shared.contracts.messages.push import Push
from shared.contracts.template_address import TemplateAddress
from shared.contracts.tenant import TENANT_ID
from shared.errors import MessageRejected

# As much as the API takes in a body.
MOST_BYTES = 64 * 1024
IDEMPOTENCY_KEY = r"^[\x21-\x7e]{1,255}$"
TEMPLATE_PART = r"^[a-z][a-z0-9_]{0,63}$"
# Attributes that Pub/Sub itself adds when it dead-letters a message.
PUBSUB_ATTRIBUTES = "CloudPubSub"

TemplatePart = Annotated[str, StringConstraints(pattern=TEMPLATE_PART)]


class ForeignMessage(BaseModel):
    """A run that another system asks for. It has no run id: that is the platform's to give."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tenant_id: str = Field(pattern=TENANT_ID, description="The tenant to run for.")
    provider: TemplatePart = Field(description="First folder of the template below `configs/`.")
    domain: TemplatePart = Field(description="Second folder of the template.")
    template_name: TemplatePart = Field(description="The template's file name without `.yml`.")
    date: IsoDate | None = Field(None, description="The day that the run is about; needed where the template uses it.")
    variables: dict[VariableName, VariableValue] = Field(
        default_factory=dict, max_length=MAX_VARIABLES, description="Values for variables of the template."
    )
    trigger_by: TriggerBy | None = Field(None, description="Who asks; the publisher's name if not given.")
    idempotency_key: str | None = Field(
        None,
        pattern=IDEMPOTENCY_KEY,
        description="Makes it safe to publish the message again: the same key, template and date are the same run.",
    )

    @property
    def address(self) -> TemplateAddress:
        """The template to run."""
        return TemplateAddress(self.provider, self.domain, self.template_name)


def read_foreign(data: bytes) -> ForeignMessage:
    """Read such a message. Raises MessageRejected that names what is wrong with it, never its values."""
    if len(data) > MOST_BYTES:
        raise MessageRejected(f"the message has {len(data)} bytes; at most {MOST_BYTES}")
    try:
        return ForeignMessage.model_validate_json(data)
    except ValidationError as error:
        faults = faults_of(error, "message", known=ForeignMessage.model_fields)
        listed = "; ".join(f"{fault.where}: {fault.message}" for fault in faults)
        raise MessageRejected(f"the message asks for no run: {listed}", faults=faults) from None


def foreign_key(publisher: str, message: ForeignMessage, push: Push, published_at: dt.datetime) -> str:
    """The `key` of `messages.run_id`: what a redelivery and a dead-lettered copy have in common with the message.

    That is its idempotency key; without one its original publish time, data, and the attributes that are not
    Pub/Sub's own. Another publisher's key is another key, and so is one of the API.
    """
    if message.idempotency_key is not None:
        return f"from:{publisher}:key:{message.address}:{message.idempotency_key}"
    own = {name: value for name, value in push.message.attributes.items() if not name.startswith(PUBSUB_ATTRIBUTES)}
    # Push bodies and dead letters both give milliseconds, in different forms.
    moment = published_at.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    text = json.dumps([moment, push.message.data, own], sort_keys=True)
    return f"from:{publisher}:message:{hashlib.sha256(text.encode()).hexdigest()}"
