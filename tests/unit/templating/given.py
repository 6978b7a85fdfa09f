"""Templates, variables and policies for the tests of `shared/templating`."""

from collections.abc import Mapping

from shared.contracts.files.pipeline_template import PipelineTemplate, read_template
from shared.contracts.files.shared_sources import SharedSource
from shared.contracts.files.variable_spec import Value, VariableSpec
from shared.contracts.template_address import TemplateAddress
from shared.templating.isolation import Policy
from shared.templating.resolution import resolve
from shared.templating.variables import Variables

ADDRESS = TemplateAddress("gcp", "cost", "x")
FILE = "configs/gcp/cost/x.yml"
BUILT_IN: Mapping[str, str | None] = {
    "tenant_id": "acmeinc_23xv2",
    "provider": "gcp",
    "domain": "cost",
    "template_name": "x",
    "pipeline_logging_id": "0123456789abcdef",
    "date": "2025-11-15",
    "trigger_by": "somebody",
    "run_date": "2025-11-16",
}
OPERATOR = {
    "gcp_project_id": "data-p",
    "location": "US",
    "operator_email": "operator@example.com",
    "billing_export_table": "source-p.billing.export",
}
STEPS = """
steps:
  - step_id: extract
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: SELECT * FROM `{source_table}` WHERE day = '{date}'
    destination: {dataset_type: silver, table: "{destination_table}"}
"""
VARIABLES = """
  source_table: "{billing_export_table}"
  destination_table: daily
"""


def template(variables: str = VARIABLES, steps: str = STEPS, pipeline_id: str = "{tenant_id}-x") -> PipelineTemplate:
    text = f'pipeline_id: "{pipeline_id}"\nvariables:{variables or " {}"}{steps}'
    return read_template(text.encode(), address=ADDRESS, file=FILE)


def resolved(
    of: PipelineTemplate,
    request: Mapping[str, object] | None = None,
    *,
    operator: Mapping[str, str] = OPERATOR,
    tenant: Mapping[str, str] | None = None,
    built_in: Mapping[str, str | None] = BUILT_IN,
) -> Variables:
    tenant = {"admin_email": "admin@acmeinc.com"} if tenant is None else tenant
    return resolve(of, operator=operator, tenant=tenant, request=request or {}, built_in=built_in)


def typed(**variables: tuple[str, Value]) -> Variables:
    """Variables of these types and values, all set by the template."""
    values = {name: value for name, (_, value) in variables.items()}
    specs = {name: VariableSpec(type=kind) for name, (kind, _) in variables.items()}
    return Variables(values, dict.fromkeys(values, "template"), specs, {})


EXPORT_FILTER = (
    "EXISTS (SELECT 1 FROM UNNEST(labels) AS label WHERE label.key = 'tenant_id' AND label.value = '{tenant_id}')"
)


def policy(tenant_id: str = "acmeinc_23xv2", tenant: Mapping[str, str] | None = None) -> Policy:
    return Policy.of(
        tenant_id,
        data_project="data-p",
        default_project="data-p",
        sources=[
            SharedSource(name="export", table="{billing_export_table}", tenant_filter=EXPORT_FILTER),
            SharedSource(name="prices", table="source-p.billing.prices", tenant_filter="owner = '{tenant_id}'"),
        ],
        operator=OPERATOR,
        tenant={"admin_email": "admin@acmeinc.com"} if tenant is None else tenant,
    )
