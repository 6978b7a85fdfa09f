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
RUN_ENDED = Example(
    answer={
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
        "deliveries": 1,
        "accepted_at": "2025-11-16T08:00:00Z",
        "started_at": "2025-11-16T08:00:01Z",
        "ended_at": "2025-11-16T08:00:09Z",
        "rows_written": 323,
        "bytes_billed": 10485760,
        "failed_step": None,
        "error_code": None,
        "error_message": None,
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
