"""Picks an adapter for each port, when it is first asked for and once an instance.

Importing this module imports no vendor's client: a function pays only for the ones that its path uses (FACTS 27).
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shared import settings as environment
from shared.adapters.clock import SystemClock
from shared.adapters.template_files import TemplateFiles
from shared.batches.batch_log import BatchLog
from shared.batches.batch_status import BatchStatus
from shared.batches.fan_out import FanOut
from shared.batches.targets import Targets
from shared.contracts.messages.batch import asks_to_reconcile
from shared.contracts.messages.publishers import publisher_subscription
from shared.contracts.messages.push import Push
from shared.contracts.tables import DatasetRef
from shared.errors import Fault, SettingsInvalid
from shared.ports import Catalog, Cipher, Jobs, Mailer, MessageBus, RateLimiter, Rows, Secrets
from shared.recovery.dead_letters import DeadLetters
from shared.recovery.kept_dead_letters import KeptDeadLetters
from shared.recovery.open_runs import OpenRuns
from shared.recovery.operator_mail import OperatorMail
from shared.recovery.reconcile import Reconcile
from shared.recovery.replay import Replays
from shared.runs.deliver import Delivery
from shared.runs.foreign import ForeignDelivery, ForeignRuns
from shared.runs.live_runs import LiveRuns
from shared.runs.mail_allowance import MailAllowance
from shared.runs.receive import Receiver, RejectedMessages
from shared.runs.resolve import Resolver
from shared.runs.run_copies import RunCopies
from shared.runs.run_history import RunHistory
from shared.runs.run_log import RunLog
from shared.runs.second_opinion import DryRunOpinion
from shared.settings import Settings
from shared.tenants.api_keys import ApiKeys
from shared.tenants.audit import Audit
from shared.tenants.credentials import CloudCredentials
from shared.tenants.destinations import TenantDestinations
from shared.tenants.directory import Directory
from shared.tenants.key_ring import KeyRing
from shared.tenants.metadata import metadata_schema
from shared.tenants.off_boarding import OffBoarding
from shared.tenants.rate_limits import RateLimits
from shared.tenants.records import TenantRecords
from shared.tenants.registry import Registry

if TYPE_CHECKING:
    from google.cloud import bigquery

T = TypeVar("T")

# `openssl rand -base64 24` has 32 characters, about 25 of them different; "change-me-change-me-…" has eight.
LEAST_ADMIN_KEY, LEAST_DIFFERENT = 32, 12


class once(Generic[T]):  # noqa: N801 - reads as the decorator that it is
    """A property that is made once, also when several threads ask for it first: `cached_property` would make two."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make, self._lock = make, threading.RLock()
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> T:
        with self._lock:
            if self._name not in instance.__dict__:
                instance.__dict__[self._name] = self._make(instance)
        value: T = instance.__dict__[self._name]
        return value


