"""Where a command finds what it was not given: in the current folder, or else in the checkout it is installed from."""

from pathlib import Path

from shared.errors import SettingsInvalid

# The command is installed editable: it lies in a checkout, wherever it is called.
CHECKOUT = Path(__file__).resolve().parent.parent
# Where `make up` says what it serves, below the folder that it was started in.
STACK_FILE = Path(".local/stack.json")


def stack_file(checkout: Path = CHECKOUT) -> Path:
    """The ready file of the stack of `make up`: that of the current folder if it is there, or else the checkout's.

    Whether the checkout's is there is for the caller to see.
    """
    return STACK_FILE if STACK_FILE.is_file() else checkout / STACK_FILE


def folder(name: str, option: str, checkout: Path = CHECKOUT) -> Path:
    """The folder `name` beside the pipeline templates: those of the current folder if it has `configs/`, or else the
    checkout's. Raises SettingsInvalid, which names `option`, where there is no such folder.
    """
    current = Path.cwd()
    found = (current if (current / "configs").is_dir() else checkout) / name
    if not found.is_dir():
        raise SettingsInvalid(f"there is no folder {found}: go to a checkout of Convergence, or give {option}")
    return found
