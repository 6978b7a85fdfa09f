"""Which functions run in the stack, and the environment that each of them gets.

The local counterpart of what Terraform sets per function: a function gets the settings that it says it reads, and no
other one.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.readers import functions_of
from shared.settings import read_by

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "convergence-local"
LOCATION = "US"
CONTROL_DATASET = "convergence__control"
BILLING_DATASET = "billing_export"
KEY_RING = f"projects/{PROJECT}/locations/us/keyRings/convergence"
ADMIN_KEY_SECRET = f"projects/{PROJECT}/secrets/admin-key"
SENDGRID_KEY_SECRET = f"projects/{PROJECT}/secrets/sendgrid-key"
# Other systems that may publish runs here, as in the setting of this name.
PUBLISHERS = {"example": {"tenants": "*", "templates": ["gcp/cost/cost_billing"]}}
BATCHES_TOPIC = "pipeline-batches"
DEAD_LETTER_TOPIC = "pipeline-dead-letters"
MAX_DELIVERY_ATTEMPTS = 5
ACK_DEADLINE_S = 600


@dataclass(frozen=True)
class Function:
    """One deployed function. `topics` are what its push subscriptions `{topic}-push` bring; none for an HTTP API."""

    name: str
    source: str  # folder under functions/, or an absolute one; its main.py is loaded
    target: str
    threads: int
    topics: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


FUNCTIONS = (
    Function("api", "api", "api", threads=8, settings={"ROUTES": "all", "OPEN_ONBOARDING": "true"}),
    # As many threads as Pub/Sub pushes at the same time: none waits behind another.
    Function(
        "run_pipeline",
        "run_pipeline",
        "run_pipeline",
        threads=16,
        topics=("pipeline-runs", *(f"pipeline-from-{name}" for name in PUBLISHERS)),
    ),
    Function(
        "run_pipeline_bulk",
        "run_pipeline",
        "run_pipeline",
        threads=16,
        topics=("pipeline-runs-bulk",),
        settings={
            "PUBLISHERS": "{}",
            "PIPELINE_RUNS_TOPIC": "pipeline-runs-bulk",
            "PIPELINE_RUNS_SUBSCRIPTION": "pipeline-runs-bulk-push",
        },
    ),
    Function("fan_out", "fan_out", "fan_out", threads=4, topics=(BATCHES_TOPIC,)),
    Function("dead_letter", "dead_letter", "dead_letter", threads=4, topics=(DEAD_LETTER_TOPIC,)),
)


@dataclass(frozen=True)
class Endpoints:
    """Where the services answer: URLs for HTTP, host:port for gRPC."""

    bigquery: str
    pubsub: str
    kms: str
    secret_manager: str
    sendgrid: str


# What a process needs of the user's own environment. Nothing else is passed on: no credentials, no settings, no
# options of functions-framework or gunicorn that would change how the functions run.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV")


def process_environment() -> dict[str, str]:
    """The environment of every child process."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def platform_settings(
    endpoints: Endpoints, *, configs: Path, templates: Path, billing_table: str, logs: Path
) -> dict[str, str]:
    """Every setting of the platform that has not its default here."""
    return {
        "DEPLOYMENT": "local",
        "GCP_PROJECT_ID": PROJECT,
        "DATA_PROJECT_ID": PROJECT,
        "LOCATION": LOCATION,
        "CONTROL_DATASET": CONTROL_DATASET,
        "PUBLISHERS": json.dumps(PUBLISHERS),
        "MAX_DELIVERY_ATTEMPTS": str(MAX_DELIVERY_ATTEMPTS),
        "PUSH_DEADLINE_S": str(ACK_DEADLINE_S),
        "BIGQUERY_ENDPOINT": endpoints.bigquery,
        "PUBSUB_EMULATOR_HOST": endpoints.pubsub,
        "KMS_ENDPOINT": endpoints.kms,
        "SECRET_MANAGER_ENDPOINT": endpoints.secret_manager,
        "SENDGRID_ENDPOINT": endpoints.sendgrid,
        "ADMIN_KEY_SECRET": f"{ADMIN_KEY_SECRET}/versions/1",
        "SENDGRID_KEY_SECRET": f"{SENDGRID_KEY_SECRET}/versions/1",
        "KMS_API_KEYS_KEY": f"{KEY_RING}/cryptoKeys/api-keys",
        "KMS_CREDENTIALS_KEY": f"{KEY_RING}/cryptoKeys/credentials",
        "MAIL_FROM": "convergence@example.com",
        "OPERATOR_EMAIL": "operator@example.com",
        # Callers connect directly, and no quota of BigQuery's is at stake: people and tests may poll as they like.
        "TRUSTED_PROXIES": "0",
        "RATE_LIMIT_READS": "6000/minute",
        "TEMPLATE_VARIABLES": json.dumps({"billing_export_table": billing_table}),
        "CONFIGS_DIR": str(configs),
        "TEMPLATES_DIR": str(templates),
        "LOGS_URL": f"file://{logs}#{{pipeline_logging_id}}",
    }


def function_environment(function: Function, platform: Mapping[str, str]) -> dict[str, str]:
    """What a function's process has in its environment beside `process_environment`: of the platform's settings those
    that it reads, and its own. One that is none of ours gets all.
    """
    ours = functions_of({"FUNCTION_TARGET": function.target, **function.settings})
    read = {name for one in ours for name in read_by(one, local=True)} or platform.keys()
    chosen = {name: value for name, value in platform.items() if name in read}
    return {"THREADS": str(function.threads), **chosen, **function.settings}