class Instance:
    """Everything that a function's instance holds: `engines.base.Services`, and what the edges call."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.control = DatasetRef(settings.gcp_project_id, settings.control_dataset)

    @once
    def _bigquery(self) -> "bigquery.Client":
        from shared.adapters.bigquery import client

        return client(self.settings.gcp_project_id, self.settings.location, self.settings.bigquery_endpoint)

    @once
    def catalog(self) -> Catalog:
        """Datasets and tables."""
        from shared.adapters.bigquery import BigQueryCatalog

        return BigQueryCatalog(self._bigquery)

    @once
    def rows(self) -> Rows:
        """Rows without a query."""
        from shared.adapters.bigquery import BigQueryRows

        return BigQueryRows(self._bigquery)

    @once
    def jobs(self) -> Jobs:
        """Query jobs."""
        from shared.adapters.bigquery import BigQueryJobs

        return BigQueryJobs(self._bigquery)

    @once
    def bus(self) -> MessageBus:
        """Publishing."""
        from shared.adapters.pubsub import PubSubMessageBus, client

        return PubSubMessageBus(client(self.settings.pubsub_emulator_host), self.settings.gcp_project_id)

    @once
    def api_keys_cipher(self) -> Cipher:
        """The KMS key that encrypts API keys."""
        from shared.adapters.kms import KmsCipher, client

        return KmsCipher(
            client(self.settings.kms_endpoint), _needed(self.settings.kms_api_keys_key, "KMS_API_KEYS_KEY")
        )

    @once
    def credentials_cipher(self) -> Cipher:
        """The KMS key that encrypts cloud credentials."""
        from shared.adapters.kms import KmsCipher, client

        key = _needed(self.settings.kms_credentials_key, "KMS_CREDENTIALS_KEY")
        return KmsCipher(client(self.settings.kms_endpoint), key)

    @once
    def secrets(self) -> Secrets:
        """Secrets by name."""
        from shared.adapters.secret_manager import SecretManagerSecrets, client

        return SecretManagerSecrets(client(self.settings.secret_manager_endpoint))

    @once
    def mailer(self) -> Mailer:
        """Sending mail."""
        from shared.adapters.sendgrid import SendGridMailer

        key = _needed(self.settings.sendgrid_key_secret, "SENDGRID_KEY_SECRET")
        return SendGridMailer(
            lambda: self.secrets.read(key), sender=self.settings.mail_from, endpoint=self.settings.sendgrid_endpoint
        )

    @once
    def templates(self) -> TemplateFiles:
        """Pipeline templates."""
        return TemplateFiles(self.settings.configs_dir)

    @once
    def directory(self) -> Directory:
        """Tenants."""
        schema = metadata_schema(self.settings.templates_dir, "x_meta_tenant.json")
        return Directory(self.rows, self.clock, data_project=self.settings.data_project, schema=schema)

    @once
    def api_keys(self) -> ApiKeys:
        """Checking API keys."""
        schema = metadata_schema(self.settings.templates_dir, "x_meta_api_keys.json")
        return ApiKeys(self.rows, self.clock, data_project=self.settings.data_project, schema=schema)

    @once
    def key_ring(self) -> KeyRing:
        """Listing and changing API keys."""
        return KeyRing(
            self.rows,
            lambda: self.jobs,
            lambda: self.api_keys_cipher,
            self.clock,
            data_project=self.settings.data_project,
            schema=metadata_schema(self.settings.templates_dir, "x_meta_api_keys.json"),
        )

    @once
    def credentials(self) -> CloudCredentials:
        """Tenants' credentials at cloud providers."""
        return CloudCredentials(
            self.rows,
            lambda: self.jobs,
            lambda: self.credentials_cipher,
            self.clock,
            data_project=self.settings.data_project,
            schema=metadata_schema(self.settings.templates_dir, "x_meta_cloud_credentials.json"),
        )

    @once
    def tenant_records(self) -> TenantRecords:
        """Tenants' own records."""
        return TenantRecords(
            self.rows,
            lambda: self.jobs,
            self.clock,
            data_project=self.settings.data_project,
            schema=metadata_schema(self.settings.templates_dir, "x_meta_tenant.json"),
        )

    @once
    def registry(self) -> Registry:
        """The registry of tenants."""
        return Registry(self.jobs, self.settings)

    @once
    def off_boarding(self) -> OffBoarding:
        """Removing tenants."""
        deadline_s = self.settings.run_deadline_s
        live_runs = LiveRuns(lambda: self.jobs, self.clock, self.control, run_deadline_s=deadline_s)
        return OffBoarding(
            self.catalog,
            lambda: self.jobs,
            self.tenant_records,
            live_runs,
            clock=self.clock,
            settings=self.settings,
        )

    @once
    def audit(self) -> Audit:
        """The record of who did what."""
        return Audit(lambda: self.rows, self.clock, self.control)

    @once
    def destinations(self) -> TenantDestinations:
        """Tables that steps write to."""
        return TenantDestinations(self.catalog, self.directory, location=self.settings.location)

    @once
    def rate_limits(self) -> RateLimits:
        """How often who may call."""
        is_shared = self.settings.rate_limit_store != "memory://"
        return RateLimits(
            lambda: self._stored_limiter if is_shared else self._memory_limiter,
            lambda: self._memory_limiter,
            self.clock,
            self.settings,
        )

    @once
    def _memory_limiter(self) -> RateLimiter:
        from shared.adapters.memory_limits import MemoryRateLimiter

        return MemoryRateLimiter()

    @once
    def _stored_limiter(self) -> RateLimiter:
        from shared.adapters.rate_limits import StoredRateLimiter

        return StoredRateLimiter(self.settings.rate_limit_store)

    @once
    def mail_allowance(self) -> MailAllowance:
        """How many mails a tenant may still be sent."""
        return MailAllowance(lambda: self.jobs, self.clock, self.control)

    @once
    def second_opinion(self) -> DryRunOpinion:
        """The service's own view of a query."""
        return DryRunOpinion(self.jobs, self.catalog, self.clock)

    @once
    def resolver(self) -> Resolver:
        """Templates, made ready for a tenant."""
        return Resolver(self.templates, self)

    @once
    def run_log(self) -> RunLog:
        """The events of runs."""
        return RunLog(
            lambda: self.rows,
            lambda: self.jobs,
            self.clock,
            control=self.control,
            data_project=self.settings.data_project,
        )

    @once
    def run_history(self) -> RunHistory:
        """A tenant's runs, page by page."""
        return RunHistory(lambda: self.jobs, self.clock, self.control)

    @once
    def replays(self) -> Replays:
        """Running again what failed."""
        return Replays(
            lambda: self.jobs,
            self.run_log,
            lambda: self.bus,
            self.clock,
            control=self.control,
            runs_topic=self.settings.pipeline_runs_topic,
            bulk_topic=self.settings.pipeline_runs_bulk_topic,
        )

    @once
    def delivery(self) -> Delivery:
        """Pushes of run messages."""
        return Delivery(
            self,
            run_log=self.run_log,
            directory=self.directory,
            resolver=self.resolver,
            bus=lambda: self.bus,
        )

    @once
    def run_messages(self) -> Receiver:
        """What `run_pipeline` receives: run messages, and what other systems publish."""
        foreign = ForeignDelivery(self.foreign_runs, delivery=self.delivery, run_log=self.run_log)
        handlers = {self.settings.pipeline_runs_subscription: self.delivery.handle}
        for name in self.settings.publishers:
            handlers[publisher_subscription(name)] = partial(foreign.handle, name)
        return self._receiver(handlers)

    @once
    def foreign_runs(self) -> ForeignRuns:
        """Which runs other systems' messages mean."""
        return ForeignRuns(self.settings.publishers, directory=self.directory, templates=self.templates)

    @once
    def dead_letter_messages(self) -> Receiver:
        """What `dead_letter` receives."""
        dead_letters = DeadLetters(
            self,
            run_log=self.run_log,
            templates=self.templates,
            foreign=self.foreign_runs,
            bus=lambda: self.bus,
            kept=KeptDeadLetters(lambda: self.rows, self.clock, self.control),
            operator=OperatorMail(lambda: self.jobs, lambda: self.mailer, self.clock, self.settings.operator_email),
        )
        return self._receiver({self.settings.pipeline_dead_letters_subscription: dead_letters.handle})

    @once
    def batch_log(self) -> BatchLog:
        """The events of batches."""
        return BatchLog(lambda: self.rows, lambda: self.jobs, self.clock, self.control)

    @once
    def batch_status(self) -> BatchStatus:
        """How batches stand."""
        return BatchStatus(
            self.batch_log,
            lambda: self.jobs,
            self.clock,
            self.control,
            run_deadline_s=self.settings.run_deadline_s,
        )

    @once
    def batch_messages(self) -> Receiver:
        """What `fan_out` receives: batches, and the request to reconcile."""
        settings = self.settings
        fan_out = FanOut(
            targets=lambda: Targets(self.jobs, self.control),
            batch_log=self.batch_log,
            bus=lambda: self.bus,
            templates=self.templates,
            clock=self.clock,
            runs_topic=settings.pipeline_runs_bulk_topic,
            batches_topic=settings.pipeline_batches_topic,
            time_s=settings.push_time_s,
        )
        reconcile = Reconcile(
            batch_log=self.batch_log,
            batch_status=self.batch_status,
            targets=lambda: Targets(self.jobs, self.control),
            open_runs=OpenRuns(lambda: self.jobs, self.control),
            run_log=self.run_log,
            copies=RunCopies(
                lambda: self.rows,
                lambda: self.jobs,
                self.clock,
                control=self.control,
                data_project=settings.data_project,
                run_log=self.run_log,
                directory=self.directory,
            ),
            bus=lambda: self.bus,
            clock=self.clock,
            settings=settings,
        )

        def handle(push: Push) -> None:
            (reconcile.handle if asks_to_reconcile(push.data()) else fan_out.handle)(push)

        return self._receiver({settings.pipeline_batches_subscription: handle})

    def _receiver(self, handlers: Mapping[str, Callable[[Push], None]]) -> Receiver:
        project = self.settings.gcp_project_id
        named = {f"projects/{project}/subscriptions/{name}": handle for name, handle in handlers.items()}
        return Receiver(named, RejectedMessages(lambda: self.rows, self.clock, self.control))

    def admin_key(self) -> str:
        """The admin key. Raises SettingsInvalid for one that production cannot rest on: short, or a placeholder."""
        key = self.secrets.read(_needed(self.settings.admin_key_secret, "ADMIN_KEY_SECRET"))
        is_weak = len(key) < LEAST_ADMIN_KEY or len(set(key)) < LEAST_DIFFERENT
        if is_weak and self.settings.deployment == "production":
            message = (
                f"the secret is no key for production: make a random one of {LEAST_ADMIN_KEY} characters or more,"
                f" {LEAST_DIFFERENT} of them different"
            )
            fault = Fault("ADMIN_KEY_SECRET", "weak", message)
            raise SettingsInvalid(f"{fault.where}: {fault.message}", faults=[fault])
        return key


_held: dict[str, Instance] = {}
_holding = threading.Lock()


def instance() -> Instance:
    """This process's instance, made at the first request, once also when several come first. Raises SettingsInvalid."""
    with _holding:
        if "instance" not in _held:
            _held["instance"] = Instance(environment.current())
        return _held["instance"]


def serve_with(made: Instance | None) -> None:
    """Let the functions use this instance: one made of fakes. With None the next request makes one of its own again."""
    with _holding:
        if made is None:
            _held.clear()
        else:
            _held["instance"] = made


def _needed(value: str | None, name: str) -> str:
    if value is None:
        fault = Fault(name, "missing", "is required by this function")
        raise SettingsInvalid(f"{name} {fault.message}", faults=[fault])
    return value
