"""The sample as a load job takes it: a Parquet file that is kept beside this module, for making it takes seconds.

After a change of the sample: `.venv/bin/python -m local.sample_billing.prepared` writes the file anew; a test compares
the two.
"""

from pathlib import Path
from typing import Any

from local.sample_billing.rows import rows
from local.sample_billing.schema import SCHEMA

FILE = Path(__file__).with_name("rows.parquet")


def table() -> Any:
    """All of `rows()` as a pyarrow.Table, in the Arrow types that BigQuery's storage API gives for `SCHEMA`."""
    import pyarrow as pa

    from emulators.bigquery import rows_in, schemas

    fields = schemas.checked({"fields": SCHEMA})
    read = rows_in.row_reader(fields, ignore_unknown=False)
    return pa.Table.from_pylist([read(row) for row in rows()], schema=schemas.arrow_schema(fields))


def write() -> None:
    """Write `FILE`."""
    import pyarrow.parquet as pq

    pq.write_table(table(), FILE, compression="zstd", compression_level=19, write_statistics=False)


if __name__ == "__main__":
    write()
