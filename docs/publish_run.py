"""Publish a message that asks Convergence for a run: an example for other systems.

Needs `google-cloud-pubsub`. With PUBSUB_EMULATOR_HOST set, it publishes to the stack of `make up`:

    PUBSUB_EMULATOR_HOST=… python docs/publish_run.py convergence-local pipeline-from-example \\
        '{"tenant_id": "acmeinc_23xv2", "provider": "gcp", "domain": "cost", "template_name": "cost_billing",
          "date": "2025-11-15", "idempotency_key": "billing-2025-11-15"}'

What a message may say: `foreign_message.schema.json`, beside this file.
"""

import json
import sys

from google.cloud import pubsub_v1


def publish_run(project: str, topic: str, message: dict[str, object]) -> str:
    """Publish the message and wait until Pub/Sub has it; its id.

    An `idempotency_key` makes it safe to publish again where the answer was lost: it is the same run.
    """
    publisher = pubsub_v1.PublisherClient()
    published = publisher.publish(publisher.topic_path(project, topic), json.dumps(message).encode())
    return published.result(timeout=60)  # only this proves that it was published


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: publish_run.py PROJECT TOPIC MESSAGE, the message as a JSON object")
    project, topic, message = sys.argv[1:]
    print(publish_run(project, topic, json.loads(message)))
