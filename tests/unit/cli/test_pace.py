"""The pace of calls: never above its bound, slower where the other side is busy, up again where it is not."""

import asyncio

import pytest

from cli.pace import LONGEST_RETRY_AFTER_S, Pace


class Time:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def clock(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def pace(time: Time) -> Pace:
    return Pace(2.0, clock=time.clock, sleep=time.sleep)


def turns(pace: Pace, time: Time, count: int) -> list[float]:
    """When so many turns come, in seconds from now."""
    start_s = time.now_s

    async def one() -> float:
        assert await pace.turn(lambda: False)
        return time.now_s - start_s

    async def several() -> list[float]:
        return list(await asyncio.gather(*(one() for _ in range(count))))

    return asyncio.run(several())


def test_turns_come_at_the_bound_and_in_order(pace: Pace, time: Time) -> None:
    assert turns(pace, time, 5) == pytest.approx([0, 0.5, 1.0, 1.5, 2.0], abs=0.06)


def test_an_idle_while_is_not_made_up_for(pace: Pace, time: Time) -> None:
    turns(pace, time, 1)
    time.now_s += 60
    assert turns(pace, time, 3) == pytest.approx([0, 0.5, 1.0], abs=0.06)


def test_who_is_told_to_wait_waits_and_goes_on_at_half_the_rate(pace: Pace, time: Time) -> None:
    pace.busy(time.now_s, 7.0)
    assert turns(pace, time, 3) == pytest.approx([7, 8, 9], abs=0.1)


def test_calls_that_were_under_way_together_slow_it_once(pace: Pace, time: Time) -> None:
    began_s = time.now_s
    time.now_s += 1
    for _ in range(16):
        pace.busy(began_s, None)
    assert pace.rate == 1.0


def test_it_never_stands_still_and_obeys_no_absurd_wait(pace: Pace, time: Time) -> None:
    for _ in range(100):
        pace.busy(time.now_s, 10**9)
    assert pace.rate == 2.0 / 32
    assert turns(pace, time, 1) == pytest.approx([LONGEST_RETRY_AFTER_S], abs=0.1)


def test_without_an_answer_the_pauses_double(pace: Pace, time: Time) -> None:
    waits = []
    for _ in range(8):
        pace.busy(time.now_s, None)
        waits += turns(pace, time, 1)
    assert waits[:3] == pytest.approx([1, 2, 4], abs=0.1)
    assert waits[-1] <= 61
    assert waits == sorted(waits)


def test_what_goes_well_brings_the_rate_back_to_the_bound_and_no_further(pace: Pace, time: Time) -> None:
    pace.busy(time.now_s, 0.0)
    for _ in range(19):
        pace.well()
    assert 1.0 < pace.rate < 2.0
    for _ in range(100):
        pace.well()
    assert pace.rate == 2.0


def test_what_cost_nothing_does_not_delay_the_next_but_ends_no_pause(pace: Pace, time: Time) -> None:
    turns(pace, time, 1)
    pace.cost_nothing()
    assert turns(pace, time, 1) == [0.0]
    pace.busy(time.now_s, 5.0)
    pace.cost_nothing()
    assert turns(pace, time, 1) == pytest.approx([5.0], abs=0.1)


def test_who_waits_for_a_turn_learns_that_it_stopped(pace: Pace, time: Time) -> None:
    pace.busy(time.now_s, 60.0)
    assert not asyncio.run(pace.turn(lambda: time.now_s > 105))
    assert time.now_s < 106
