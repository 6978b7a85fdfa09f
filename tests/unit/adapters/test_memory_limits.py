"""A window that slides, counted in this instance alone."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.memory_limits import MemoryRateLimiter
from tests.builders import OTHER, TENANT

START = 1_763_596_800.0  # the beginning of a minute


class Wall:
    """A clock and a limiter that goes by it."""

    def __init__(self, now: float = START) -> None:
        self.now = now
        self.limiter = MemoryRateLimiter(lambda: self.now)

    def allowed(self, times: int = 1, limit: str = "50/minute", who: str = TENANT) -> int:
        return sum(self.limiter.hit(limit, who).allowed for _ in range(times))


def test_a_full_window_leaves_room_as_it_slides_out() -> None:
    wall = Wall()
    assert wall.allowed(60) == 50
    wall.now += 60 + 30  # half of the window before still counts
    assert wall.allowed(60) == 25
    wall.now += 120
    assert wall.allowed(60) == 50


def test_there_is_no_burst_of_twice_the_limit_where_windows_meet() -> None:
    wall = Wall(START + 59)
    assert wall.allowed(50) == 50
    wall.now += 2
    assert wall.allowed(50) == 1


@given(st.integers(1, 60), st.lists(st.floats(0, 40), max_size=60))
def test_what_is_refused_is_allowed_after_the_wait_that_was_said_and_not_before(most: int, pauses: list[float]) -> None:
    wall = Wall()
    for pause in pauses:
        wall.now += pause
        said = wall.limiter.hit(f"{most}/minute", TENANT)
        assert 0 < said.wait_s <= 60
        if not said.allowed:
            begun, wall.now = wall.now, wall.now + said.wait_s - 0.01
            assert not wall.allowed(limit=f"{most}/minute")
            wall.now = begun + said.wait_s + 1e-5  # at 0.0 of a window, all of the one before still counts
            assert wall.allowed(limit=f"{most}/minute")


def test_what_is_left_is_what_is_allowed() -> None:
    wall = Wall()
    wall.allowed(40)
    wall.now += 75
    left = wall.limiter.hit("50/minute", TENANT).remaining
    assert wall.allowed(100) == left


def test_a_clock_that_is_set_back_opens_no_new_window() -> None:
    wall = Wall()
    wall.allowed(50)
    wall.now -= 300
    assert wall.allowed() == 0


def test_tenants_who_do_not_come_again_are_forgotten() -> None:
    wall = Wall()
    for number in range(1_000):
        wall.allowed(who=f"tenant{number}_0001")
    wall.now += 120
    wall.allowed(who=OTHER)
    (kept,) = wall.limiter._windows.values()
    assert [len(counts) for counts in kept[1:]] == [0, 1]


def test_counting_starts_no_thread() -> None:
    begun = threading.active_count()
    Wall().allowed(100)
    assert threading.active_count() == begun


@pytest.mark.parametrize("limit", ["", "50", "0/minute", "50/week", "50 per minute"])
def test_what_is_no_limit_is_said(limit: str) -> None:
    with pytest.raises(ValueError, match="is no limit; one is written 50/minute"):
        MemoryRateLimiter().hit(limit, TENANT)
