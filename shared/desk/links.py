"""What values could do to a mail's links and markup: warnings about templates whose shape is right."""

import re
from collections.abc import Iterator

from shared.contracts.files.explain import dotted
from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.errors import Fault
from shared.templating.placeholders import names, texts
from shared.templating.resolution import is_protected
from shared.templating.used import used_by

# `<a href={x}`: a value with a blank would begin another attribute.
_UNQUOTED = re.compile(r"<[^<>]*\s[\w:-]+\s*=\s*(?P<value>[^\s\"'<>=]*\{[^\s\"'<>]*)")
# `https://{x}/…`: who sets the value says where the link leads.
_HOST = re.compile(r"(?://|\bwww\.)(?P<host>[^\s/?#\"'<>]*\{[^\s/?#\"'<>]*)", re.IGNORECASE)
_MAIL = "shared.email_notification"


def link_advice(template: PipelineTemplate) -> Iterator[Fault]:
    """Placeholders in an attribute without quotes, and variables of requests that choose the host of a link."""
    for step in template.steps:
        if step.ps_type != _MAIL:
            continue
        for path, text in texts(dict(step.fields)):
            place = (*step.path, *path)
            where = f"{template.where(place)} {dotted(template.document, place)}"
            for found in _UNQUOTED.finditer(text) if path[:1] == ("html",) else ():
                if used := [part.name for part in names(found["value"])]:
                    message = f'{{{used[0]}}} is an attribute\'s value without quotes; write "{found["value"]}"'
                    yield Fault(where, "advice", message)
            hosts = [found["host"] for found in _HOST.finditer(text)]
            for name in sorted(used_by(template, hosts)):
                if name in template.variables and not is_protected(template, name):
                    message = (
                        f"{{{name}}} chooses where a link leads, and a request that sets it is refused; say"
                        " overridable: false, or keep it out of the host"
                    )
                    yield Fault(where, "advice", message)
