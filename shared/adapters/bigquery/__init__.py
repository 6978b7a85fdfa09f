"""BigQuery by Google's client: a class for each port, one client an instance."""

from shared.adapters.bigquery.catalog import BigQueryCatalog
from shared.adapters.bigquery.connection import client
from shared.adapters.bigquery.jobs import BigQueryJobs
from shared.adapters.bigquery.rows import BigQueryRows

__all__ = ["BigQueryCatalog", "BigQueryJobs", "BigQueryRows", "client"]
