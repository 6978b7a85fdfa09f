"""What of an error's text may be shown to whom."""

import re

from shared.contracts.tenant import owner_of_dataset

# `project:dataset.table`, `project.dataset.table`, `project:dataset`, `dataset.table`.
_TABLE = re.compile(r"`?([A-Za-z][\w-]*)([:.])([A-Za-z_]\w*)(?:\.([A-Za-z_][\w$]*))?`?")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_VALUE = re.compile(r"(value:?|literal:?) \S+", re.IGNORECASE)


def for_tenant(message: str, tenant_id: str) -> str:
    """The text with names of tables that are not the tenant's masked.

    >>> for_tenant("Not found: Table acme-prod:billing_export.costs was not found", "acmeinc_23xv2")
    'Not found: Table (shared source) was not found'
    >>> for_tenant("Not found: Table p:acmeinc_23xv2_silver.costs", "acmeinc_23xv2")
    'Not found: Table p:acmeinc_23xv2_silver.costs'
    """

    def shown(found: re.Match[str]) -> str:
        first, separator, second, third = found.groups()
        if third is None and separator == ".":
            # `dataset.table`, or else `column.field` and the end of a sentence: only tenants' datasets can be told.
            foreign = owner_of_dataset(first) not in (None, tenant_id) and second not in ("json", "yml")
        else:
            foreign = owner_of_dataset(second) != tenant_id
        return "(shared source)" if foreign else found[0]

    return _TABLE.sub(shown, message)


def for_mail(message: str, tenant_id: str) -> str:
    """The text without the values that BigQuery quotes: a mail may also go to the operator.

    >>> for_mail("invalidQuery: Bad int64 value: 4711 at [1:8]", "acmeinc_23xv2")
    'invalidQuery: Bad int64 value: … at [1:8]'
    """
    return _VALUE.sub(r"\1 …", _QUOTED.sub("'…'", for_tenant(message, tenant_id)))
