"""A tenant: its id, its datasets' names, its record."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# One underscore exactly, so that `{tenant_id}_{dataset_type}` and `{tenant_id}_api_…` read in one way only (rules 3).
TENANT_ID = r"^[a-z][a-z0-9]{1,30}_[a-z0-9]{4,12}$"
DATASET_TYPE = r"^(?!.*__)[a-z][a-z0-9_]{1,60}$"
# Names that Google or the platform use for datasets of their own.
RESERVED_PREFIXES = ("convergence_", "google_", "bq_", "bigquery_", "information_")
TENANT_LABEL = "convergence_tenant"

TenantStatus = Literal["active", "suspended"]


@dataclass(frozen=True)
class Tenant:
    """What x_meta_tenant says of a tenant.

    `variables` are set by the operator; `enabled_templates` empty means all; `epoch` is new at each onboarding, so that
    a tenant that was off-boarded and came back shares no run id with its former life.
    """

    tenant_id: str
    admin_email: str
    epoch: str
    status: TenantStatus = "active"
    variables: Mapping[str, str] = field(default_factory=dict)
    enabled_templates: tuple[str, ...] = ()

    @property
    def mail_domain(self) -> str:
        """The part of admin_email after the @, in lower case."""
        return self.admin_email.rpartition("@")[2].lower()


def is_tenant_id(text: str) -> bool:
    """Whether this can be a tenant's id.

    >>> is_tenant_id("acmeinc_23xv2"), is_tenant_id("acme_inc_23xv2"), is_tenant_id("acmeinc_23xv2\\n")
    (True, False, False)
    """
    return re.fullmatch(TENANT_ID, text) is not None


def owner_of_dataset(name: str) -> str | None:
    """The tenant whose dataset this would be by its name, or None.

    A name alone proves nothing: the dataset must also bear the label `convergence_tenant` (rules 3).

    >>> owner_of_dataset("acmeinc_23xv2_gcp_silver_cost")
    'acmeinc_23xv2'
    >>> owner_of_dataset("convergence__control")
    """
    parts = name.split("_", 2)
    if len(parts) < 2 or not is_tenant_id("_".join(parts[:2])):
        return None
    if len(parts) == 3 and re.fullmatch(DATASET_TYPE, parts[2]) is None:
        return None
    return "_".join(parts[:2])
