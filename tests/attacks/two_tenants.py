"""Two tenants' data and the sources that they share, on the embedded BigQuery: what attacks are run against.

Every value of the other tenant's rows, of rows that nobody owns, and of the control dataset is a canary: where one of
them comes back in a result, an error or a log, something has leaked.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from google.cloud import bigquery

from emulators.tests.bigquery.database import Clock, serve
from shared.adapters.bigquery import BigQueryCatalog, BigQueryJobs, client
from shared.contracts.files.shared_sources import SharedSource
from shared.contracts.tenant import TENANT_LABEL, owner_of_dataset
from tests.builders import CONTROL, DATA, OTHER, TENANT

EXPORT = "billing-project.billing_export.gcp_billing_export"
PRICES = "billing-project.billing_export.prices"
OWN = f"{DATA}.{TENANT}_silver.daily"
FOREIGN = f"{DATA}.{OTHER}_silver.daily"
PEEK = f"{DATA}.{TENANT}_silver.peek"
"""A view in the tenant's own dataset that reads the other tenant's table."""
UNLABELLED = f"{DATA}.{TENANT}_hr.staff"
"""A table in a dataset that only bears the tenant's name."""
CONTROL_TABLE = f"{CONTROL}.x_meta_tenants"
CANARY = "canary"
CANARY_NUMBER = 66_600_066
SOURCES = (
    SharedSource(
        name="export",
        table="{billing_export_table}",
        tenant_filter="EXISTS (SELECT 1 FROM UNNEST(labels) AS label"
        " WHERE label.key = 'tenant_id' AND label.value = '{tenant_id}')",
    ),
    SharedSource(name="prices", table=PRICES, tenant_filter="owner = '{tenant_id}'"),
)

_COLUMNS = [
    bigquery.SchemaField("k", "INT64"),
    bigquery.SchemaField("g", "STRING"),
    bigquery.SchemaField("v", "NUMERIC"),
    bigquery.SchemaField("day", "DATE"),
    bigquery.SchemaField("owner", "STRING"),
    bigquery.SchemaField(
        "labels",
        "RECORD",
        mode="REPEATED",
        fields=[bigquery.SchemaField("key", "STRING"), bigquery.SchemaField("value", "STRING")],
    ),
]


def _row(owner: str | None, k: int | None, g: str | None, v: str | None, *labels: str) -> dict[str, Any]:
    pairs = [{"key": "team", "value": label} for label in labels]
    if owner:
        pairs.append({"key": "tenant_id", "value": owner})
    return {"k": k, "g": g, "v": v, "day": f"2025-11-{10 + (k or 0) % 3}", "owner": owner, "labels": pairs}


_EXPORT_ROWS = (
    _row(TENANT, 1, "a", "1.5", "x", "y"),
    _row(TENANT, 2, "a", "2.25"),
    _row(TENANT, 3, "b", None, "x"),
    _row(TENANT, 3, None, "0"),
    _row(TENANT, None, "c", "-4", "z", "z"),
)
_PRICE_ROWS = (_row(TENANT, 1, "a", "10", "p"), _row(TENANT, 3, "c", "0.1"), _row(TENANT, 5, "b", None, "x"))
_OWN_ROWS = (_row(TENANT, 1, "b", "7", "x"), _row(TENANT, 2, "a", "-1"), _row(TENANT, 4, None, "3"))


def _foreign(owner: str | None) -> list[dict[str, Any]]:
    """Rows that would be seen wherever they got through: the same keys as the tenant's, and keys of their own."""
    rows = [_row(owner, k, f"{CANARY} {k}", str(CANARY_NUMBER), f"{CANARY} label") for k in (1, 2, 3, CANARY_NUMBER)]
    return [*rows, _row(owner, 1, "a", str(CANARY_NUMBER)), _row(owner, 3, None, None)]


class Database:
    """An embedded BigQuery with Google's client on it, and the product's own jobs port."""

    def __init__(self, url: str) -> None:
        self.client = client(CONTROL.project, "US", url)
        self.jobs, self.catalog = BigQueryJobs(self.client), BigQueryCatalog(self.client)

    def make(self, path: str, rows: Sequence[dict[str, Any]]) -> None:
        dataset = bigquery.Dataset(path.rpartition(".")[0])
        if (owner := owner_of_dataset(dataset.dataset_id)) and path != UNLABELLED:
            dataset.labels = {TENANT_LABEL: owner}
        self.client.create_dataset(dataset, exists_ok=True)
        self.client.create_table(bigquery.Table(path, schema=_COLUMNS))
        if rows:
            config = bigquery.LoadJobConfig(schema=_COLUMNS)
            self.client.load_table_from_json(list(rows), path, job_config=config).result()

    def fill(self, *, with_others: bool) -> None:
        """The tenant's rows; `with_others` also everybody else's, which only they may see."""
        others = [*_foreign(OTHER), *_foreign(None)] if with_others else []
        self.make(EXPORT, [*_EXPORT_ROWS, *others])
        self.make(PRICES, [*_PRICE_ROWS, *others])
        self.make(OWN, _OWN_ROWS)
        if with_others:
            for path in (FOREIGN, CONTROL_TABLE, UNLABELLED, f"{DATA}.{OTHER}.x_meta_api_keys", "elsewhere.d.t"):
                self.make(path, _foreign(OTHER))
            view = bigquery.Table(PEEK)
            view.view_query = f"SELECT * FROM `{FOREIGN}`"
            self.client.create_table(view)


@contextlib.contextmanager
def database(data_dir: Path, *, with_others: bool) -> Iterator[Database]:
    """A server of its own in a thread of this process."""
    with serve(data_dir, Clock()) as url:
        made = Database(url)
        made.fill(with_others=with_others)
        with contextlib.closing(made.client):
            yield made


def canaries(text: object) -> list[str]:
    """The canaries in whatever came back."""
    shown = repr(text).casefold()
    return [one for one in (CANARY, str(CANARY_NUMBER)) if one in shown]
