"""What was read is remembered for a short time, never longer than promised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tenants.freshness import Fresh
from tests.fakes import FakeClock


class Source:
    """Counts how often it is read; reading may take time, and other things may happen meanwhile."""

    def __init__(self, clock: FakeClock, takes_s: float = 0) -> None:
        self._clock, self._takes_s, self.value, self.reads = clock, takes_s, 0, 0

    def read(self) -> int:
        self.reads += 1
        found = self.value
        self._clock.advance(self._takes_s)
        return found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_it_is_read_once_a_minute(clock: FakeClock) -> None:
    fresh, source = Fresh[str, int](clock, ttl_s=60, size=2), Source(clock)
    for seconds in (0, 30, 29.9):
        clock.advance(seconds)
        fresh.get("a", source.read)
    assert source.reads == 1
    clock.advance(0.2)
    fresh.get("a", source.read)
    assert source.reads == 2


def test_the_age_counts_from_before_the_read(clock: FakeClock) -> None:
    fresh, slow = Fresh[str, int](clock, ttl_s=60, size=2), Source(clock, takes_s=50)
    fresh.get("a", slow.read)
    clock.advance(11)
    fresh.get("a", slow.read)
    assert slow.reads == 2


def test_an_error_is_not_remembered(clock: FakeClock) -> None:
    fresh = Fresh[str, int](clock, ttl_s=60, size=2)
    with pytest.raises(ZeroDivisionError):
        fresh.get("a", lambda: 1 // 0)
    assert fresh.get("a", lambda: 1) == 1


def test_what_was_forgotten_is_read_again(clock: FakeClock) -> None:
    fresh, source = Fresh[str, int](clock, ttl_s=60, size=2), Source(clock)
    fresh.get("a", source.read)
    fresh.forget("a")
    fresh.forget("never there")
    fresh.get("a", source.read)
    assert source.reads == 2


def test_what_was_read_before_it_was_forgotten_is_not_remembered_after(clock: FakeClock) -> None:
    fresh = Fresh[str, str](clock, ttl_s=60, size=2)

    def read() -> str:
        fresh.forget("a")  # another thread changed it, after our look
        return "old"

    assert fresh.get("a", read) == "old"
    assert fresh.get("a", lambda: "new") == "new"


def test_a_slow_read_does_not_take_the_place_of_a_later_one(clock: FakeClock) -> None:
    fresh = Fresh[str, str](clock, ttl_s=60, size=2)

    def slow() -> str:
        clock.advance(1)
        fresh.get("a", lambda: "new")  # another thread, which looked later and was quicker
        return "old"

    fresh.get("a", slow)
    assert fresh.get("a", lambda: "never read") == "new"


def test_the_one_not_used_for_longest_goes_first(clock: FakeClock) -> None:
    fresh, source = Fresh[str, int](clock, ttl_s=60, size=2), Source(clock)
    for key in ("a", "b", "a", "c", "a"):
        fresh.get(key, source.read)
    assert source.reads == 3
    fresh.get("b", source.read)
    assert source.reads == 4


@given(st.lists(st.tuples(st.floats(0, 90), st.booleans()), max_size=20))
def test_nothing_is_ever_older_than_promised(history: list[tuple[float, bool]]) -> None:
    clock = FakeClock()
    fresh = Fresh[str, float](clock, ttl_s=60, size=1)
    for wait_s, forget in history:
        clock.advance(wait_s)
        if forget:
            fresh.forget("a")
        assert clock.now().timestamp() - fresh.get("a", lambda: clock.now().timestamp()) < 60
