"""Examples of requests and answers, as the document shows them; a test sends the ones and validates the others."""

from functions.api.calls import PATH, Example

_RUN_ID = PATH["pipeline_logging_id"].example

RUN_ACCEPTED = Example(
    body={"date": "2025-11-15", "trigger_by": "finance_team", "admin_email": "finance@acmeinc.com"},
    answer={
        "pipeline_logging_id": _RUN_ID,
        "pipeline_id": "acmeinc_23xv2-gcp-cost-billing",
        "status": "QUEUED",
        "status_url": f"https://api.example.com/api/v1/pipelines/status/acmeinc_23xv2/{_RUN_ID}",
    },
)
_RUN = {
    "pipeline_logging_id": _RUN_ID,
    "status": "SUCCEEDED",
    "tenant_id": "acmeinc_23xv2",
    "pipeline_id": "acmeinc_23xv2-gcp-cost-billing",
    "provider": "gcp",
    "domain": "cost",
    "template_name": "cost_billing",
    "template_version": "3f1c9a0b7d2e4586",
    "date": "2025-11-15",
    "run_date": "2025-11-16",
    "trigger_by": "finance_team",
    "run_attempt": 1,
    "previous_run": None,
    "deliveries": 1,
    "accepted_at": "2025-11-16T08:00:00Z",
    "started_at": "2025-11-16T08:00:01Z",
    "ended_at": "2025-11-16T08:00:09Z",
    "rows_written": 323,
    "bytes_billed": 10485760,
    "failed_step": None,
    "error_code": None,
    "error_message": None,
}
RUN_ENDED = Example(
    answer={
        **_RUN,
        "steps": [
            {
                "step_id": "extract_billing_costs",
                "ps_type": "gcp.bigquery_to_bigquery",
                "status": "SUCCEEDED",
                "started_at": "2025-11-16T08:00:01Z",
                "ended_at": "2025-11-16T08:00:09Z",
                "rows_written": 323,
                "bytes_billed": 10485760,
                "job_id": f"cv-acmeinc_23xv2-{_RUN_ID}-extract_billing_costs-write-1",
                "mails_sent": None,
                "error_code": None,
                "error_message": None,
            }
        ],
    }
)
RUNS = Example(query={"status": "SUCCEEDED", "limit": "1"}, answer={"runs": [_RUN], "next_page_token": None})

_TEMPLATE = {
    "provider": "gcp",
    "domain": "cost",
    "template_name": "cost_billing",
    "status": "ready",
    "description": "Extract GCP billing costs for tenant {tenant_id} - date {date}",
    "needs_date": True,
    "faults": [],
}
TEMPLATES = Example(answer={"templates": [_TEMPLATE]})
TEMPLATE = Example(
    answer={
        **_TEMPLATE,
        "version": "3f1c9a0b7d2e4586",
        "pipeline_id": "{tenant_id}-gcp-cost-billing",
        "variables": [
            {
                "name": "admin_email",
                "type": "email",
                "description": "Who is told when a run fails",
                "default": None,
                "overridable": True,
                "required": False,
                "pattern": None,
                "enum": None,
                "min": None,
                "max": None,
            }
        ],
        "steps": [
            {
                "step_id": "extract_billing_costs",
                "name": "Extract Billing Costs",
                "ps_type": "gcp.bigquery_to_bigquery",
                "trigger": "on_success",
                "depends_on": [],
            }
        ],
    }
)
