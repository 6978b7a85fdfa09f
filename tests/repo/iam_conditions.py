"""What a condition of an IAM binding lets through: it is evaluated for resources that a test names."""

import re
from dataclasses import dataclass


class Text(str):
    """A string with the methods that IAM's conditions call (its page "Attribute reference for IAM Conditions")."""

    def startsWith(self, beginning: str) -> bool:  # noqa: N802 - IAM's name for it
        """Whether it begins so."""
        return self.startswith(beginning)

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


def lets(expression: str, name: str, kind: str = "") -> bool:
    """Whether the condition is true of a resource of this name and type.

    Its operators are Python's by other names. Raises NameError, AttributeError or SyntaxError for what is more than
    comparisons of `resource`'s name and type: teach this what it means.
    """
    python = re.sub(r"!(?!=)", " not ", expression).replace("&&", " and ").replace("||", " or ")
    return bool(eval(python, {"__builtins__": {}}, {"resource": Resource(Text(kind), Text(name))}))
