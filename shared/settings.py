"""The environment, read once into frozen settings. Nothing else in Convergence reads the environment.

A setting's environment variable is its name in upper case. A list is separated by commas, a map is a JSON object.
Each setting says which functions read it. A function holds those alone: reading another one is a bug that is raised.
"""

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from shared.contracts.messages.publishers import Publishers
from shared.errors import Fault, SettingsInvalid
from shared.readers import FUNCTIONS, Function, LocalOnly, ReadBy, RequiredBy, UndeclaredRead, functions_of

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


# Who resolves templates for a tenant reads what the operator has set for them; an onboarding is a run, too.
_EVERYWHERE = ReadBy(*FUNCTIONS)
_CALLS = ReadBy("api", "admin")
_RUNS = ReadBy("api", "admin", "run_pipeline")

# What a setting without default holds, as it is read, where a function does not read it or nobody gave it.
_NOT_READ = "not read"


class Settings(BaseModel):
    """Every setting: name, who reads it, default, help. A command reads all, and needs those without default."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    _functions: frozenset[Function] = PrivateAttr(frozenset())

    gcp_project_id: Annotated[str, RequiredBy(*FUNCTIONS)] = Field(
        min_length=1, description="Project of the control dataset, topics and functions."
    )
    data_project_id: Annotated[str, _EVERYWHERE] = Field(
        "", description="Project of the tenant datasets; empty means gcp_project_id."
    )
    location: Annotated[str, _EVERYWHERE] = Field("US", description="BigQuery location of all datasets.")
    control_dataset: Annotated[str, _EVERYWHERE] = Field(
        "convergence__control", description="Dataset of registry, runs and rejected messages."
    )
    deployment: Annotated[Literal["production", "local"], LocalOnly(*FUNCTIONS)] = Field(
        "production", description="`local` permits embedded endpoints and open onboarding."
    )
    routes: Annotated[Literal["tenant", "admin", "all"], _CALLS] = Field(
        "tenant", description="Which routes `api` serves."
    )

    operator_email: Annotated[str, RequiredBy("api", "admin", "run_pipeline", "dead_letter")] = Field(
        min_length=3, description="The operator's address; `{operator_email}` in templates."
    )
    operator_mail_domains: Annotated[CommaSeparated, _RUNS] = Field(
        (), description="Further addresses or domains that any tenant's mail may go to."
    )
    mail_from: Annotated[str, RequiredBy("admin", "run_pipeline", "dead_letter")] = Field(
        min_length=3, description="Sender of all mails."
    )
    template_variables: Annotated[JsonObject, _RUNS] = Field(
        default_factory=dict, description="Operator settings for templates, as a JSON object of strings."
    )
    logs_url: Annotated[str, ReadBy("admin", "run_pipeline", "dead_letter")] = Field(
        "https://console.cloud.google.com/logs/query;query=labels.pipeline_logging_id%3D%22{pipeline_logging_id}%22",
        description="Where the logs of a run are; `{pipeline_logging_id}` is filled in.",
    )

    pipeline_runs_topic: Annotated[str, _EVERYWHERE] = Field(
        "pipeline-runs", description="Topic of run messages, interactive lane."
    )
    pipeline_runs_subscription: Annotated[str, ReadBy("run_pipeline", "dead_letter")] = Field(
        "pipeline-runs-push", description="The push subscription served."
    )
    pipeline_runs_bulk_topic: Annotated[str, ReadBy("admin", "fan_out", "dead_letter")] = Field(
        "pipeline-runs-bulk", description="Topic of run messages, bulk lane."
    )
    pipeline_runs_bulk_subscription: Annotated[str, ReadBy("dead_letter")] = Field(
        "pipeline-runs-bulk-push", description="The bulk lane's push subscription; `dead_letter` knows it by name."
    )
    pipeline_batches_topic: Annotated[str, ReadBy("admin", "fan_out")] = Field(
        "pipeline-batches", description="Topic of batch messages."
    )
    pipeline_batches_subscription: Annotated[str, ReadBy("fan_out")] = Field(
        "pipeline-batches-push", description="The push subscription `fan_out` serves."
    )
    pipeline_dead_letters_subscription: Annotated[str, ReadBy("dead_letter")] = Field(
        "pipeline-dead-letters-push", description="The push subscription `dead_letter` serves."
    )
    publishers: Annotated[Publishers, BeforeValidator(_parse), ReadBy("run_pipeline", "dead_letter")] = Field(
        default_factory=dict,
        description='Other systems that may publish runs: `{"name": {"tenants": ["acmeinc_23xv2"] or "*", "templates":'
        ' ["gcp/cost/cost_billing"]}}`.',
    )
    max_delivery_attempts: Annotated[int, ReadBy("run_pipeline")] = Field(
        5, ge=5, le=100, description="Deliveries before a message is a dead letter."
    )
    push_deadline_s: Annotated[int, ReadBy("run_pipeline", "fan_out")] = Field(
        600, ge=10, le=600, description="Ack deadline of the push subscription, seconds."
    )
    run_deadline_s: Annotated[int, ReadBy("admin", "run_pipeline", "fan_out")] = Field(
        21_600,
        ge=60,
        le=604_800,
        description="A run that has not ended so many seconds after its acceptance is given up.",
    )
    maximum_bytes_billed: Annotated[int, ReadBy("admin", "run_pipeline")] = Field(
        100 * 1024**3, ge=10 * 1024**2, description="Most bytes one query may bill, unless its step says less."
    )

    bulk_reservation: Annotated[str, ReadBy("run_pipeline")] = Field(
        "",
        pattern=r"^(projects/[^/]+/locations/[^/]+/reservations/[^/]+)?$",
        description="Reservation whose slots queries of the bulk lane run in:"
        " `projects/…/locations/…/reservations/…`; empty: as the project is assigned, else on demand.",
    )

    rate_limit_store: Annotated[str, _CALLS] = Field(
        "memory://",
        pattern=r"^(memory://|rediss?://.+)$",
        description="Where calls are counted: `memory://` in each instance, `redis://host:6379/0` for all together.",
    )
    rate_limit_runs: Annotated[RateLimit, ReadBy("api")] = Field("50/minute", description="Run requests of a tenant.")
    rate_limit_reads: Annotated[RateLimit, _CALLS] = Field("600/minute", description="All other calls of a tenant.")
    rate_limit_endpoint: Annotated[RateLimit, _CALLS] = Field(
        "6000/minute", description="Calls of one endpoint, all tenants together."
    )
    rate_limit_global: Annotated[RateLimit, _CALLS] = Field("12000/minute", description="All calls together.")
    rate_limit_lookups_per_address: Annotated[RateLimit, _CALLS] = Field(
        "600/minute", description="Keys from one address that are not in the cache and have to be looked up."
    )
    rate_limit_lookups: Annotated[RateLimit, _CALLS] = Field(
        "3000/minute", description="Keys that have to be looked up, all together."
    )
    trusted_proxies: Annotated[int, _CALLS] = Field(
        1,
        ge=0,
        le=5,
        description="Proxies in front, which say for whom (X-Forwarded-For) and how (X-Forwarded-Proto) they ask;"
        " 0: callers connect directly.",
    )

    admin_key_secret: Annotated[SecretName | None, RequiredBy("admin")] = Field(
        None, description="Secret version of the admin key; for admin routes."
    )
    sendgrid_key_secret: Annotated[SecretName | None, RequiredBy("admin", "run_pipeline", "dead_letter")] = Field(
        None, description="Secret version of SendGrid's API key."
    )
    kms_api_keys_key: Annotated[KmsKeyName | None, RequiredBy("api", "admin")] = Field(
        None, description="KMS key that encrypts API keys."
    )
    kms_credentials_key: Annotated[KmsKeyName | None, RequiredBy("api", "run_pipeline")] = Field(
        None, description="KMS key that encrypts cloud credentials: `api` encrypts, `run_pipeline` decrypts."
    )
    api_key_grace_s: Annotated[int, _CALLS] = Field(
        86_400, ge=0, le=30 * 86_400, description="For how long a replaced API key stays good, seconds."
    )
    open_onboarding: Annotated[bool, LocalOnly("admin")] = Field(
        False, description="Onboarding without admin key; local only."
    )

    configs_dir: Annotated[Path, LocalOnly(*FUNCTIONS)] = Field(
        ROOT / "configs", description="Folder of the pipeline templates."
    )
    templates_dir: Annotated[Path, LocalOnly(*FUNCTIONS)] = Field(
        ROOT / "templates", description="Folder of the table schemas."
    )

    bigquery_endpoint: Annotated[str, LocalOnly(*FUNCTIONS)] = Field(
        "", description="URL of an embedded BigQuery; empty means Google."
    )
    pubsub_emulator_host: Annotated[str, LocalOnly(*FUNCTIONS)] = Field(
        "", description="host:port of an embedded Pub/Sub; empty means Google."
    )
    kms_endpoint: Annotated[str, LocalOnly("api", "admin", "run_pipeline")] = Field(
        "", description="host:port of an embedded KMS; empty means Google."
    )
    secret_manager_endpoint: Annotated[str, LocalOnly("admin", "run_pipeline", "dead_letter")] = Field(
        "", description="host:port of an embedded Secret Manager; empty means Google."
    )
    sendgrid_endpoint: Annotated[str, LocalOnly("admin", "run_pipeline", "dead_letter")] = Field(
        "", description="URL of an embedded SendGrid; empty means SendGrid."
    )

    @model_validator(mode="after")
    def _production_is_closed(self) -> Self:
        """Refuse, outside `deployment: local`, what only a developer's machine may have."""
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
        if local_only and self.deployment != "local":
            raise ValueError(f"only DEPLOYMENT=local may set {', '.join(name.upper() for name in local_only)}")
        return self

    @model_validator(mode="after")
    def _keys_are_two(self) -> Self:
        """Who may decrypt credentials must not be able to decrypt API keys (decision 6)."""
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
        """Read the settings of the function that the environment is of; of a command, all. An empty variable counts as
        not given.

        Raises SettingsInvalid that names every missing and every wrong variable at once, never their values.
        """
        here = functions_of(environment)
        read = [name for name in cls.model_fields if not here or readers(name).functions & here]
        given = {name: environment[name.upper()] for name in read if environment.get(name.upper())}
        missing = [name for name in read if _is_needed(name, here) and name not in given]
        faults = [*(Fault(name.upper(), "missing", "is required") for name in missing), *_wrong(given)]
        if faults:
            listed = "; ".join(f"{fault.where}: {fault.message}" for fault in faults)
            raise SettingsInvalid(f"the environment is not what Convergence needs: {listed}", faults=faults)
        made = cls.model_validate(_filled(given))
        for name in cls.model_fields.keys() - read:
            del made.__dict__[name]
        made._functions = here
        return made

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Called for what is not there: a setting that this function is not said to read is a bug."""
            if name in type(self).model_fields:
                functions = " and ".join(sorted(self._functions))
                raise UndeclaredRead(f"{functions} reads {name.upper()}, whose field does not say so")
            return super().__getattr__(name)


def readers(name: str) -> ReadBy:
    """What the field of this name says of its readers."""
    return next(one for one in Settings.model_fields[name].metadata if isinstance(one, ReadBy))


def read_by(function: Function, *, local: bool = False) -> frozenset[str]:
    """The environment variables that a deployment gives the function: all that it reads, the LocalOnly ones with
    `local` alone.
    """
    said = {name: readers(name) for name in Settings.model_fields}
    return frozenset(
        name.upper()
        for name, by in said.items()
        if function in by.functions and (local or not isinstance(by, LocalOnly))
    )


def required_by(function: Function) -> frozenset[str]:
    """Those that have no default which serves the function."""
    return frozenset(name.upper() for name in Settings.model_fields if _is_needed(name, frozenset({function})))


def _is_needed(name: str, functions: frozenset[Function]) -> bool:
    """Whether these functions cannot do without the setting; for none of them, whether a command cannot."""
    if not functions:
        return Settings.model_fields[name].is_required()
    said = readers(name)
    return isinstance(said, RequiredBy) and not said.functions.isdisjoint(functions)


def _filled(given: Mapping[str, str]) -> dict[str, str]:
    unset = [name for name, field in Settings.model_fields.items() if field.is_required() and name not in given]
    return {**dict.fromkeys(unset, _NOT_READ), **given}


def _wrong(given: Mapping[str, str]) -> list[Fault]:
    """What is wrong with the settings given. Rules about several are looked at without those wrong by themselves."""
    try:
        Settings.model_validate(_filled(given))
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)
    else:
        return []
    by_itself = {str(part["loc"][0]) for part in wrong if part["loc"]}
    faults = [
        Fault(
            str(part["loc"][0]).upper() if part["loc"] else "settings",
            "invalid",
            re.sub(r"^Value error, ", "", part["msg"]),
        )
        for part in wrong
    ]
    others = {name: text for name, text in given.items() if name not in by_itself}
    return faults + (_wrong(others) if by_itself else [])


@cache
def current() -> Settings:
    """The settings of this process, read at first use. Raises SettingsInvalid."""
    return Settings.from_environment(os.environ)
