"""A port that nobody has used yet stands in for its adapter, and makes it once."""

import copy
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import pytest

from shared import ports
from shared.errors import SettingsInvalid
from shared.ports import Secrets
from shared.wiring.late import late, made_once
from tests.fakes import FakeSecrets

NAME = "projects/p/secrets/s/versions/1"


class Maker:
    """Makes secrets, after what it was told to raise, and counts."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times = 0

    def __call__(self) -> Secrets:
        self.times += 1
        if self.errors:
            raise self.errors.pop(0)
        return FakeSecrets({NAME: "s3cr3t"})


class Meeting:
    """Makes secrets that say how many were made before, for eight threads that need them at the same time."""

    def __init__(self) -> None:
        self.times = 0
        self._second_came = threading.Event()
        self._all_there = threading.Barrier(8, timeout=10)

    def __call__(self, *_: object) -> Secrets:
        self.times += 1
        made = FakeSecrets({NAME: str(self.times)})
        # Another thread that is let in would be here by then.
        if self.times > 1:
            self._second_came.set()
        self._second_came.wait(0.1)
        return made

    def read_by_all(self, read: Callable[[], str]) -> list[str]:
        def together(_: int) -> str:
            self._all_there.wait()
            return read()

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(together, range(8)))


def test_it_is_made_at_the_first_use_and_kept() -> None:
    make = Maker()
    secrets = late(make)
    assert make.times == 0
    assert [secrets.read(NAME), secrets.read(NAME)] == ["s3cr3t", "s3cr3t"]
    assert make.times == 1


def test_what_is_raised_while_it_is_made_is_raised_at_the_use_and_not_kept() -> None:
    secrets = late(Maker(SettingsInvalid("no key", faults=[]), OSError("no credentials")))
    for expected in (SettingsInvalid, OSError):
        with pytest.raises(expected):
            secrets.read(NAME)
    assert secrets.read(NAME) == "s3cr3t"


def test_threads_that_need_it_first_at_the_same_time_get_the_same() -> None:
    meeting = Meeting()
    secrets = late(meeting)
    assert meeting.read_by_all(lambda: secrets.read(NAME)) == ["1"] * 8
    assert meeting.times == 1


def test_a_part_that_threads_need_first_at_the_same_time_is_made_once() -> None:
    meeting = Meeting()

    class Held:
        secrets = made_once(meeting)

    held = Held()
    assert meeting.read_by_all(lambda: held.secrets.read(NAME)) == ["1"] * 8
    assert meeting.times == 1


def test_a_part_whose_making_fails_is_tried_again() -> None:
    make = Maker(OSError("no file"))

    class Held:
        secrets = made_once(lambda _: make())

    held = Held()
    with pytest.raises(OSError, match="no file"):
        assert held.secrets
    assert held.secrets.read(NAME) == "s3cr3t"


@pytest.mark.parametrize(
    "look",
    [bool, repr, hash, dir, id, type, lambda port: port == port, lambda port: isinstance(port, FakeSecrets)],  # noqa: PLR0124
)
def test_looking_at_it_makes_nothing(look: Callable[[Any], object]) -> None:
    make = Maker()
    look(late(make))
    assert make.times == 0


def test_it_is_true_as_every_port_is() -> None:
    assert late(Maker())
    assert late(Maker()) is not None


def test_its_text_shows_the_adapters_name_and_nothing_of_what_it_holds() -> None:
    secrets = late(Maker())
    assert repr(secrets) == "<late: not made yet>"
    secrets.read(NAME)
    assert repr(secrets) == str(secrets) == "<late: FakeSecrets>"


@pytest.mark.parametrize("double", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_neither_copied_nor_pickled(double: Callable[[Any], object]) -> None:
    make = Maker()
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        double(late(make))
    assert make.times == 0


def test_it_holds_nothing_that_its_adapter_does_not_hold() -> None:
    secrets = late(Maker())
    with pytest.raises(AttributeError, match="'FakeSecrets' object has no attribute 'raed'"):
        secrets.raed(NAME)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        secrets.read = None  # type: ignore[method-assign,assignment]


def test_no_port_has_a_method_that_python_looks_up_by_itself() -> None:
    """`late` would not serve one: a port with `__call__` or `__enter__` needs it on the stand-in's class."""

    class Empty(Protocol):
        """What every protocol has."""

    protocols = [port for port in vars(ports).values() if getattr(port, "__module__", "") == ports.__name__]
    own = {port.__name__: vars(port).keys() - vars(Empty).keys() for port in protocols if issubclass(port, Protocol)}
    assert {"Jobs", "Secrets", "Mailer"} <= own.keys()
    assert [f"{port}.{name}" for port, names in own.items() for name in names if name.startswith("__")] == []
