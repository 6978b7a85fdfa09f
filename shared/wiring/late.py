"""Make a thing when it is needed, and once: a port when it is first used, a part of an instance when first asked for.

Several threads may need the same thing first: one of them makes it, the others wait. What is raised while it is made
passes to who needed it, and is not kept: the next use tries again.
"""

import threading
from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar, cast

T = TypeVar("T")


def late(make: Callable[[], T]) -> T:
    """A stand-in for a port, which calls `make` when a method of it is first looked up.

    It serves everything that is asked of a port by name. It serves nothing that Python looks up by itself, such as
    `__call__` or `__enter__`: ports have none of those. `isinstance` sees the stand-in, and asking for truth, identity
    or `repr` makes nothing. It is neither copied nor pickled.

    >>> port = late(dict)
    >>> port
    <late: not made yet>
    >>> port.get("a", 1), port
    (1, <late: dict>)
    """
    return cast(T, _Late(make))


class _Late(Generic[T]):
    """Looks up each attribute on the object that `make` returns. Attributes cannot be set."""

    __slots__ = ("__lock", "__made", "__make")  # no other name of ours may hide one of the port's

    def __init__(self, make: Callable[[], T]) -> None:
        self.__make = make
        self.__made: T | None = None
        self.__lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            # Debuggers, `copy` and `pickle` ask any object for such names: they must not make it.
            raise AttributeError(f"a late port has no {name}")
        made = self.__made
        return getattr(self.__first() if made is None else made, name)

    def __first(self) -> T:
        with self.__lock:
            made = self.__made
            if made is None:
                made = self.__made = self.__make()
            return made

    def __repr__(self) -> str:
        made = self.__made
        return f"<late: {'not made yet' if made is None else type(made).__name__}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a late port is neither copied nor pickled")


class made_once(Generic[T]):  # noqa: N801 - reads as the decorator that it is
    """A property that is made once, also when several threads ask for it first: `cached_property` would make two."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> T:
        with self._lock:
            if self._name not in instance.__dict__:
                instance.__dict__[self._name] = self._make(instance)
        value: T = instance.__dict__[self._name]
        return value
