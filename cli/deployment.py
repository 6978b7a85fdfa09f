"""Where a command finds the platform that it speaks of: the environment, a stack that runs here, or nowhere."""

from shared import settings as environment
from shared.errors import SettingsInvalid
from shared.settings import Settings


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
