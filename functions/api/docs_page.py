"""Show the OpenAPI document as one HTML page: no script, nothing from elsewhere, made once."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from functions.api.refusals import Refusals

Json = Mapping[str, Any]
_FOLDER = Path(__file__).parent / "docs"
_MOST_DEPTH = 6


def page(document: Json, refusals: Mapping[str, Refusals]) -> str:
    """The page of a document that `openapi.document` wrote; `refusals` are those of each call, by operationId."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    # The style is ours, and must stay as it is: the policy names its hash.
    style = Markup(_style())  # noqa: S704
    return environment.get_template("page.html").render(page=_Page(document, refusals), document=document, style=style)


def policy() -> str:
    """The page's Content-Security-Policy: nothing is loaded, run or sent; its own style is known by a hash."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _style() -> str:
    return (_FOLDER / "style.css").read_text("utf-8")


def prose(text: str) -> Markup:
    """Paragraphs, lists and code of a description: as much of Markdown as descriptions use.

    >>> prose("Send `date`.\\n\\n- a: <b>")
    Markup('<p>Send <code>date</code>.</p><ul><li>a: &lt;b&gt;</li></ul>')
    """
    made = Markup()
    for block in text.strip().split("\n\n"):
        if block.startswith("- "):
            items = [item.removeprefix("- ") for item in block.splitlines()]
            made += Markup("<ul>") + Markup().join(Markup("<li>{}</li>").format(_inline(item)) for item in items)
            made += Markup("</ul>")
        else:
            made += Markup("<p>{}</p>").format(_inline(block))
    return made


def _inline(text: str) -> Markup:
    parts = re.split(r"`([^`]+)`", text)
    return Markup().join(Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts))


def _described(field: Json) -> Json:
    return {"description": field.get("description", "")}


class _Page:
    """The document as the page wants it: operations by tag, fields as rows."""

    def __init__(self, document: Json, refusals: Mapping[str, Refusals]) -> None:
        self._document = document
        self._refusals = refusals
        self.operations = [
            {**operation, "method": method.upper(), "path": path}
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]
        self.tags = list(dict.fromkeys(operation["tags"][0] for operation in self.operations))

    def of(self, tag: str) -> list[Json]:
        """The operations of a tag."""
        return [operation for operation in self.operations if operation["tags"][0] == tag]

    def keys(self, operation: Json) -> str:
        """The headers that bear a key, any one of which is enough."""
        schemes = self._document["components"]["securitySchemes"]
        return " or ".join(schemes[name]["name"] for scheme in operation["security"] for name in scheme)

    def answers(self, operation: Json) -> list[tuple[str, Json]]:
        """The answers of the operation by status; not the refusals."""
        return [(status, answer) for status, answer in operation["responses"].items() if status.startswith("2")]

    def refusals(self, operation: Json) -> Iterator[tuple[int, str, str]]:
        """Status, code and meaning of each problem."""
        for status, codes in self._refusals[operation["operationId"]].items():
            for code, meaning in codes.items():
                yield status, code, meaning

    def content(self, body: Json) -> tuple[str, Json]:
        """Media type and content of a body that has one."""
        found: dict[str, Json] = body.get("content", {"": {}})
        return next(iter(found.items()))

    def curl(self, operation: Json) -> str:
        """The example request, for a shell."""
        path, parameters = operation["path"], operation.get("parameters", ())
        for given in parameters:
            if given["in"] == "path":
                path = path.replace(f"{{{given['name']}}}", given["example"])
        asked = [
            f"{given['name']}={given['example']}"
            for given in parameters
            if given["in"] == "query" and "example" in given
        ]
        url = "$API" + path + ("?" + "&".join(asked) if asked else "")
        lines = [f'curl -X {operation["method"]} "{url}"' if operation["method"] != "GET" else f'curl "{url}"']
        if key := self.keys(operation).partition(" or ")[0]:
            lines.append(f'-H "{key}: ${"ADMIN" if "Admin" in key else "TENANT"}_KEY"')
        _, content = self.content(operation.get("requestBody", {}))
        if "example" in content:
            body = json.dumps(content["example"], ensure_ascii=False).replace("'", "'\\''")
            lines += ['-H "Content-Type: application/json"', f"-d '{body}'"]
        return " \\\n  ".join(lines)

    def rows(self, schema: Json, prefix: str = "", depth: int = 0) -> Iterator[Json]:
        """A row for each field of an object, nested ones as `steps[].status`."""
        schema = self._resolved(schema)
        required = schema.get("required", ())
        for name, field in schema.get("properties", {}).items():
            where = f"{prefix}{name}"
            inner, suffix = self._inner(field)
            yield {
                "name": where,
                "type": self.type(field),
                "required": name in required,
                **_described(field),
                "default": None if name in required else field.get("default"),
            }
            if inner is not None and depth < _MOST_DEPTH:
                yield from self.rows(inner, f"{where}{suffix}.", depth + 1)
        others = schema.get("additionalProperties")
        if isinstance(others, dict) and not depth:
            yield {"name": None, "type": self.type(others), "required": False, **_described(others), "default": None}

    def type(self, schema: Json) -> str:
        """A schema's type and bounds in a few words."""
        schema = self._resolved(schema)
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return " | ".join(map(json.dumps, schema["enum"]))
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return " | ".join(dict.fromkeys(self.type(option) for option in options))
        kinds = schema.get("format") or schema.get("type", "any")
        kind = kinds if isinstance(kinds, str) else " | ".join(kinds)
        if kind == "array":
            return f"list of {self.type(schema['items'])}" if "items" in schema else "list"
        if kind == "object" and "title" in schema and "properties" in schema:
            return "object"
        words = {
            "minimum": "≥ {}", "maximum": "≤ {}", "exclusiveMinimum": "> {}", "exclusiveMaximum": "< {}",
            "minLength": "≥ {} characters", "maxLength": "≤ {} characters", "maxItems": "≤ {} items",
            "pattern": "{}",
        }  # fmt: skip
        bounds = [text.format(schema[key]) for key, text in words.items() if key in schema]
        return f"{kind}, {', '.join(bounds)}" if bounds else kind

    def _resolved(self, schema: Json) -> Json:
        if "$ref" in schema:
            found: Json = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            return found
        return schema

    def _inner(self, field: Json) -> tuple[Json | None, str]:
        """The object inside a field, and how its place is written."""
        field = self._resolved(field)
        if "properties" in field:
            return field, ""
        if "items" in field:
            inner, suffix = self._inner(field["items"])
            return inner, f"[]{suffix}"
        for option in field.get("anyOf", ()):
            found = self._inner(option)
            if found[0] is not None:
                return found
        return None, ""
