"""Examples of the calls about batches."""

from functions.api.calls import PATH, Example

_BATCH_ID = PATH["batch_id"].example
_ACCEPTED = {
    "batch_id": _BATCH_ID,
    "attempt": 1,
    "status_url": f"https://api.example.com/api/v1/pipelines/batch/{_BATCH_ID}",
}

BATCH_ACCEPTED = Example(
    body={
        "provider": "gcp",
        "domain": "cost",
        "template_name": "cost_billing",
        "from": "2025-11-01",
        "to": "2025-11-15",
        "tenants": ["acmeinc_23xv2"],
        "trigger_by": "finops_backfill",
    },
    answer=_ACCEPTED,
)
BATCH_RETRIED = Example(answer={**_ACCEPTED, "attempt": 2})
BATCH_SHOWN = Example(
    answer={
        "batch_id": _BATCH_ID,
        "status": "RUNNING",
        "attempt": 1,
        "provider": "gcp",
        "domain": "cost",
        "template_name": "cost_billing",
        "first_date": "2025-11-15",
        "last_date": "2025-11-15",
        "trigger_by": "schedule nightly",
        "asked_at": "2025-11-16T02:00:00Z",
        "published_at": "2025-11-16T02:00:02Z",
        "closed_at": None,
        "deadline": "2025-11-16T08:00:00Z",
        "expected": 10000,
        "published": 10000,
        "queued": 1200,
        "running": 16,
        "succeeded": 8781,
        "failed": 3,
        "dead": 0,
        "missing": 0,
        "failures": [{"error_code": "query_failed", "runs": 3, "tenants": ["acmeinc_23xv2", "techcorp_99zx4"]}],
    }
)
