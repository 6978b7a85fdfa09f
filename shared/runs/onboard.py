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
    OnboardingFailed,
    OnboardingInProgress,
    PermanentError,
    TenantIdRefused,
)
from shared.logs import log, log_context
from shared.runs.execute import Execution, Outcome
from shared.runs.plan import Plan
from shared.runs.refusal import refuse
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog, RunState
from shared.tenants.claim import Claim
from shared.tenants.registry import Registry

TIME_LIMIT_S = 120
# What the caller is told as it is; whatever else goes wrong is an OnboardingFailed.
_ANSWERS = (AlreadyOnboarded, OnboardingInProgress, TenantIdRefused)


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
        plan = resolver.resolve(run, tenant)
        with Claim(dataset, services.catalog, run.pipeline_logging_id) as claim:
            was_made = _take(claim, run, plan, services=services, run_log=run_log)
            outcome = Execution(
                run,
                tenant,
                plan,
                services=services,
                run_log=run_log,
                until=now + timedelta(seconds=TIME_LIMIT_S),
                before=RunState("RUNNING", {}),  # a run of this very call: nobody else can have begun it
            ).run()
            key = _key(outcome, tenant_id)
            claim.confirm()
            # Its answer may get lost, and with it the key: the same request finds the job again.
            registry.enter(tenant, onboarded_at=services.clock.now(), request=run.pipeline_logging_id)
            claim.complete()
        log("tenant_onboarded")
    tables = (outcome.outputs or {}).get("tables_created")
    return Onboarded(tenant_id, key, was_made, tables if isinstance(tables, list) else [])


def _take(claim: Claim, run: RunMessage, plan: Plan, *, services: Services, run_log: RunLog) -> bool:
    """Take the claim, before anything of the run is done; a refusal is recorded as the run's end.

    True if the tenant's dataset was made now. Raises as `onboard` does.
    """
    try:
        return claim.take(services.clock.now(), location=services.settings.location)
    except PermanentError as error:
        refuse(run, error, run_log=run_log, now=services.clock.now(), pipeline_id=plan.pipeline_id)
        if isinstance(error, _ANSWERS):
            raise
        raise OnboardingFailed(
            f"onboarding {run.tenant_id} could not begin ({error.code}); the same call, made again, completes it"
        ) from error


def _key(outcome: Outcome, tenant_id: str) -> SecretStr:
    """The key that the run made; raises why there is none."""
    if isinstance(outcome.error, _ANSWERS):
        raise outcome.error
    if outcome.record.status != "SUCCEEDED" or outcome.secret is None:
        raise OnboardingFailed(
            f"onboarding {tenant_id} stopped at step {outcome.record.failed_step} ({outcome.record.error_code}); "
            "the same call, made again, completes it"
        ) from outcome.error
    return outcome.secret
