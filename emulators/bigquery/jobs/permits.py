"""What a job asks for beyond bigquery.jobs.create, once it is known what it reads and writes.

Source: the "Required permissions" of https://cloud.google.com/bigquery/docs/running-queries, …/writing-results,
…/batch-loading-data, …/managing-tables#copy-table, …/reference/standard-sql/data-definition-language. Two needs are
known from errors of the real service: `tables.create` also for a table that exists, as long as the job might create it
(https://github.com/hashicorp/terraform-provider-google/issues/9577), and `tables.update` for WRITE_TRUNCATE
(https://github.com/PostHog/posthog.com/pull/18849).
"""

from __future__ import annotations

from emulators.bigquery.access.callers import Caller
from emulators.bigquery.access.resources import Resource
from emulators.bigquery.jobs.destinations import Destination
from emulators.bigquery.jobs.planning import Analysed
from emulators.bigquery.storage.records import Key

GET, GET_DATA, LIST = "bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.list"
CREATE, UPDATE, UPDATE_DATA = "bigquery.tables.create", "bigquery.tables.update", "bigquery.tables.updateData"
DELETE = "bigquery.tables.delete"


def to_query(caller: Caller, analysed: Analysed) -> None:
    """For a query or DML: every table and view that it names, and the target of DML. Raises accessDenied."""
    plan = analysed.plan
    target = plan.target.uid if plan.target is not None else None
    read = {uid for uid, _ in plan.reads}
    for record in analysed.tables:
        resource = Resource(*record.key)
        if record.uid == target:
            caller.need(UPDATE_DATA, resource)
            if plan.kind == "INSERT" and record.uid not in read:
                continue  # it is written to only
        caller.need(GET_DATA, resource)
    for view in plan.views:
        caller.need(GET_DATA, Resource(view.project, view.dataset, view.name))


def to_write(caller: Caller, destination: Destination) -> None:
    """For the destination of a query or load, before it is known whether there is one. Raises accessDenied."""
    table = Resource(*destination.key)
    if destination.create == "CREATE_IF_NEEDED":
        caller.need(CREATE, Resource(table.project, table.dataset))
    caller.need(UPDATE_DATA, table)
    if destination.write == "WRITE_TRUNCATE":
        caller.need(UPDATE, table)


def to_copy(caller: Caller, sources: list[Key], destination: Destination) -> None:
    """For a copy job. Raises accessDenied."""
    table = Resource(*destination.key)
    for resource in (*(Resource(*key) for key in sources), table):
        caller.need(GET, resource)
        caller.need(GET_DATA, resource)
    if destination.create == "CREATE_IF_NEEDED":
        caller.need(CREATE, Resource(table.project, table.dataset))
    caller.need(UPDATE, table)
