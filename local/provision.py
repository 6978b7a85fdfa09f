"""Make in the embedded services what Terraform makes in the cloud, with Google's own clients.

Every function here may be called again on the same data directory: what is there stays, push endpoints are renewed.
Every call has a timeout and no retry: the clients would retry an absent server for ten minutes.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from google.api_core.exceptions import AlreadyExists, GoogleAPIError, NotFound
from google.auth.credentials import AnonymousCredentials
from requests import RequestException

from local.data_dir import Keys, StackError
from local.functions import (
    ACK_DEADLINE_S,
    ADMIN_KEY_SECRET,
    BILLING_DATASET,
    CONTROL_DATASET,
    DEAD_LETTER_TOPIC,
    KEY_RING,
    LOCATION,
    MAX_DELIVERY_ATTEMPTS,
    PROJECT,
    SENDGRID_KEY_SECRET,
    Endpoints,
)

_CALL: dict[str, Any] = {"timeout": 10.0, "retry": None}
# In the cloud the retry policy is 10 to 600 s; here a person is watching.
_LEAST_BACKOFF_S = 0.2
MOST_BACKOFF_S = 10.0


def provision(
    endpoints: Endpoints,
    keys: Keys,
    push_endpoints: dict[str, str],
    templates: Path,
    *,
    sample: bool,
    most_backoff_s: float,
) -> None:
    """Everything below. Raises StackError with what the service said."""
    try:
        provision_pubsub(endpoints.pubsub, push_endpoints, most_backoff_s)
        provision_kms(endpoints.kms)
        provision_secrets(endpoints.secret_manager, keys)
        provision_bigquery(endpoints.bigquery, templates, sample=sample)
    except (GoogleAPIError, RequestException, TimeoutError) as error:
        raise StackError(f"cannot provision the local stack: {error}") from error


def provision_pubsub(address: str, push_endpoints: dict[str, str], most_backoff_s: float = MOST_BACKOFF_S) -> None:
    """Topics, a push subscription for each `{topic: endpoint}`, and one that keeps dead letters.

    Without an endpoint ("") a subscription waits to be pulled, or for a stack that has the function.
    Dead letters themselves have nowhere to go: they are pushed until they are taken.
    """
    from google.pubsub_v1 import PublisherClient, SubscriberClient
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

    with grpc.insecure_channel(address) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        for topic in {DEAD_LETTER_TOPIC: "", **push_endpoints}:
            _once(publisher.create_topic, name=_topic(topic))
        _once(
            subscriber.create_subscription,
            request={
                "name": _subscription(f"{DEAD_LETTER_TOPIC}-kept"),
                "topic": _topic(DEAD_LETTER_TOPIC),
                "message_retention_duration": {"seconds": 31 * 86_400},
            },
        )
        for topic, endpoint in push_endpoints.items():
            dead_letters = {
                "dead_letter_topic": _topic(DEAD_LETTER_TOPIC),
                "max_delivery_attempts": MAX_DELIVERY_ATTEMPTS,
            }
            is_new = _once(
                subscriber.create_subscription,
                request={
                    "name": _subscription(f"{topic}-push"),
                    "topic": _topic(topic),
                    "push_config": {"push_endpoint": endpoint},
                    "ack_deadline_seconds": ACK_DEADLINE_S,
                    "dead_letter_policy": None if topic == DEAD_LETTER_TOPIC else dead_letters,
                    "retry_policy": {
                        "minimum_backoff": timedelta(seconds=_LEAST_BACKOFF_S),
                        "maximum_backoff": timedelta(seconds=most_backoff_s),
                    },
                },
            )
            if not is_new:  # from an earlier run, whose functions had other ports
                renewed = {
                    "subscription": _subscription(f"{topic}-push"),
                    "push_config": {"push_endpoint": endpoint},
                }
                subscriber.modify_push_config(request=renewed, **_CALL)


def provision_kms(address: str) -> None:
    """Key ring `convergence` with the keys `api-keys` and `credentials`."""
    from google.cloud.kms_v1 import CryptoKey, KeyManagementServiceClient
    from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

    with grpc.insecure_channel(address) as channel:
        client = KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=channel))
        location, _, ring = KEY_RING.rpartition("/keyRings/")
        _once(client.create_key_ring, request={"parent": location, "key_ring_id": ring})
        for key in ("api-keys", "credentials"):
            _once(
                client.create_crypto_key,
                request={
                    "parent": KEY_RING,
                    "crypto_key_id": key,
                    "crypto_key": {"purpose": CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT},
                },
            )


def provision_secrets(address: str, keys: Keys) -> None:
    """Secrets `admin-key` and `sendgrid-key`, each with version 1."""
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient
    from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
        SecretManagerServiceGrpcTransport,
    )

    with grpc.insecure_channel(address) as channel:
        client = SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=channel))
        for name, value in ((ADMIN_KEY_SECRET, keys.admin_key), (SENDGRID_KEY_SECRET, keys.sendgrid_key)):
            project, _, secret_id = name.rpartition("/secrets/")
            _once(
                client.create_secret,
                request={
                    "parent": project,
                    "secret_id": secret_id,
                    "secret": {"replication": {"automatic": {}}},
                },
            )
            try:
                client.access_secret_version(name=f"{name}/versions/1", **_CALL)
            except NotFound:
                client.add_secret_version(request={"parent": name, "payload": {"data": value.encode()}}, **_CALL)


def provision_bigquery(url: str, templates: Path, *, sample: bool) -> None:
    """The control dataset with a table for each file of `templates/control`, and the sample billing export."""
    from google.cloud import bigquery

    client = bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": url},
        location=LOCATION,
    )
    with client:
        client.create_dataset(bigquery.Dataset(f"{PROJECT}.{CONTROL_DATASET}"), exists_ok=True, **_CALL)
        for path in sorted((templates / "control").glob("*.json")):
            client.create_table(_table(path), exists_ok=True, **_CALL)
        if sample:
            _load_sample(client)


def sample_table() -> str:
    """Full name of the sample billing export."""
    from local.sample_billing import TABLE_NAME

    return f"{PROJECT}.{BILLING_DATASET}.{TABLE_NAME}"


def _load_sample(client: Any) -> None:
    from google.cloud import bigquery

    from local.sample_billing import FILE, SCHEMA

    table = sample_table()
    try:
        if client.get_table(table, **_CALL).num_rows:
            return
    except NotFound:
        client.create_dataset(f"{PROJECT}.{BILLING_DATASET}", exists_ok=True, **_CALL)
    # Truncating: a load that was cut short leaves nothing behind that would count twice.
    as_lists = bigquery.ParquetOptions()  # type: ignore[no-untyped-call]  # it has no types
    as_lists.enable_list_inference = True
    config = bigquery.LoadJobConfig(
        source_format="PARQUET",
        schema=[bigquery.SchemaField.from_api_repr(field) for field in SCHEMA],
        write_disposition="WRITE_TRUNCATE",
    )
    config.parquet_options = as_lists
    with FILE.open("rb") as file:
        load = client.load_table_from_file(file, table, job_config=config, timeout=60.0)
    load.result(timeout=60.0, retry=None)


def _table(path: Path) -> Any:
    """A table from a file of `templates/`."""
    from google.cloud import bigquery

    described = json.loads(path.read_text())
    table = bigquery.Table(
        f"{PROJECT}.{CONTROL_DATASET}.{path.stem}",
        schema=[bigquery.SchemaField.from_api_repr(field) for field in described["fields"]],
    )
    table.description = described.get("description")
    if field := described.get("partition_field"):
        table.time_partitioning = bigquery.TimePartitioning(type_=described.get("partition_type", "DAY"), field=field)
    table.clustering_fields = described.get("cluster_by") or None
    return table


def _once(create: Any, **arguments: Any) -> bool:
    """Create, and say whether it was new."""
    try:
        create(**arguments, **_CALL)
    except AlreadyExists:
        return False
    return True


def _topic(name: str) -> str:
    return f"projects/{PROJECT}/topics/{name}"


def _subscription(name: str) -> str:
    return f"projects/{PROJECT}/subscriptions/{name}"
