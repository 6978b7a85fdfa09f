"""Who and what a template is checked with where nobody real is meant: a tenant, a run, settings, values.

Nothing here may look like somebody's: the domain is one that RFC 2606 keeps for examples.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from shared.contracts.faults import faults_of
from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.contracts.files.shared_sources import SharedSource
from shared.contracts.files.variable_spec import Value, VariableSpec
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.template_address import TemplateAddress
from shared.contracts.tenant import Tenant
from shared.errors import SettingsInvalid
from shared.settings import Settings
from shared.templating.placeholders import named, names

TENANT_ID = "acmeinc_23xv2"
DAY = dt.date(2025, 11, 15)
PROJECT = "your-project"
RUN_ID = "0" * 32


def settings(*, operator: Mapping[str, str], configs: Path, templates: Path) -> Settings:
    """Settings of no environment: the operator's variables are those given, and nothing else is known.

    Raises SettingsInvalid for a given one that could be no setting.
    """
    own = ("gcp_project_id", "location", "operator_email")
    given = {
        "gcp_project_id": PROJECT,
        "operator_email": "operator@example.com",
        "mail_from": "convergence@example.com",
        "configs_dir": configs,
        "templates_dir": templates,
        **{name: operator[name] for name in own if name in operator},
        "template_variables": {name: value for name, value in operator.items() if name not in own},
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        faults = faults_of(error, "operator")
        listed = "; ".join(f"{fault.where}: {fault.message}" for fault in faults)
        raise SettingsInvalid(f"an operator setting could be none: {listed}", faults=faults) from None


def operator_variables(sources: Iterable[SharedSource]) -> dict[str, str]:
    """A value for each operator setting that `sources.yml` names: so much is known of an operator without asking.

    >>> source = SharedSource(name="a", table="{export}", tenant_filter="x")
    >>> operator_variables([source, source.model_copy(update={"table": "{lake}.billing.{daily}"})])
    {'export': 'source-project.export.export', 'lake': 'lake', 'daily': 'daily'}
    """
    values = {}
    for source in sources:
        for part in names(source.table):
            whole = source.table == f"{{{part.name}}}"
            values[part.name] = f"source-project.{part.name}.{part.name}" if whole else part.name
    return values


def tenant(sources: Iterable[SharedSource], given: Mapping[str, str], tenant_id: str = TENANT_ID) -> Tenant:
    """A tenant with a value for each of its variables that a tenant filter names; `given` ones go before."""
    used = named([source.tenant_filter for source in sources]) - {"tenant_id", "admin_email"}
    admin_email = given.get("admin_email", f"admin@{tenant_id.partition('_')[0]}.example")
    variables = {name: value for name, value in given.items() if name != "admin_email"}
    return Tenant(tenant_id, admin_email, epoch="0", variables={**dict.fromkeys(sorted(used), "sample"), **variables})


def run(
    template: TemplateAddress,
    *,
    version: str,
    tenant_id: str = TENANT_ID,
    date: dt.date | None = DAY,
    request: Mapping[str, Value] | None = None,
    now: dt.datetime = dt.datetime(2025, 11, 16, tzinfo=dt.UTC),
) -> RunMessage:
    """A run that will not be."""
    made = RunMessage.of(
        tenant_id,
        "0",
        template,
        key="preview",
        template_version=version,
        date=date,
        trigger_by="preview",
        lane="interactive",
        accepted_at=now,
        variables={name: list(value) if isinstance(value, tuple) else value for name, value in (request or {}).items()},
    )
    return made.model_copy(update={"pipeline_logging_id": RUN_ID})


def with_values(template: PipelineTemplate) -> PipelineTemplate:
    """The template, each variable without default given one of its type: a run would have got it from somebody."""
    variables = {
        name: spec
        if spec.default is not None
        else spec.model_copy(update={"default": _value(name, spec), "pattern": None})
        for name, spec in template.variables.items()
    }
    return replace(template, variables=variables)


def _value(name: str, spec: VariableSpec) -> Value:
    one = _one(name, spec)
    return (one,) if spec.is_list else one


def _one(name: str, spec: VariableSpec) -> str | int | float | bool:
    if spec.enum:
        return spec.enum[0]
    bound = spec.min if spec.min is not None else spec.max
    values: dict[str, str | int | float | bool] = {
        "int": 1 if bound is None else bound,
        "float": 1.0 if bound is None else bound,
        "bool": True,
        "date": DAY.isoformat() if bound is None else bound,
        "email": f"admin@{TENANT_ID.partition('_')[0]}.example",
        "table": f"{PROJECT}.{TENANT_ID}_sample.{name}",
        "identifier": name,
    }
    return values.get(spec.base_type, "sample")
