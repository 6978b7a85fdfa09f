"""The parts of Convergence that a function's instance holds, each made when it is first asked for.

They are given their ports as they are: `adapters` sees to it that a port costs nothing before it is used.
"""

import threading
from collections.abc import Callable, Mapping

from shared.adapters.memory_limits import MemoryRateLimiter
from shared.batches.batch_log import BatchLog
from shared.batches.batch_status import BatchStatus
from shared.contracts.messages.push import Push
from shared.errors import Fault, SettingsInvalid
from shared.recovery.replay import Replays
from shared.runs.live_runs import LiveRuns
from shared.runs.mail_allowance import MailAllowance
from shared.runs.receive import Receiver, RejectedMessages
from shared.runs.resolve import Resolver
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
from shared.wiring.adapters import Adapters, needed
from shared.wiring.late import made_once

# `openssl rand -base64 24` has 32 characters, about 25 of them different; "change-me-change-me-…" has eight.
LEAST_ADMIN_KEY, LEAST_DIFFERENT = 32, 12


# What handles the pushes of each subscription that a function serves, by the subscription's name.
Handlers = Mapping[str, Callable[[Push], None]]


class Instance(Adapters):
    """Everything that a function's instance holds: `engines.base.Services`, and what the edges call."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._receivers: dict[Callable[[Instance], Handlers], Receiver] = {}
        self._receiving = threading.RLock()

    @made_once
    def directory(self) -> Directory:
        """Tenants."""
        schema = metadata_schema(self.settings.templates_dir, "x_meta_tenant.json")
        return Directory(self.rows, self.clock, data_project=self.settings.data_project, schema=schema)

    @made_once
    def api_keys(self) -> ApiKeys:
        """Checking API keys."""
        schema = metadata_schema(self.settings.templates_dir, "x_meta_api_keys.json")
        return ApiKeys(self.rows, self.clock, data_project=self.settings.data_project, schema=schema)

    @made_once
    def key_ring(self) -> KeyRing:
        """Listing and changing API keys."""
        return KeyRing(
            self.rows,
            self.jobs,
            self.api_keys_cipher,
            self.clock,
            data_project=self.settings.data_project,
            schema=metadata_schema(self.settings.templates_dir, "x_meta_api_keys.json"),
        )

    @made_once
    def credentials(self) -> CloudCredentials:
        """Tenants' credentials at cloud providers."""
        return CloudCredentials(
            self.rows,
            self.jobs,
            self.credentials_cipher,
            self.clock,
            data_project=self.settings.data_project,
            schema=metadata_schema(self.settings.templates_dir, "x_meta_cloud_credentials.json"),
        )

    @made_once
    def tenant_records(self) -> TenantRecords:
        """Tenants' own records."""
        return TenantRecords(
            self.rows,
            self.jobs,
            self.clock,
            data_project=self.settings.data_project,
            schema=metadata_schema(self.settings.templates_dir, "x_meta_tenant.json"),
        )

    @made_once
    def registry(self) -> Registry:
        """The registry of tenants."""
        return Registry(self.jobs, self.settings)

    @made_once
    def off_boarding(self) -> OffBoarding:
        """Removing tenants."""
        deadline_s = self.settings.run_deadline_s
        live_runs = LiveRuns(self.jobs, self.clock, self.control, run_deadline_s=deadline_s)
        return OffBoarding(
            self.catalog,
            self.jobs,
            self.tenant_records,
            live_runs,
            clock=self.clock,
            settings=self.settings,
        )

    @made_once
    def audit(self) -> Audit:
        """The record of who did what."""
        return Audit(self.rows, self.clock, self.control)

    @made_once
    def destinations(self) -> TenantDestinations:
        """Tables that steps write to."""
        return TenantDestinations(self.catalog, self.directory, location=self.settings.location)

    @made_once
    def rate_limits(self) -> RateLimits:
        """How often who may call."""
        in_memory = MemoryRateLimiter()
        store = in_memory if self.settings.rate_limit_store == "memory://" else self.stored_limiter
        return RateLimits(store, in_memory, self.clock, self.settings)

    @made_once
    def mail_allowance(self) -> MailAllowance:
        """How many mails a tenant may still be sent."""
        return MailAllowance(self.jobs, self.clock, self.control)

    @made_once
    def second_opinion(self) -> DryRunOpinion:
        """The service's own view of a query."""
        return DryRunOpinion(self.jobs, self.catalog, self.clock)

    @made_once
    def resolver(self) -> Resolver:
        """Templates, made ready for a tenant."""
        return Resolver(self.templates, self)

    @made_once
    def run_log(self) -> RunLog:
        """The events of runs."""
        return RunLog(
            self.rows,
            self.jobs,
            self.clock,
            control=self.control,
            data_project=self.settings.data_project,
        )

    @made_once
    def run_history(self) -> RunHistory:
        """A tenant's runs, page by page."""
        return RunHistory(self.jobs, self.clock, self.control)

    @made_once
    def replays(self) -> Replays:
        """Running again what failed."""
        return Replays(
            self.jobs,
            self.run_log,
            self.bus,
            self.clock,
            control=self.control,
            runs_topic=self.settings.pipeline_runs_topic,
            bulk_topic=self.settings.pipeline_runs_bulk_topic,
        )

    @made_once
    def batch_log(self) -> BatchLog:
        """The events of batches."""
        return BatchLog(self.rows, self.jobs, self.clock, self.control)

    @made_once
    def batch_status(self) -> BatchStatus:
        """How batches stand."""
        return BatchStatus(
            self.batch_log,
            self.jobs,
            self.clock,
            self.control,
            run_deadline_s=self.settings.run_deadline_s,
        )

    def receiver(self, handlers: "Callable[[Instance], Handlers]") -> Receiver:
        """The receiver of the function whose handlers these are: made at the first push, and kept."""
        with self._receiving:
            if handlers not in self._receivers:
                folder = f"projects/{self.settings.gcp_project_id}/subscriptions"
                named = {f"{folder}/{name}": handle for name, handle in handlers(self).items()}
                rejected = RejectedMessages(self.rows, self.clock, self.control)
                self._receivers[handlers] = Receiver(named, rejected)
            return self._receivers[handlers]

    def admin_key(self) -> str:
        """The admin key. Raises SettingsInvalid for one that production cannot rest on: short, or a placeholder."""
        key = self.secrets.read(needed(self.settings.admin_key_secret, "ADMIN_KEY_SECRET"))
        is_weak = len(key) < LEAST_ADMIN_KEY or len(set(key)) < LEAST_DIFFERENT
        if is_weak and self.settings.deployment == "production":
            message = (
                f"the secret is no key for production: make a random one of {LEAST_ADMIN_KEY} characters or more,"
                f" {LEAST_DIFFERENT} of them different"
            )
            fault = Fault("ADMIN_KEY_SECRET", "weak", message)
            raise SettingsInvalid(f"{fault.where}: {fault.message}", faults=[fault])
        return key
