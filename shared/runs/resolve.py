"""Make a template ready for one run.

All of it happens before anything runs: whatever is wrong with a template or with what a caller sent is found here.
"""

from typing import Protocol

from shared.contracts.files.shared_sources import SharedSource
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.tenant import Tenant
from shared.engines.base import Services
from shared.ports import Templates
from shared.runs.plan import Plan
from shared.templating.isolation import Policy


class TemplateSource(Templates, Protocol):
    """Templates, and the sources that they share."""

    def sources(self) -> tuple[SharedSource, ...]:
        """The shared sources that the operator declared."""
        ...


class Resolver:
    """Makes plans."""

    def __init__(self, templates: TemplateSource, services: Services) -> None:
        self.templates, self._services = templates, services

    def resolve(self, run: RunMessage, tenant: Tenant) -> Plan:
        """The plan of a run, everything checked.

        Raises TemplateNotFound, TemplateInvalid, VariablesInvalid, SqlRefused, IsolationRefused or an engine's refusal,
        each naming every fault that it can.
        """
        template = self.templates.get(run.address)
        settings = self._services.settings
        policy = Policy.of(
            tenant.tenant_id,
            data_project=settings.data_project,
            default_project=settings.gcp_project_id,
            sources=self.templates.sources(),
            operator=settings.operator_variables,
            tenant=tenant.variables,
        )
        plan = Plan(template, run, tenant, self._services, policy)
        plan.check()
        return plan
