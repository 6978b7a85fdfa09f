"""What functions-framework's own app does before ours is asked, in our manner.

It executes a function's module inside its app's context, before it adds its routes: `adopt` is for that moment.
"""

import flask
from werkzeug.exceptions import HTTPException

from functions.api import problems


def adopt(outer: flask.Flask) -> None:
    """Let the framework's app refuse with problem documents what never reaches ours.

    That is `/robots.txt`, `/favicon.ico`, and paths with a line break (`%0a`), which its rule does not match. It also
    answers `//` with a redirect to `/`; the path is wrong, so 404 is what ours says.
    """
    outer.url_map.merge_slashes = False
    outer.json.sort_keys = False  # type: ignore[attr-defined]  # as our own app answers
    outer.register_error_handler(HTTPException, problems.from_http)
