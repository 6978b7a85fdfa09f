"""The mark of a field that holds HTML: values put into it are escaped."""

from typing import Annotated


class IsHtml:
    """Marks a text of an engine's model as HTML."""


Html = Annotated[str, IsHtml]
