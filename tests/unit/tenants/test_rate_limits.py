"""Layers of limits, and what holds while nobody counts for all."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.errors import RateLimited, Unavailable
from shared.ports import Allowance
from shared.tenants.rate_limits import STORE_PAUSE_S, RateLimits
from tests.builders import OTHER, TENANT, settings
from tests.fakes import FakeClock, FakeRateLimiter

DOWN = Unavailable("down")


class World:
    def __init__(self, store: FakeRateLimiter | None = None, /, **limits: str) -> None:
        self.store = store or FakeRateLimiter()
        self.spare, self.clock = FakeRateLimiter(), FakeClock()
        given = settings(**{f"rate_limit_{name}": limit for name, limit in limits.items()})
        self.limits = RateLimits(self.store, self.spare, self.clock, given)


def test_a_tenant_has_fifty_runs_a_minute() -> None:
    world = World()
    left = [world.limits.run(TENANT).remaining for _ in range(50)]
    assert left == list(range(49, -1, -1))
    with pytest.raises(RateLimited, match=f"runs of tenant {TENANT}: at most 50 a minute; try again in 30 s") as caught:
        world.limits.run(TENANT)
    assert (caught.value.limit, caught.value.window_s, caught.value.wait_s) == (50, 60, 30.0)


def test_one_tenants_limit_is_not_anothers() -> None:
    world = World(runs="1/minute")
    world.limits.run(TENANT)
    world.limits.run(OTHER)
    with pytest.raises(RateLimited):
        world.limits.run(TENANT)


def test_runs_and_reads_are_counted_apart() -> None:
    world = World(runs="1/minute", reads="1/minute")
    world.limits.run(TENANT)
    world.limits.read("run_status", TENANT)
    with pytest.raises(RateLimited, match="calls of tenant acmeinc_23xv2 other than runs"):
        world.limits.read("runs", TENANT)


def test_what_a_tenant_is_refused_takes_nothing_from_the_others() -> None:
    world = World(runs="1/minute", endpoint="3/minute")
    for _ in range(10):
        try:
            world.limits.run(TENANT)
        except RateLimited:
            continue
    world.limits.run(OTHER)
    world.limits.run("thirdparty_0003")


def test_an_endpoint_has_a_limit_for_all_together_and_so_have_all_endpoints() -> None:
    world = World(endpoint="2/minute", **{"global": "3/minute"})
    world.limits.read("runs", TENANT)
    world.limits.read("runs", OTHER)
    with pytest.raises(RateLimited, match="all calls of this endpoint together: at most 2 a minute"):
        world.limits.read("runs", TENANT)
    world.limits.read("templates", TENANT)
    with pytest.raises(RateLimited, match="all calls together: at most 3 a minute"):
        world.limits.run(TENANT)


def test_look_ups_are_limited_by_address_and_all_together() -> None:
    world = World(lookups_per_address="2/minute", lookups="3/minute")
    world.limits.look_up("203.0.113.1")
    world.limits.look_up("203.0.113.1")
    with pytest.raises(RateLimited, match="from your address"):
        world.limits.look_up("203.0.113.1")
    world.limits.look_up("203.0.113.2")
    with pytest.raises(RateLimited, match="look-ups of keys: at most 3 a minute"):
        world.limits.look_up("203.0.113.3")


def test_while_the_store_is_down_runs_and_reads_are_counted_here(capsys: pytest.CaptureFixture[str]) -> None:
    world = World(runs="1/minute")
    world.store.fail("hit", DOWN)
    world.limits.run(TENANT)
    with pytest.raises(RateLimited):
        world.limits.run(TENANT)
    assert (world.store.calls, capsys.readouterr().err.count('"event": "rate_limit_store_down"')) == (["hit"], 1)


def test_while_the_store_is_down_the_operator_makes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    world.store.fail("hit", DOWN)
    for _ in range(2):
        with pytest.raises(Unavailable, match="the store of rate limits does not answer"):
            world.limits.admin("onboard_customer")
    assert capsys.readouterr().err.count('"event": "rate_limit_store_down"') == 1


def test_a_store_that_did_not_answer_is_asked_again_soon() -> None:
    world = World()
    world.store.fail("hit", DOWN)
    world.limits.run(TENANT)
    world.clock.advance(STORE_PAUSE_S)
    world.limits.run(TENANT)
    assert len(world.store.calls) == 4
    assert sum(world.spare.hits.values()) == 3


def test_of_many_that_find_the_store_down_at_once_one_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    many = 8
    together = threading.Barrier(many, timeout=10)

    class Dying(FakeRateLimiter):
        def hit(self, limit: str, *who: str) -> Allowance:
            together.wait()
            raise DOWN

    world = World(Dying())
    with ThreadPoolExecutor(many) as pool:
        assert all(one.allowed for one in pool.map(lambda _: world.limits.run(TENANT), range(many)))
    assert len(capsys.readouterr().err.splitlines()) == 1
