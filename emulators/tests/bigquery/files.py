"""Load a file that a test has written."""

import io
from typing import Any

from google.cloud import bigquery

from emulators.tests.bigquery.database import Database


def load_file(db: Database, name: str, content: bytes, **options: Any) -> bigquery.LoadJob:
    config = bigquery.LoadJobConfig(**options)
    job = db.client.load_table_from_file(io.BytesIO(content), f"{db.path}.{name}", job_config=config, timeout=30)
    job.result(timeout=30)
    return job
