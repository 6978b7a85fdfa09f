"""The environment, read once into frozen settings. Nothing else in Convergence reads the environment.

A setting's environment variable is its name in upper case. A list is separated by commas, a map is a JSON object.
"""

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from shared.contracts.publishers import Publishers
from shared.errors import Fault, SettingsInvalid

ROOT = Path(__file__).resolve().parent.parent


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _parse(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


JsonObject = Annotated[Mapping[str, str], BeforeValidator(_parse)]
CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split)]
SecretName = Annotated[str, Field(pattern=r"^projects/[^/]+/secrets/[^/]+/versions/[0-9]+$")]
RateLimit = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}/(second|minute|hour|day)$")]
KmsKeyName = Annotated[str, Field(pattern=r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$")]


class Settings(BaseModel):
    """Every setting: name, default, help. A field without default is required by every function."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    gcp_project_id: str = Field(min_length=1, description="Project of the control dataset, topics and functions.")
    data_project_id: str = Field("", description="Project of the tenant datasets; empty means gcp_project_id.")
    location: str = Field("US", description="BigQuery location of all datasets.")
    control_dataset: str = Field("convergence__control", description="Dataset of registry, runs and rejected messages.")
    deployment: Literal["production", "local"] = Field(
        "production", description="`local` permits embedded endpoints and open onboarding."
    )
    routes: Literal["tenant", "admin", "all"] = Field("tenant", description="Which routes `api` serves.")
    lane: Literal["interactive", "bulk"] = Field("interactive", description="Lane that `run_pipeline` serves.")

    operator_email: str = Field(min_length=3, description="The operator's address; `{operator_email}` in templates.")
    operator_mail_domains: CommaSeparated = Field(
        (), description="Further addresses or domains that any tenant's mail may go to."
    )
    mail_from: str = Field(min_length=3, description="Sender of all mails.")
    template_variables: JsonObject = Field(
        default_factory=dict, description="Operator settings for templates, as a JSON object of strings."
    )
    logs_url: str = Field(
        "https://console.cloud.google.com/logs/query;query=labels.pipeline_logging_id%3D%22{pipeline_logging_id}%22",
        description="Where the logs of a run are; `{pipeline_logging_id}` is filled in.",
    )

    pipeline_runs_topic: str = Field("pipeline-runs", description="Topic of run messages, interactive lane.")
    pipeline_runs_subscription: str = Field("pipeline-runs-push", description="The push subscription served.")
    pipeline_runs_bulk_topic: str = Field("pipeline-runs-bulk", description="Topic of run messages, bulk lane.")
    pipeline_runs_bulk_subscription: str = Field(
        "pipeline-runs-bulk-push", description="The bulk lane's push subscription; `dead_letter` knows it by name."
    )
    pipeline_batches_topic: str = Field("pipeline-batches", description="Topic of batch messages.")
    pipeline_batches_subscription: str = Field(
        "pipeline-batches-push", description="The push subscription `fan_out` serves."
    )
    pipeline_dead_letters_subscription: str = Field(
        "pipeline-dead-letters-push", description="The push subscription `dead_letter` serves."
    )
    publishers: Annotated[Publishers, BeforeValidator(_parse)] = Field(
        default_factory=dict,
        description='Other systems that may publish runs: `{"name": {"tenants": ["acmeinc_23xv2"] or "*", "templates":'
        ' ["gcp/cost/cost_billing"]}}`.',
    )
    max_delivery_attempts: int = Field(5, ge=5, le=100, description="Deliveries before a message is a dead letter.")
    push_deadline_s: int = Field(600, ge=10, le=600, description="Ack deadline of the push subscription, seconds.")
    run_deadline_s: int = Field(
        21_600,
        ge=60,
        le=604_800,
        description="A run that has not ended so many seconds after its acceptance is given up.",
    )
    maximum_bytes_billed: int = Field(
        100 * 1024**3, ge=10 * 1024**2, description="Most bytes one query may bill, unless its step says less."
    )

    rate_limit_store: str = Field(
        "memory://",
        pattern=r"^(memory://|rediss?://.+)$",
        description="Where calls are counted: `memory://` in each instance, `redis://host:6379/0` for all together.",
    )
    rate_limit_runs: RateLimit = Field("50/minute", description="Run requests of a tenant.")
    rate_limit_reads: RateLimit = Field("600/minute", description="All other calls of a tenant.")
    rate_limit_endpoint: RateLimit = Field("6000/minute", description="Calls of one endpoint, all tenants together.")
    rate_limit_global: RateLimit = Field("12000/minute", description="All calls together.")
    rate_limit_lookups_per_address: RateLimit = Field(
        "600/minute", description="Keys from one address that are not in the cache and have to be looked up."
    )
    rate_limit_lookups: RateLimit = Field("3000/minute", description="Keys that have to be looked up, all together.")
    trusted_proxies: int = Field(
        1,
        ge=0,
        le=5,
        description="Proxies in front that add to X-Forwarded-For; 0 means that callers connect directly.",
    )

    admin_key_secret: SecretName | None = Field(None, description="Secret version of the admin key; for admin routes.")
    sendgrid_key_secret: SecretName | None = Field(None, description="Secret version of SendGrid's API key.")
    kms_api_keys_key: KmsKeyName | None = Field(None, description="KMS key that encrypts API keys.")
    kms_credentials_key: KmsKeyName | None = Field(
        None, description="KMS key that encrypts cloud credentials: `api` encrypts, `run_pipeline` decrypts."
    )
    api_key_grace_s: int = Field(
        86_400, ge=0, le=30 * 86_400, description="For how long a replaced API key stays good, seconds."
    )
    open_onboarding: bool = Field(False, description="Onboarding without admin key; local only.")

    configs_dir: Path = Field(ROOT / "configs", description="Folder of the pipeline templates.")
    templates_dir: Path = Field(ROOT / "templates", description="Folder of the table schemas.")

    bigquery_endpoint: str = Field("", description="URL of an embedded BigQuery; empty means Google.")
    pubsub_emulator_host: str = Field("", description="host:port of an embedded Pub/Sub; empty means Google.")
    kms_endpoint: str = Field("", description="host:port of an embedded KMS; empty means Google.")
    secret_manager_endpoint: str = Field("", description="host:port of an embedded Secret Manager; empty means Google.")
    sendgrid_endpoint: str = Field("", description="URL of an embedded SendGrid; empty means SendGrid.")

    @model_validator(mode="after")
    def _production_is_closed(self) -> Self:
        """Refuse, outside `deployment: local`, what only a developer's machine may have."""
        if self.deployment == "local":
            return self
        local_only = [
            name
            for name in (
                "open_onboarding",
                "bigquery_endpoint",
                "pubsub_emulator_host",
                "kms_endpoint",
                "secret_manager_endpoint",
                "sendgrid_endpoint",
            )
            if getattr(self, name)
        ]
        if local_only:
            raise ValueError(f"only DEPLOYMENT=local may set {', '.join(name.upper() for name in local_only)}")
        lacking = [name for name in ("admin_key_secret", "kms_api_keys_key") if getattr(self, name) is None]
        if self.routes != "tenant" and lacking:
            raise ValueError(f"ROUTES={self.routes} needs {' and '.join(name.upper() for name in lacking)}")
        return self

    @model_validator(mode="after")
    def _keys_are_two(self) -> Self:
        """Who may decrypt credentials must not be able to decrypt API keys (DESIGN, decision 6)."""
        if self.kms_api_keys_key is not None and self.kms_api_keys_key == self.kms_credentials_key:
            raise ValueError("KMS_API_KEYS_KEY and KMS_CREDENTIALS_KEY are the same key; they must be two")
        return self

    @property
    def push_time_s(self) -> float:
        """Seconds that a push may be worked on: the rest, of 30 s at most, is for recording and answering."""
        return max(self.push_deadline_s - 30, self.push_deadline_s / 2)

    @property
    def data_project(self) -> str:
        """The project that the tenant datasets are in."""
        return self.data_project_id or self.gcp_project_id

    @property
    def operator_variables(self) -> dict[str, str]:
        """What templates may use of the operator's settings, by variable name."""
        return {
            **self.template_variables,
            "gcp_project_id": self.data_project,
            "location": self.location,
            "operator_email": self.operator_email,
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. An empty variable counts as not given.

        Raises SettingsInvalid that names every missing and every wrong variable at once, never their values.
        """
        given: dict[str, Any] = {
            name: environment[name.upper()] for name in cls.model_fields if environment.get(name.upper())
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            faults = [
                Fault(
                    str(part["loc"][0]).upper() if part["loc"] else "settings",
                    "missing" if part["type"] == "missing" else "invalid",
                    "is required" if part["type"] == "missing" else re.sub(r"^Value error, ", "", part["msg"]),
                )
                for part in error.errors(include_input=False, include_url=False)
            ]
            listed = "; ".join(f"{fault.where}: {fault.message}" for fault in faults)
            raise SettingsInvalid(f"the environment is not what Convergence needs: {listed}", faults=faults) from None


@cache
def current() -> Settings:
    """The settings of this process, read at first use. Raises SettingsInvalid."""
    return Settings.from_environment(os.environ)
