"""The body of a push request, as Pub/Sub writes it around a message."""

import base64
import datetime as dt

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.faults import faults_of
from shared.contracts.messages.run_message import RunMessage
from shared.errors import MessageRejected


class _PubsubMessage(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    data: str = ""
    attributes: dict[str, str] = Field(default_factory=dict)
    message_id: str = Field("", alias="messageId")
    publish_time: dt.datetime | None = Field(None, alias="publishTime")


class Push(BaseModel):
    """The body of a push request, as Pub/Sub writes it; fields that we do not use are let pass.

    `deliveryAttempt` is there only where the subscription has a dead-letter policy; absent counts as the first.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    message: _PubsubMessage
    subscription: str = ""
    delivery_attempt: int = Field(1, alias="deliveryAttempt", ge=1, le=1_000_000)

    def data(self) -> bytes:
        """The message's data. Raises MessageRejected."""
        try:
            return base64.b64decode(self.message.data, validate=True)
        except ValueError:
            raise MessageRejected("the message's data is not base64") from None

    def run(self) -> RunMessage:
        """The run message inside. Raises MessageRejected that names what is wrong with it, never its values."""
        try:
            return RunMessage.model_validate_json(self.data())
        except ValidationError as error:
            faults = faults_of(error, "message")
            listed = "; ".join(f"{fault.where}: {fault.message}" for fault in faults)
            raise MessageRejected(f"the message is no run message: {listed}", faults=faults) from None


def read_push(body: bytes) -> Push:
    """Read a push request's body. Raises MessageRejected where it is none."""
    try:
        return Push.model_validate_json(body)
    except ValidationError as error:
        raise MessageRejected("the request is no Pub/Sub push", faults=faults_of(error, "body")) from None
