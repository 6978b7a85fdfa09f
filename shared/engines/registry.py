"""Engines by their `ps_type`. Ours are listed here; others come from the entry-point group `convergence.engines`.

An engine's module is imported when a template first names it: a function pays for no engine that it does not use.
"""

import importlib
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from shared.contracts.faults import nearest
from shared.engines.base import Engine
from shared.errors import TemplateInvalid

ENGINES = {
    "customer.onboarding": "shared.engines.customer.onboarding:Onboarding",
    "gcp.bigquery_to_bigquery": "shared.engines.gcp.bigquery_to_bigquery:BigQueryToBigQuery",
    "shared.email_notification": "shared.engines.shared.email_notification:EmailNotification",
}
GROUP = "convergence.engines"


@cache
def engine(ps_type: str) -> Engine[Any]:
    """The engine of that name. Raises TemplateInvalid with the known names."""
    if ps_type in ENGINES:
        module, _, name = ENGINES[ps_type].partition(":")
        found = getattr(importlib.import_module(module), name)
    else:
        others = {point.name: point for point in entry_points(group=GROUP)}
        if ps_type not in others:
            raise TemplateInvalid(f"no engine {ps_type!r}; {nearest(ps_type, [*ENGINES, *others])}")
        found = others[ps_type].load()
    made: Engine[Any] = found()
    return made
