"""Where a command finds the platform that it speaks of: the environment, a stack that runs here, or nowhere."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.checkout import folder, stack_file
from shared import settings as environment
from shared.desk import stand_ins
from shared.errors import SettingsInvalid, Unavailable
from shared.settings import Settings

_OWN_SETTINGS = {"gcp_project_id": "data_project_id", "location": "location", "operator_email": "operator_email"}


@dataclass(frozen=True)
class Deployment:
    """Settings, where they are from, and whether there is a BigQuery behind them."""

    settings: Settings
    origin: str
    is_there: bool


def settings_of_environment() -> Settings | None:
    """The settings that functions would read here; None where the environment names no project.

    Raises SettingsInvalid where it names one, and something else is wrong.
    """
    try:
        return environment.current()
    except SettingsInvalid as error:
        if any(fault.where == "GCP_PROJECT_ID" and fault.code == "missing" for fault in error.faults):
            return None
        raise


def find(
    stack: Path | None, *, operator: Mapping[str, str], configs: Path | None, templates: Path | None
) -> Deployment:
    """The deployment to speak of: the stack that was named, the environment's, the stack of `make up`, or none.

    `operator` variables and folders go before what is found. Raises SettingsInvalid, or Unavailable when a stack's file
    is there and the stack is not.
    """
    found, origin = None if stack else settings_of_environment(), "the environment"
    file = stack or stack_file()
    if found is None and (stack is not None or file.is_file()):
        found, origin = _of_stack(file), str(file)
    folders = {"configs_dir": configs, "templates_dir": templates}
    given = {name: folder for name, folder in folders.items() if folder is not None}
    if found is None:
        made = stand_ins.settings(
            operator=operator,
            configs=configs or folder("configs", "--configs"),
            templates=templates or folder("templates", "--templates"),
        )
        return Deployment(made, "", is_there=False)
    own = {_OWN_SETTINGS[name]: value for name, value in operator.items() if name in _OWN_SETTINGS}
    others = {name: value for name, value in operator.items() if name not in _OWN_SETTINGS}
    variables = {**found.template_variables, **others}
    return Deployment(found.model_copy(update={**given, **own, "template_variables": variables}), origin, is_there=True)


def _of_stack(file: Path) -> Settings:
    try:
        settings = Settings.from_environment(json.loads(file.read_text())["environment"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsInvalid(f"{file} is no ready file of a stack; `make up` writes one") from error
    address = urlsplit(settings.bigquery_endpoint)
    try:
        # Google's client would ask an absent server again and again for a minute.
        with socket.create_connection((address.hostname or "127.0.0.1", address.port or 0), timeout=1):
            return settings
    except OSError as error:
        raise Unavailable(f"the stack of {file} does not answer; start it with make up, or remove the file") from error
