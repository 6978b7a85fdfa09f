"""JSON Schema 2020-12 of templates, of `sources.yml` and of other systems' messages, from the models that read them."""

import json
from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel, TypeAdapter

from shared.contracts.files.shared_sources import SharedSource
from shared.contracts.files.template_body import StepBody, TemplateBody
from shared.contracts.messages.foreign_message import ForeignMessage
from shared.engines.registry import ENGINES, GROUP, engine

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES = "#/$defs/{model}"

Schema = dict[str, Any]


def pipeline_schema() -> Schema:
    """The schema of a template. A step's `ps_type` decides which further fields it has, and no others.

    Engines of other packages are in it where they are installed.
    """
    body, definitions = _of(TemplateBody)
    step = definitions.pop(StepBody.__name__)
    ps_types = sorted({*ENGINES, *(point.name for point in entry_points(group=GROUP))})
    branches = []
    for ps_type in ps_types:
        fields, inner = _of(engine(ps_type).fields_model, f"{ps_type}.")
        definitions |= inner
        definitions[ps_type] = {
            "description": _doc(type(engine(ps_type))),
            # `true`: what these are is said once, beside the branches.
            "properties": {**dict.fromkeys(step["properties"], True), **fields["properties"]},
            "required": fields.get("required", []),
            "additionalProperties": False,
        }
        branches.append(
            {
                "if": {"properties": {"ps_type": {"const": ps_type}}, "required": ["ps_type"]},
                "then": {"$ref": _REFERENCES.format(model=ps_type)},
            }
        )
    step["properties"]["ps_type"] = {
        "description": step["properties"]["ps_type"]["description"],
        "enum": ps_types,
    }
    del step["additionalProperties"]
    definitions["step"] = {**step, "allOf": branches}
    body["properties"]["steps"]["items"] = {"$ref": _REFERENCES.format(model="step")}
    return {"$schema": DIALECT, "title": "Pipeline template", **body, "$defs": dict(sorted(definitions.items()))}


def sources_schema() -> Schema:
    """The schema of `sources.yml`."""
    found = TypeAdapter(list[SharedSource]).json_schema(ref_template=_REFERENCES)
    found["$defs"] = {name: _plain(one) for name, one in found["$defs"].items()}
    return {"$schema": DIALECT, "title": "Shared sources", **found}


def foreign_message_schema() -> Schema:
    """The schema of what other systems publish."""
    found, _ = _of(ForeignMessage)
    # Names that match no pattern are refused by pydantic; JSON Schema has to be told.
    found["properties"]["variables"]["additionalProperties"] = False
    return {"$schema": DIALECT, "title": "Run message of another system", **found}


def text_of(schema: Schema) -> str:
    """The schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _of(model: type[BaseModel], prefix: str = "") -> tuple[Schema, dict[str, Schema]]:
    """The schema of a model, and those of the models in it by name, which `prefix` keeps apart from other models'."""
    found = model.model_json_schema(ref_template=_REFERENCES.replace("{", prefix + "{"))
    definitions = {prefix + name: _plain(one) for name, one in found.pop("$defs", {}).items()}
    return _plain(found), definitions


def _plain(schema: Schema) -> Schema:
    """Without the titles that pydantic makes of names; docstrings on one line."""
    made: Schema = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "description" and isinstance(value, str):
            made[key] = " ".join(value.split())
        elif key == "properties":
            made[key] = {name: _plain(one) for name, one in value.items()}
        elif isinstance(value, dict):
            made[key] = _plain(value)
        elif isinstance(value, list):
            made[key] = [_plain(one) if isinstance(one, dict) else one for one in value]
        else:
            made[key] = value
    return made


def _doc(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split())
