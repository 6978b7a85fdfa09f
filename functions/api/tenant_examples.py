"""Examples of the calls about tenants, as the document shows them."""

from functions.api.calls import Example

TENANT_ID, KEY_ID = "acmeinc_23xv2", "5f0c8a5d9b7e4f1f"

ONBOARDED = Example(
    body={"tenant_id": TENANT_ID, "admin_email": "admin@acmeinc.com"},
    answer={
        "tenant_id": TENANT_ID,
        "api_key": f"{TENANT_ID}_api_Kx9mPqR7sT2nV8wZb4cD6fGh1J",
        "dataset_created": True,
        "tables_created": ["x_meta_api_keys", "x_meta_cloud_credentials", "x_meta_pipeline_runs"],
    },
)
_TENANT = {
    "tenant_id": TENANT_ID,
    "status": "active",
    "admin_email": "admin@acmeinc.com",
    "variables": {"region": "europe"},
    "enabled_templates": ["gcp/cost/cost_billing"],
    "created_at": "2025-11-15T08:00:00Z",
    "updated_at": "2025-11-20T08:00:00Z",
}
TENANT_SHOWN = Example(answer=_TENANT)
TENANT_CHANGED = Example(
    body={"variables": {"region": "europe", "team": None}, "enabled_templates": ["gcp/cost/cost_billing"]},
    answer=_TENANT,
)
TENANTS_LISTED = Example(
    query={"status": "active", "limit": "1"},
    answer={
        "tenants": [
            {
                "tenant_id": TENANT_ID,
                "status": "active",
                "admin_email": "admin@acmeinc.com",
                "enabled_templates": ["gcp/cost/cost_billing"],
                "onboarded_at": "2025-11-15T08:00:00Z",
            }
        ],
        "next_page_token": TENANT_ID,
    },
)
OFF_BOARDED = Example(
    answer={
        "tenant_id": TENANT_ID,
        "datasets": [
            {"dataset": f"{TENANT_ID}_gcp_silver_cost", "tables": ["billing_cost_daily"]},
            {"dataset": TENANT_ID, "tables": ["x_meta_api_keys", "x_meta_tenant"]},
        ],
        "was_registered": True,
    }
)
KEYS_SHOWN = Example(
    answer={
        "api_keys": [
            {
                "key_id": KEY_ID,
                "status": "active",
                "created_at": "2025-11-20T08:00:00Z",
                "created_by": "admin",
                "expires_at": None,
                "revoked_at": None,
            },
            {
                "key_id": "0d4a2f6c8b1e3a57",
                "status": "grace",
                "created_at": "2025-11-15T08:00:00Z",
                "created_by": "onboarding",
                "expires_at": "2025-11-21T08:00:00Z",
                "revoked_at": None,
            },
        ]
    }
)
KEY_MADE = Example(
    body={"grace_s": 3600},
    answer={
        "tenant_id": TENANT_ID,
        "key_id": KEY_ID,
        "api_key": f"{TENANT_ID}_api_Qw3eRt5yUi7oP9aSd1fGh2Jk4L",
        "created_at": "2025-11-20T08:00:00Z",
        "others_expire_at": "2025-11-20T09:00:00Z",
    },
)
CREDENTIALS_KEPT = Example(
    body={"role_arn": "arn:aws:iam::123456789012:role/convergence-cost-reader", "region": "eu-central-1"},
    answer={
        "tenant_id": TENANT_ID,
        "provider": "aws",
        "external_id": "convergence-1f6a3c0b9d8e7f5a4c2b1d0e9f8a7b6c5d4e3f2a",
        "updated_at": "2025-11-20T08:00:00Z",
    },
)
