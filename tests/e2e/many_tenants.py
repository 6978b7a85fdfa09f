"""Make many tenants quickly: what onboarding leaves behind that a run needs, without its keys, mails and record.

A dataset with the tenant's label; x_meta_tenant with its row and the two tables that runs are copied to, by scripts of
many tenants; the registry by one load job.
"""

import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from google.cloud import bigquery

from local.functions import CONTROL_DATASET, ROOT

EPOCH = "epoch-1"
_SCHEMAS = ROOT / "templates" / "customer" / "onboarding" / "schemas"
_COPIES = ("x_meta_pipeline_runs", "x_meta_step_logs")
_TENANTS_A_SCRIPT = 50
_CALL: dict[str, Any] = {"timeout": 120.0, "retry": None}


def tenant_ids(count: int) -> list[str]:
    """Ids of tenants, in the order in which a batch takes them.

    >>> tenant_ids(2)
    ['many000000_0001', 'many000001_0001']
    """
    return [f"many{number:06d}_0001" for number in range(count)]


def register(warehouse: bigquery.Client, tenants: Sequence[str]) -> None:
    """Put tenants into the registry alone: all that fan_out asks for. Adds to those that are there."""
    table = f"{warehouse.project}.{CONTROL_DATASET}.x_meta_tenants"
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    rows = [
        {
            "tenant_id": tenant_id,
            "status": "active",
            "admin_email": f"admin@{tenant_id.partition('_')[0]}.example",
            "data_project_id": warehouse.project,
            "location": "US",
            "onboarding_epoch": EPOCH,
            "enabled_templates": [],
            "onboarded_at": now,
        }
        for tenant_id in tenants
    ]
    config = bigquery.LoadJobConfig(schema=warehouse.get_table(table, **_CALL).schema, write_disposition="WRITE_APPEND")
    warehouse.load_table_from_json(rows, table, job_config=config, timeout=120.0).result(timeout=120.0, retry=None)


def make(warehouse: bigquery.Client, tenants: Sequence[str], *, destinations: Iterable[str] = ()) -> None:
    """Make tenants and register them. `destinations` are datasets' types, made too, as a first run would have."""
    kinds = ["", *(f"_{one}" for one in destinations)]

    def dataset(name: str, tenant_id: str) -> None:
        made = bigquery.Dataset(f"{warehouse.project}.{name}")
        made.labels = {"convergence_tenant": tenant_id}
        warehouse.create_dataset(made, **_CALL)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: dataset(f"{each[0]}{each[1]}", each[0]), [(t, k) for t in tenants for k in kinds]))
    for first in range(0, len(tenants), _TENANTS_A_SCRIPT):
        text = ";\n".join(_tables(tenant_id) for tenant_id in tenants[first : first + _TENANTS_A_SCRIPT])
        warehouse.query(text, job_retry=None, **_CALL).result(timeout=120.0, retry=None, job_retry=None)
    register(warehouse, tenants)


def _tables(tenant_id: str) -> str:
    row = {
        "tenant_id": f"'{tenant_id}'",
        "status": "'active'",
        "admin_email": f"'admin@{tenant_id.partition('_')[0]}.example'",
        "variables": "'{}'",
        "onboarding_epoch": f"'{EPOCH}'",
        "created_at": "CURRENT_TIMESTAMP()",
        "updated_at": "CURRENT_TIMESTAMP()",
        "enabled_templates": "CAST([] AS ARRAY<STRING>)",
    }
    # In the file's order: `tabledata.list` gives cells without names, and who reads them goes by the file.
    selected = ", ".join(f"{row[one['name']]} AS {one['name']}" for one in _fields("x_meta_tenant"))
    own = f"CREATE TABLE `{tenant_id}.x_meta_tenant` AS SELECT {selected}"
    columns = {name: ", ".join(f"{one['name']} {one['type']}" for one in _fields(name)) for name in _COPIES}
    copies = [f"CREATE TABLE `{tenant_id}.{name}` ({listed})" for name, listed in columns.items()]
    return ";\n".join([own, *copies])


@cache
def _fields(name: str) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = json.loads((_SCHEMAS / f"{name}.json").read_text())["fields"]
    return fields
