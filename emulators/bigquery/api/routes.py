"""Every path that is served; one that is not here is refused."""

from __future__ import annotations

from emulators.bigquery.api import control, datasets, jobs, tabledata, tables, uploads
from emulators.bigquery.api.http import Handler

ROUTES: dict[tuple[str, ...], dict[str, Handler]] = {
    ("datasets",): {"GET": datasets.list_, "POST": datasets.insert},
    ("datasets", "*"): {
        "GET": datasets.get,
        "PATCH": datasets.update,
        "PUT": datasets.update,
        "DELETE": datasets.delete,
    },
    ("datasets", "*", "tables"): {"GET": tables.list_, "POST": tables.insert},
    ("datasets", "*", "tables", "*"): {
        "GET": tables.get,
        "PATCH": tables.update,
        "PUT": tables.update,
        "DELETE": tables.delete,
    },
    ("datasets", "*", "tables", "*", "data"): {"GET": tabledata.list_},
    ("datasets", "*", "tables", "*", "insertAll"): {"POST": tabledata.insert_all},
    ("jobs",): {"GET": jobs.list_, "POST": jobs.insert},
    ("jobs", "*"): {"GET": jobs.get},
    ("jobs", "*", "cancel"): {"POST": jobs.cancel},
    ("jobs", "*", "delete"): {"DELETE": jobs.delete},
    ("queries",): {"POST": jobs.query},
    ("queries", "*"): {"GET": jobs.results},
    ("emulator", "permissions"): {"GET": control.show_permissions, "DELETE": control.clear_permissions},
    ("emulator", "faults"): {
        "GET": control.show_faults,
        "POST": control.change_faults,
        "DELETE": control.clear_faults,
    },
    ("upload", "jobs"): {"POST": uploads.start, "PUT": uploads.resume},
}
