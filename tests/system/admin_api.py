"""The operator's calls to a deployed platform: tenants come, are listed, and go."""

from collections.abc import Iterator
from typing import Self

import httpx

from tests.system.target import Platform

CALL_TIMEOUT_S = 120.0  # an onboarding makes a dataset and its tables, on a function that starts cold
_A_PAGE = 1_000


class AdminApi:
    """The admin API, while a `with` lasts."""

    def __init__(self, platform: Platform) -> None:
        self._client = httpx.Client(base_url=platform.admin_url, headers=_of_operator(platform), timeout=CALL_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def onboard(self, tenant_id: str) -> str:
        """The new tenant's key."""
        email = f"admin@{tenant_id.partition('_')[0]}.example"
        answer = self._client.post("/api/v1/customers/onboard", json={"tenant_id": tenant_id, "admin_email": email})
        assert answer.status_code == 201, answer.text
        key: str = answer.json()["api_key"]
        return key

    def off_board(self, tenant_id: str, *, force: bool = False) -> httpx.Response:
        return self._client.delete(f"/api/v1/customers/{tenant_id}", params={"force": "true"} if force else {})

    def find(self, tenant_id: str) -> httpx.Response:
        return self._client.get(f"/api/v1/customers/{tenant_id}")

    def tenants(self) -> Iterator[str]:
        """The ids of all tenants that the registry has, page by page. Raises HTTPStatusError."""
        after: dict[str, str] = {}
        while True:
            asked = {"limit": str(_A_PAGE), **after}
            page = self._client.get("/api/v1/customers", params=asked).raise_for_status().json()
            yield from (tenant["tenant_id"] for tenant in page["tenants"])
            if page["next_page_token"] is None:
                return
            after = {"page_token": page["next_page_token"]}


def _of_operator(platform: Platform) -> dict[str, str]:
    """Headers of admin calls: the admin key, and what Cloud Run asks for besides."""
    bearer = {"Authorization": f"Bearer {platform.identity_token}"} if platform.identity_token else {}
    return {"X-Admin-Key": platform.admin_key, **bearer}
