"""Onboard a tenant: run the onboarding template here and now, then enter the tenant in the registry."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from shared.contracts.http.tenants import OnboardRequest
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.tables import DatasetRef
from shared.contracts.template_address import ONBOARDING
from shared.contracts.tenant import RESERVED_PREFIXES, Tenant
from shared.engines.base import Services
from shared.errors import (
    AlreadyOnboarded,
    ConvergenceError,
    OnboardingFailed,
    OnboardingInProgress,
    TenantIdRefused,
)
from shared.logs import log, log_context
from shared.runs.execute import Execution, Outcome
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog, RunState
from shared.tenants.claim import confirm_claim, release
from shared.tenants.registry import Registry

TIME_LIMIT_S = 120


@dataclass(frozen=True)
class Onboarded:
    """A new tenant. The key is shown this once."""

    tenant_id: str
    api_key: SecretStr
    dataset_created: bool
    tables_created: Sequence[str]


def onboard(request: OnboardRequest, *, services: Services, resolver: Resolver, run_log: RunLog) -> Onboarded:
    """Onboard the tenant, or complete an onboarding that was cut short.

    Raises TenantIdRefused, AlreadyOnboarded, OnboardingInProgress, OnboardingFailed, or a TransientError; after the
    last two the same call completes it.
    """
    tenant_id = request.tenant_id
    if tenant_id.startswith(RESERVED_PREFIXES):
        raise TenantIdRefused(f"{tenant_id} begins with a reserved name; choose another tenant_id")
    registry = Registry(services.jobs, services.settings)
    if registry.has(tenant_id):
        raise AlreadyOnboarded(f"{tenant_id} is onboarded already; rotate its key if it was lost")
    now = services.clock.now()
    tenant = Tenant(
        tenant_id,
        request.admin_email,
        epoch=secrets.token_hex(8),
        variables=request.variables,
        enabled_templates=tuple(dict.fromkeys(request.enabled_templates)),
    )
    run = RunMessage.of(
        tenant_id,
        tenant.epoch,
        ONBOARDING,
        key="onboarding",
        template_version=resolver.templates.get(ONBOARDING).version,
        date=None,
        trigger_by="onboarding",
        lane="interactive",
        accepted_at=now,
    )
    dataset = DatasetRef(services.settings.data_project, tenant_id)
    with log_context(tenant_id=tenant_id, pipeline_logging_id=run.pipeline_logging_id):
        done = False
        try:
            outcome = Execution(
                run,
                tenant,
                resolver.resolve(run, tenant),
                services=services,
                run_log=run_log,
                until=now + timedelta(seconds=TIME_LIMIT_S),
                before=RunState("RUNNING", {}),  # a run of this very call: nobody else can have begun it
            ).run()
            key = _key(outcome, tenant_id)
            confirm_claim(dataset, services.catalog, run.pipeline_logging_id)
            # Its answer may get lost, and with it the key: the same request finds the job again.
            registry.enter(tenant, onboarded_at=services.clock.now(), request=run.pipeline_logging_id)
            done = True
        finally:
            try:
                release(dataset, services.catalog, run.pipeline_logging_id, done=done)
            except ConvergenceError as error:
                # It ends by itself, and the registry has the last word: no reason to lose the key, or a better error.
                log("onboarding_claim_left", "WARNING", error_code=error.code)
        log("tenant_onboarded")
    outputs = outcome.outputs or {}
    tables = outputs.get("tables_created")
    return Onboarded(tenant_id, key, bool(outputs.get("dataset_created")), tables if isinstance(tables, list) else [])


def _key(outcome: Outcome, tenant_id: str) -> SecretStr:
    """The key that the run made; raises why there is none."""
    if isinstance(outcome.error, AlreadyOnboarded | OnboardingInProgress | TenantIdRefused):
        raise outcome.error
    if outcome.record.status != "SUCCEEDED" or outcome.secret is None:
        raise OnboardingFailed(
            f"onboarding {tenant_id} stopped at step {outcome.record.failed_step} ({outcome.record.error_code}); "
            "the same call, made again, completes it"
        ) from outcome.error
    return outcome.secret
