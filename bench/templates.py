"""What it costs to make a template ready for one tenant, beside Jinja2's sandbox rendering the same text.

`make bench.templates`. Warm: the file is read, its queries are parsed. Ours types every value, binds the query, guards
it and checks every field; Jinja2 only puts text together. One core; the figures are medians, in microseconds. Exit
status 1 where ten thousand tenants or more take longer than is promised.
"""

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from jinja2.sandbox import SandboxedEnvironment
from rich.console import Console
from rich.table import Table

from shared.contracts.files.pipeline_template import PipelineTemplate, read_template
from shared.contracts.files.shared_sources import SharedSource, read_sources
from shared.contracts.files.template_body import FAILURE_BUILT_IN
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.template_address import TemplateAddress
from shared.contracts.tenant import Tenant
from shared.engines.base import Services
from shared.runs.resolve import Resolver
from shared.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
TENANTS = 10_000
MOST_SECONDS = 2.0  # for so many, on one core
_OWN_TABLES = """
pipeline_id: "{tenant_id}-weekly"
variables: {least: 1.5, services: [compute, storage]}
steps:
  - step_id: add_up
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: |
        WITH days AS (
          SELECT service, DATE(usage_start_time) AS day, SUM(cost) AS cost
          FROM `data-project.{tenant_id}_gcp_silver_cost.billing_cost_daily`
          WHERE DATE(usage_start_time) = '{date}' AND service IN ({services})
          GROUP BY service, day
        )
        SELECT days.*, '{pipeline_id}' AS made_by FROM days WHERE cost > {least}
    destination: {dataset_type: gcp_gold_cost, table: weekly, schema_template: billing_cost, write: append}
"""


class _Templates:
    """The two templates that are measured, in memory: reading files is not what is measured."""

    def __init__(self) -> None:
        configs = ROOT / "configs"
        self._texts = {
            "cost_billing": (configs / "gcp/cost/cost_billing.yml").read_text(encoding="utf-8"),
            "own_tables": _OWN_TABLES,
        }
        self._templates = {
            name: read_template(
                text.encode(), address=TemplateAddress("gcp", "cost", name), file=f"configs/gcp/cost/{name}.yml"
            )
            for name, text in self._texts.items()
        }
        self._sources = read_sources((configs / "sources.yml").read_bytes(), file="configs/sources.yml")

    def get(self, address: TemplateAddress) -> PipelineTemplate:
        return self._templates[address.template_name]

    def sources(self) -> tuple[SharedSource, ...]:
        return self._sources

    def as_jinja(self, name: str) -> str:
        """The same text with `{{ x }}` for `{x}`."""
        return re.sub(r"\{([a-z_]+)\}", r"{{ \1 }}", self._texts[name])


def _services() -> Services:
    settings = Settings(
        gcp_project_id="control-project",
        data_project_id="data-project",
        operator_email="ops@convergence.example",
        mail_from="noreply@convergence.example",
        template_variables={"billing_export_table": "billing-project.billing_export.gcp_billing_export"},
        configs_dir=ROOT / "configs",
        templates_dir=ROOT / "templates",
    )
    return cast(Services, SimpleNamespace(settings=settings))  # nothing else is asked for before a run


def _asked(number: int, template_name: str) -> tuple[RunMessage, Tenant]:
    tenant = Tenant(f"tenant{number}_abcd", f"admin@tenant{number}.example", epoch="1")
    run = RunMessage.of(
        tenant.tenant_id,
        tenant.epoch,
        TemplateAddress("gcp", "cost", template_name),
        key="bench",
        template_version="0" * 16,
        date=date(2025, 11, 15),
        trigger_by="bench",
        lane="bulk",
        accepted_at=datetime(2025, 11, 16, tzinfo=UTC),
    )
    return run, tenant


def _timed(act: Callable[[Any], object], items: list[Any]) -> tuple[float, float]:
    """The median of one call in microseconds, and all of them in seconds of processor time."""
    act(items[0])
    each = []
    began = time.process_time()
    for item in items:
        start = time.perf_counter()
        act(item)
        each.append(time.perf_counter() - start)
    return statistics.median(each) * 1e6, time.process_time() - began


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print; 1 where a promise is not kept. Without arguments, those of the command line."""
    parser = argparse.ArgumentParser(prog="bench.templates", description=__doc__)
    parser.add_argument("--tenants", type=int, default=TENANTS, help=f"default {TENANTS:,}, of which the promise is")
    tenants = parser.parse_args(arguments).tenants
    templates, services = _Templates(), _services()
    resolver, jinja = Resolver(templates, services), SandboxedEnvironment()
    table = Table("template", "ours, µs", "Jinja2, µs", "ratio", f"{tenants:,} tenants, s", "at most, s")
    slowest = 0.0
    for name, what in (("cost_billing", "a shared source and a mail"), ("own_tables", "the tenant's own tables")):
        asked = [_asked(number, name) for number in range(tenants)]
        ours, seconds = _timed(lambda one: resolver.resolve(*one), asked)
        # What only steps after a failure can use is there too: all of the text is rendered.
        failure = dict.fromkeys(FAILURE_BUILT_IN, "-")
        plans = [{**resolver.resolve(*one).variables, **failure} for one in asked[:1_000]]
        compiled = jinja.from_string(templates.as_jinja(name))
        theirs, _ = _timed(compiled.render, plans)
        table.add_row(what, f"{ours:.0f}", f"{theirs:.0f}", f"{ours / theirs:.1f}", f"{seconds:.2f}", f"{MOST_SECONDS}")
        slowest = max(slowest, seconds)
    Console().print(table)
    return int(tenants >= TENANTS and slowest > MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
