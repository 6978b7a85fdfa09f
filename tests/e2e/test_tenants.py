"""Keys, credentials, suspension and off-boarding on the whole stack."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.cloud import bigquery
from google.cloud.kms_v1 import KeyManagementServiceClient

from local.functions import KEY_RING, PROJECT
from local.stack import Ready
from shared.adapters import kms
from tests.e2e.client import COST_BILLING, Platform, Tenant, client_of

pytestmark = pytest.mark.timeout(180)

DAY = "2025-11-15"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def platform(stack: Ready) -> Iterator[Platform]:
    with client_of(stack.api, stack.bigquery, stack.sendgrid) as made:
        yield made


@pytest.fixture
def admin(stack: Ready) -> dict[str, str]:
    return {"X-Admin-Key": stack.admin_key}


def customer(platform: Platform, method: str, path: str, key: Any, **given: Any) -> httpx.Response:
    headers = key if isinstance(key, dict) else {"X-API-Key": key}
    return platform.client.request(method, f"/api/v1/customers/{path}", headers=headers, **given)


def datasets(platform: Platform) -> set[str]:
    return {each.dataset_id for each in platform.warehouse.list_datasets()}


def test_a_key_is_rotated_and_the_old_one_revoked(platform: Platform, admin: dict[str, str]) -> None:
    keyed = platform.onboard("keyed_1234")
    first = customer(platform, "POST", "keyed_1234/api-keys", keyed.key, json={"grace_s": 3600}).json()
    renewed = Tenant("keyed_1234", first["api_key"])
    assert platform.run(renewed, COST_BILLING, date=DAY)["status"] == "SUCCEEDED"
    assert customer(platform, "POST", "keyed_1234/api-keys", keyed.key, json={}).json()["code"] == "key_in_grace"
    (old,) = [
        one["key_id"]
        for one in customer(platform, "GET", "keyed_1234/api-keys", renewed.key).json()["api_keys"]
        if one["status"] == "grace"
    ]
    assert customer(platform, "DELETE", f"keyed_1234/api-keys/{old}", renewed.key).status_code == 204
    assert platform.start(keyed, COST_BILLING, date=DAY).status_code == 401
    last = customer(platform, "POST", "keyed_1234/api-keys", admin, json={"grace_s": 0}).json()
    assert [platform.start(Tenant("keyed_1234", key), COST_BILLING, date=DAY).status_code
            for key in (renewed.key, last["api_key"])] == [401, 202]  # fmt: skip
    stored = platform.rows(f"SELECT * FROM `{PROJECT}.keyed_1234.x_meta_api_keys`")
    assert len(stored) == 3
    assert not any(secret in str(stored) for secret in (keyed.key, renewed.key, last["api_key"]))


def test_rotations_at_once_leave_one_active_key_and_good_ones(platform: Platform, admin: dict[str, str]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    platform.onboard("racing_1234")
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(customer, platform, "POST", "racing_1234/api-keys", admin, json={"grace_s": 600})
            for _ in range(4)
        ]
    answers = [one.result() for one in asked]
    made = [answer.json()["api_key"] for answer in answers if answer.status_code == 201]
    assert made, [answer.text for answer in answers]
    listed = customer(platform, "GET", "racing_1234/api-keys", admin).json()["api_keys"]
    assert [one["status"] for one in listed].count("active") == 1
    assert len(listed) == len(made) + 1
    assert {platform.start(Tenant("racing_1234", key), COST_BILLING, date=DAY).status_code for key in made} == {202}


def test_credentials_are_encrypted_for_this_tenant_and_row_alone(
    platform: Platform, stack: Ready, admin: dict[str, str]
) -> None:
    holder = platform.onboard("holder_1234")
    given = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": SECRET}
    kept = customer(platform, "PUT", "holder_1234/credentials/aws", holder.key, json=given)
    assert (kept.status_code, kept.json()["external_id"]) == (200, None)
    role = {"role_arn": "arn:aws:iam::123456789012:role/reader"}
    assert customer(platform, "PUT", "holder_1234/credentials/aws", holder.key, json=role).json()["external_id"]
    customer(platform, "PUT", "holder_1234/credentials/aws", holder.key, json=given)
    (row,) = platform.rows(f"SELECT * FROM `{PROJECT}.holder_1234.x_meta_cloud_credentials`")
    assert SECRET not in str(row)
    client: KeyManagementServiceClient = kms.client(stack.kms)
    cipher = kms.KmsCipher(client, f"{KEY_RING}/cryptoKeys/credentials")
    plain = cipher.decrypt(row["ciphertext"], bound_to=f"holder_1234|credential|{row['credential_id']}")
    assert SECRET in plain.decode()
    client.transport.close()  # type: ignore[no-untyped-call]  # it has no types
    assert customer(platform, "DELETE", "holder_1234/credentials/aws", holder.key).status_code == 204
    assert platform.rows(f"SELECT * FROM `{PROJECT}.holder_1234.x_meta_cloud_credentials`") == []


def test_a_suspended_tenant_runs_nothing_until_it_is_resumed(platform: Platform, admin: dict[str, str]) -> None:
    paused = platform.onboard("paused_1234")
    for status, expected in (("suspended", 403), ("active", 202)):
        changed = customer(platform, "PATCH", "paused_1234", admin, json={"status": status, "variables": {"team": "x"}})
        assert (changed.status_code, changed.json()["status"], changed.json()["variables"]) == (
            200,
            status,
            {"team": "x"},
        )
        assert platform.start(paused, COST_BILLING, date=DAY).status_code == expected
    (row,) = platform.rows(
        f"SELECT status FROM `{PROJECT}.convergence__control.x_meta_tenants` WHERE tenant_id = 'paused_1234'"
    )
    assert row["status"] == "active"


def test_off_boarded_a_tenant_is_gone_its_neighbour_is_not_and_it_can_come_back(
    platform: Platform, admin: dict[str, str]
) -> None:
    leaver, neighbour = platform.onboard("leaver_1234"), platform.onboard("leaver_12345")
    for one in (leaver, neighbour):
        assert platform.run(one, COST_BILLING, date=DAY)["status"] == "SUCCEEDED"
    platform.warehouse.create_dataset(bigquery.Dataset(f"{PROJECT}.leaver_1234_by_hand"))
    before = datasets(platform)

    done = customer(platform, "DELETE", "leaver_1234", admin)

    assert done.status_code == 200, done.text
    removed = {each["dataset"]: each["tables"] for each in done.json()["datasets"]}
    assert removed.keys() == {"leaver_1234", "leaver_1234_gcp_silver_cost"}
    assert removed["leaver_1234_gcp_silver_cost"] == ["billing_cost_daily"]
    assert before - datasets(platform) == removed.keys()
    assert platform.start(leaver, COST_BILLING, date=DAY).status_code == 401
    assert platform.run(neighbour, COST_BILLING, date=DAY)["status"] == "SUCCEEDED"
    platform.warehouse.delete_dataset(f"{PROJECT}.leaver_1234_by_hand")
    again = platform.onboard("leaver_1234")
    assert platform.run(again, COST_BILLING, date=DAY)["status"] == "SUCCEEDED"
    assert "leaver_1234_gcp_silver_cost" in datasets(platform)
    acts = platform.rows(
        f"SELECT action FROM `{PROJECT}.convergence__control.x_meta_audit` WHERE tenant_id = 'leaver_1234'"
    )
    assert sorted(act["action"] for act in acts) == ["tenant.off_board", "tenant.onboard", "tenant.onboard"]


def test_while_a_run_has_not_ended_a_tenant_is_off_boarded_by_force_only(
    platform: Platform, stack: Ready, admin: dict[str, str]
) -> None:
    busy = platform.onboard("busybee_1234")
    httpx.post(f"{stack.sendgrid}/pubsub/hold")
    try:
        assert platform.start(busy, COST_BILLING, date=DAY).status_code == 202
        refused = customer(platform, "DELETE", "busybee_1234", admin)
        assert (refused.status_code, refused.json()["code"]) == (409, "runs_live")
        assert refused.headers["Retry-After"]
        assert customer(platform, "GET", "busybee_1234", admin).json()["status"] == "suspended"
        assert customer(platform, "DELETE", "busybee_1234?force=true", admin).status_code == 200
    finally:
        httpx.post(f"{stack.sendgrid}/pubsub/release")
    assert platform.unacknowledged() == 0
    assert not any(name.startswith("busybee_1234") for name in datasets(platform))
