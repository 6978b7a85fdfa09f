"""What a condition of an IAM binding lets through: it is evaluated for resources that a test names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# How a name looks → the resource's type (IAM's page "Resource names and types in conditions").
_TYPES = {
    r"projects/_/buckets/[^/]+": "storage.googleapis.com/Bucket",
    r"projects/_/buckets/[^/]+/objects/.+": "storage.googleapis.com/Object",
    r"projects/[^/]+/datasets/\w+": "bigquery.googleapis.com/Dataset",
    r"projects/[^/]+/datasets/\w+/tables/\w+": "bigquery.googleapis.com/Table",
    r"projects/[^/]+/secrets/[\w-]+": "secretmanager.googleapis.com/Secret",
    r"projects/[^/]+": "cloudresourcemanager.googleapis.com/Project",
}


class Text(str):
    """A string with the methods that IAM's conditions call (its page "Attribute reference for IAM Conditions")."""

    def startsWith(self, beginning: str) -> bool:  # noqa: N802 - IAM's name for it
        """Whether it begins so."""
        return self.startswith(beginning)

    def endsWith(self, end: str) -> bool:  # noqa: N802 - IAM's name for it
        """Whether it ends so."""
        return self.endswith(end)

    def extract(self, pattern: str) -> "Text":
        """The part that `{…}` stands for, behind the first place with what is before it; empty where there is none.

        >>> Text("projects/p/datasets/d/tables/t").extract("/datasets/{name}/")
        'd'
        >>> Text("projects/p/datasets/d").extract("/tables/{name}")
        ''
        """
        before, after = re.split(r"\{\w+\}", pattern)
        _, found, rest = self.partition(before)
        part, ended, _ = rest.partition(after) if after else (rest, "", "")
        return Text(part if found and bool(ended) == bool(after) else "")


@dataclass(frozen=True)
class Resource:
    """What is asked for, such as type bigquery.googleapis.com/Table and its name."""

    type: Text
    name: Text


def reaches(binding: Mapping[str, Any], name: str) -> bool:
    """Whether a binding, as a plan has it, is one for the resource of this name; without a condition it is for all."""
    return all(lets(condition["expression"], name) for condition in binding["condition"])


def lets(expression: str, name: str) -> bool:
    """Whether the condition is true of the resource of this name, such as projects/p/datasets/d/tables/t.

    Its operators are Python's by other names. Raises NameError, AttributeError or SyntaxError for what is more than
    comparisons of `resource`'s name and type, and StopIteration for a name of no known form: teach this what they mean.

    >>> lets('resource.type.endsWith("/Bucket") || !resource.name.endsWith(".zip")', "projects/_/buckets/b/objects/a")
    True
    """
    kind = next(kind for form, kind in _TYPES.items() if re.fullmatch(form, name))
    python = re.sub(r"!(?!=)", " not ", expression).replace("&&", " and ").replace("||", " or ")
    return bool(eval(python, {"__builtins__": {}}, {"resource": Resource(Text(kind), Text(name))}))
