"""Say where in a template's file a fault of a step is: file, line, step and field."""

from dataclasses import replace

from shared.contracts.files.pipeline_template import PipelineTemplate, Step
from shared.contracts.sql import Sql
from shared.errors import Fault, PermanentError
from shared.runs.query_places import FieldPath, place_in_file, queries


def placed(template: PipelineTemplate, step: Step, fault: Fault) -> Fault:
    """A fault of a field (`destination.table`) with its file, line and step."""
    path = [int(part) if part.isdigit() else part for part in fault.where.split(".") if part]
    named = ".".join(map(str, (step.step_id, *path)))
    return replace(fault, where=f"{template.where((*step.path, *path))} {named}")


def placed_faults(template: PipelineTemplate, step: Step, error: PermanentError) -> tuple[Fault, ...]:
    """The error's faults of fields, each placed; of an error without any, the step is at fault."""
    faults = error.faults or (Fault("", error.code, error.message),)
    return tuple(placed(template, step, fault) for fault in faults)


def fault_of_query(template: PipelineTemplate, step: Step, path: FieldPath, sql: Sql, error: PermanentError) -> Fault:
    """BigQuery's error about a query as a fault, with the file's line where BigQuery names one of the query's."""
    fault = placed(template, step, Fault(".".join(map(str, path)), error.code, error.message))
    exact = place_in_file(template, step, path, sql, error.message)
    return replace(fault, where=f"{exact} {fault.where.partition(' ')[2]}") if exact else fault


def with_place(template: PipelineTemplate, step: Step, fields: object, message: str) -> str:
    """What BigQuery said of a query in the step's fields, and the file's line that it means, where that can be told."""
    for path, sql in queries(fields):
        if exact := place_in_file(template, step, path, sql, message):
            return f"{message} ({exact})"
    return message
