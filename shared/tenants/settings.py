"""What the operator may set for a tenant: its variables and its enabled templates, checked before they are kept."""

from collections.abc import Iterable, Mapping

from shared.contracts.faults import nearest
from shared.contracts.files.template_body import BUILT_IN, FAILURE_BUILT_IN
from shared.contracts.tables import TableRef
from shared.contracts.template_address import ONBOARDING, TemplateAddress
from shared.contracts.tenant import owner_of_dataset
from shared.errors import Fault, VariablesInvalid

# `admin_email` is in the tenant's record, which no variable may contradict: mails go where it says.
_RESERVED = frozenset({*BUILT_IN, *FAILURE_BUILT_IN, "admin_email"})


def check_variables(tenant_id: str, variables: Mapping[str, str | None]) -> None:
    """Raise VariablesInvalid with one fault for each variable that cannot be the tenant's.

    A tenant variable is stronger than an operator setting of its name (rules 4): that is what it is for, so such
    names are taken; a built-in is never overridden, so those are not. A whole `project.dataset.table` would become a
    source of the tenant's, so it may be in no other tenant's dataset, nor in one of the platform's.
    """
    faults = [
        Fault(f"body.variables.{name}", "variable_protected", f"{name!r} is built in; the platform sets it")
        for name in variables
        if name in _RESERVED
    ]
    faults += [
        Fault(
            f"body.variables.{name}",
            "variable_invalid",
            f"{name!r} names a table in another tenant's dataset, or in one of the platform's",
        )
        for name, value in variables.items()
        if value and _is_foreign_table(value, tenant_id)
    ]
    _raise(faults)


def check_templates(enabled: Iterable[str], known: Iterable[TemplateAddress]) -> None:
    """Raise VariablesInvalid with one fault for each template that there is not, naming the nearest."""
    names = {str(address) for address in known if address != ONBOARDING}
    _raise(
        Fault(f"body.enabled_templates.{index}", "template_not_found", f"no template {name!r}; {nearest(name, names)}")
        for index, name in enumerate(enabled)
        if name not in names
    )


def _is_foreign_table(value: str, tenant_id: str) -> bool:
    """Whether a query that used it as a table would be refused for what its dataset is.

    >>> _is_foreign_table("p.bytefactory_xv23.x_meta_api_keys", "acmeinc_23xv2")
    True
    >>> _is_foreign_table("p.exports.costs", "acmeinc_23xv2"), _is_foreign_table("see p. a__b. c", "acmeinc_23xv2")
    (False, False)
    """
    try:
        dataset = TableRef.parse(value).dataset
    except ValueError:
        return False
    platforms = "__" in dataset and " " not in value
    return platforms or owner_of_dataset(dataset) not in (None, tenant_id)


def _raise(faults: Iterable[Fault]) -> None:
    if listed := list(faults):
        raise VariablesInvalid(f"{listed[0].where}: {listed[0].message}", faults=listed)
