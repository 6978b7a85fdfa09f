"""Read a request's query parameters strictly."""

from typing import TypeVar

import flask
from pydantic import BaseModel, ValidationError

from shared.contracts.faults import faults_of
from shared.errors import Fault, RequestInvalid

M = TypeVar("M", bound=BaseModel)


def read(request: flask.Request, model: type[M]) -> M:
    """The query as the model. Raises RequestInvalid that names every fault at once: a parameter given twice, too."""
    given = request.args
    faults = [
        Fault(f"query.{name[:100]}", "repeated", "is given more than once")
        for name, values in given.lists()
        if len(values) > 1
    ]
    try:
        found = model.model_validate(given.to_dict())
    except ValidationError as error:
        names = [field.alias or name for name, field in model.model_fields.items()]
        faults += faults_of(error, "query", known=names)
    else:
        if not faults:
            return found
    raise RequestInvalid(f"{faults[0].where}: {faults[0].message}", faults=faults)
