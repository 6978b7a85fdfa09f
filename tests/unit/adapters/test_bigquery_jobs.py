"""What BigQueryJobs asks Google's client for, where no embedded service shows it in its answer."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.cloud import bigquery

from shared.adapters.bigquery import BigQueryJobs
from shared.contracts.sql import Sql
from shared.ports import QueryJob

SLOTS = "projects/acme-admin/locations/US/reservations/nightly"


class Asked:
    """Google's client, of which only the configuration of a query is wanted."""

    def __init__(self) -> None:
        self.configurations: list[dict[str, Any]] = []

    def query(self, _: str, config: bigquery.QueryJobConfig, **given: Any) -> Any:
        self.configurations.append(config.to_api_repr())
        return SimpleNamespace(
            job_id=given["job_id"], state="RUNNING", destination=None, error_result=None, labels={},
            total_bytes_billed=None,
        )  # fmt: skip


@pytest.mark.parametrize("reservation", [SLOTS, ""])
def test_a_job_names_its_reservation_where_it_has_one(reservation: str) -> None:
    client = Asked()

    BigQueryJobs(cast(bigquery.Client, client)).insert("cv-1", QueryJob(Sql("SELECT 1"), reservation=reservation))

    [configuration] = client.configurations
    assert configuration.get("reservation", "") == reservation
