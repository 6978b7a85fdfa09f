"""Many onboardings against an API that answers as it likes: every key is kept, every other end is named."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.key_file import KeyFile
from cli.onboard_many import MOST_CALLS, PATIENCE_S, Ended, OnboardMany
from cli.onboarding_answer import understood
from cli.pace import Pace
from cli.tenant_list import Newcomer
from shared.errors import PermanentError, RequestInvalid, Unavailable

API = "http://api.example"
Answerer = Callable[[httpx.Request], httpx.Response]


class FakeApi:
    """Onboards whoever is asked for, once; before that, `first` of a tenant are answered, one a call."""

    def __init__(self) -> None:
        self.first: dict[str, list[Answerer]] = defaultdict(list)
        self.always: Answerer | None = None
        self.keys: dict[str, str] = {}
        self.calls: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        tenant_id = json.loads(request.content)["tenant_id"]
        self.calls.append(tenant_id)
        await asyncio.sleep(0)
        if self.always is not None:
            return self.always(request)
        if self.first[tenant_id]:
            return self.first[tenant_id].pop(0)(request)
        return self.onboard(tenant_id)

    def onboard(self, tenant_id: str) -> httpx.Response:
        if tenant_id in self.keys:
            return problem(409, "already_onboarded")
        self.keys[tenant_id] = f"{tenant_id}_api_secret{len(self.keys)}"
        return httpx.Response(201, json={"tenant_id": tenant_id, "api_key": self.keys[tenant_id]})

    def lose_the_answer(self, request: httpx.Request) -> httpx.Response:
        """Act, and answer nothing."""
        self.onboard(json.loads(request.content)["tenant_id"])
        raise httpx.ReadError("gone", request=request)


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    said: dict[str, Any] = {"code": code, "detail": f"it is {code}", "errors": []}
    return httpx.Response(status, json=said, headers={name.replace("_", "-"): value for name, value in headers.items()})


def says(status: int, code: str, **headers: str) -> Answerer:
    return lambda _: problem(status, code, **headers)


class World:
    """A run with an API, a file of keys, and a time that passes when somebody waits for a turn."""

    def __init__(self, folder: Path) -> None:
        self.api, self.path, self.now_s = FakeApi(), folder / "keys.csv", 0.0
        self.problem: Any = None
        self.told: Callable[[OnboardMany, Ended], None] = lambda _many, _ended: None

    async def _sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)

    def run(self, *tenants: str, keys: type[KeyFile] = KeyFile, at_once: int = 4) -> dict[str, tuple[str, str]]:
        """The result and code of each tenant that has an end."""
        ended: dict[str, tuple[str, str]] = {}
        many: Any = None

        def tell(one: Ended) -> None:
            assert one.newcomer.tenant_id not in ended, "told twice"
            assert not any(key in repr(one) for key in self.api.keys.values())
            ended[one.newcomer.tenant_id] = (one.result, one.code)
            self.told(many, one)

        async def run() -> None:
            nonlocal many
            async with httpx.AsyncClient(base_url=API, transport=httpx.MockTransport(self.api)) as client:
                pace = Pace(1_000, clock=lambda: self.now_s, sleep=self._sleep)
                many = OnboardMany(client, file, pace, tell=tell, at_once=at_once, clock=lambda: self.now_s)
                await many.run([newcomer(one) for one in tenants])

        with closing(keys(self.path, api=API)) as file:
            asyncio.run(run())
        self.problem = many.problem
        return ended

    @property
    def kept(self) -> dict[str, str]:
        rows = [line.split(",") for line in self.path.read_text().splitlines()[1:]]
        assert len({tenant_id for tenant_id, _ in rows}) == len(rows)
        return dict(rows)

    def unsettled(self) -> set[str]:
        with closing(KeyFile(self.path, api=API)) as keys:
            return keys.unsettled


def newcomer(tenant_id: str) -> Newcomer:
    body = {"tenant_id": tenant_id, "admin_email": "admin@many.example"}
    return Newcomer(2, body, body)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def many(count: int) -> list[str]:
    return [f"many{number:04}_0001" for number in range(count)]


def test_every_key_is_kept_and_told_to_nobody(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    assert set(world.run(*many(300), at_once=16).values()) == {("onboarded", "")}
    assert world.kept == world.api.keys
    assert len(world.kept) == 300
    assert world.unsettled() == set()
    assert "secret" not in "".join(capfd.readouterr())


def test_who_was_there_before_is_counted_and_not_asked_about_again(world: World) -> None:
    world.api.keys["acme_1234"] = "known elsewhere"
    for _ in range(2):
        assert world.run("acme_1234") == {"acme_1234": ("there", "already_onboarded")}
        assert world.unsettled() == set()
    assert world.kept == {}


def test_a_key_whose_answer_was_lost_is_named_until_there_is_another(world: World) -> None:
    world.api.first["acme_1234"] = [world.api.lose_the_answer]
    for _ in range(2):
        assert world.run("acme_1234", "other_1234")["acme_1234"] == ("lost", "key_lost")
    assert set(world.kept) == {"other_1234"}
    with closing(KeyFile(world.path, api=API)) as keys:
        keys.add("acme_1234", "acme_1234_api_rotated")
    assert world.unsettled() == set()


def test_a_key_that_a_killed_run_asked_for_is_named(world: World) -> None:
    with closing(KeyFile(world.path, api=API)) as keys:
        keys.ask("acme_1234")
        keys.ask("later_1234")
    world.api.onboard("acme_1234")
    assert world.run("acme_1234", "later_1234") == {"acme_1234": ("lost", "key_lost"), "later_1234": ("onboarded", "")}


def test_a_call_that_never_left_loses_no_key(world: World) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    world.api.first["acme_1234"] = [refuse]
    world.api.keys["acme_1234"] = "known elsewhere"
    assert world.run("acme_1234") == {"acme_1234": ("there", "already_onboarded")}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503, text="<html>"), httpx.Response(502), httpx.Response(504), problem(500, "internal_error"),
        httpx.Response(201), httpx.Response(201, json={"tenant_id": "acme_1234"}),
        httpx.Response(201, json={"tenant_id": "acme_1234", "api_key": "other_1234_api_secret"}),
    ],
)  # fmt: skip
def test_what_may_have_acted_is_told_from_what_has_not(answer: httpx.Response) -> None:
    assert understood(answer, "acme_1234").may_have_acted


@pytest.mark.parametrize(("status", "code"), [(429, "rate_limited"), (503, "unavailable"), (503, "quota_exceeded")])
def test_a_busy_api_is_asked_again_when_it_says(world: World, status: int, code: str) -> None:
    world.api.first["acme_1234"] = [says(status, code, Retry_After="7")] * 3
    assert world.run("acme_1234") == {"acme_1234": ("onboarded", "")}
    assert 21 <= world.now_s < 22


def test_an_api_that_answers_nothing_stops_the_run_which_can_go_on(world: World) -> None:
    world.api.always = says(503, "unavailable", Retry_After="5")
    assert len(world.run(*many(200))) < 200
    assert isinstance(world.problem, Unavailable)
    assert PATIENCE_S < world.now_s < 1.2 * PATIENCE_S
    world.api.always = None
    assert set(world.run(*many(200)).values()) == {("onboarded", "")}
    assert world.kept == world.api.keys


@pytest.mark.parametrize("status", [401, 403, 404, 405, 302])
def test_what_no_tenant_can_pass_is_asked_only_once_by_each_slot(world: World, status: int) -> None:
    world.api.always = says(status, "key_rejected")
    assert world.run(*many(50)) == {}
    assert len(world.api.calls) <= 4
    assert isinstance(world.problem, RequestInvalid)
    assert str(status) in world.problem.message
    assert world.unsettled() == set()


def test_a_line_that_the_api_refuses_is_named_with_all_that_is_wrong(world: World) -> None:
    world.api.first["acme_1234"] = [
        lambda _: httpx.Response(
            400,
            json={
                "code": "variables_invalid", "detail": "x",
                "errors": [{"where": "body.variables.a", "message": "no"}, {"where": "body.b", "message": "nor this"}],
            },
        )
    ]  # fmt: skip
    said: list[str] = []
    world.told = lambda _, ended: said.append(ended.message)
    assert world.run("acme_1234") == {"acme_1234": ("failed", "variables_invalid")}
    assert said == ["body.variables.a: no; body.b: nor this"]


def test_a_half_finished_onboarding_is_completed_and_one_that_fails_again_is_named(world: World) -> None:
    world.api.first["acme_1234"] = [says(502, "onboarding_failed")]
    world.api.first["never_1234"] = [says(502, "onboarding_failed")] * 9
    found = world.run("acme_1234", "never_1234")
    assert found == {"acme_1234": ("onboarded", ""), "never_1234": ("failed", "onboarding_failed")}
    assert world.api.calls.count("never_1234") == 3


def test_another_call_for_the_same_tenant_is_waited_for(world: World) -> None:
    world.api.first["acme_1234"] = [says(409, "onboarding_in_progress", Retry_After="0")] * 2
    world.api.first["stuck_1234"] = [says(409, "onboarding_in_progress", Retry_After="0")] * 99
    found = world.run("acme_1234", "stuck_1234")
    assert found == {"acme_1234": ("onboarded", ""), "stuck_1234": ("failed", "onboarding_in_progress")}
    assert world.api.calls.count("stuck_1234") == MOST_CALLS


def test_a_stopped_run_keeps_the_keys_in_flight_and_goes_on_where_it_was(world: World) -> None:
    world.told = lambda run, _: run.stop() if len(world.kept) == 10 else None
    first = world.run(*many(100))
    assert world.kept == world.api.keys
    assert 10 <= len(first) <= 14
    assert world.unsettled() == set()
    world.told = lambda _many, _ended: None
    rest = [one for one in many(100) if one not in world.kept]
    assert set(world.run(*rest).values()) == {("onboarded", "")}
    assert sorted(world.api.calls) == many(100)


def test_a_stopped_run_does_not_wait_for_another_calls_lease(world: World) -> None:
    world.api.first["leased_1234"] = [says(409, "onboarding_in_progress", Retry_After="300")]
    world.told = lambda run, _: run.stop()
    assert world.run("leased_1234", "acme_1234") == {"acme_1234": ("onboarded", "")}


class FullDisk(KeyFile):
    """Takes two keys."""

    def add(self, tenant_id: str, api_key: str) -> None:
        if len(self.held) == 2:
            raise PermanentError(f"cannot write {self.path}: No space left on device")
        super().add(tenant_id, api_key)


def test_a_key_that_cannot_be_written_stops_the_run_and_is_named(world: World) -> None:
    found = world.run(*many(50), keys=FullDisk, at_once=1)
    assert [result for result, _ in found.values()] == ["onboarded", "onboarded", "lost"]
    assert "No space left" in world.problem.message
    assert set(world.api.keys) - set(world.kept) == {one for one, (result, _) in found.items() if result == "lost"}
    assert world.run(*many(3)[2:]) == {many(3)[2]: ("lost", "key_lost")}


def test_an_answer_shows_no_key() -> None:
    answer = httpx.Response(201, json={"tenant_id": "acme_1234", "api_key": "acme_1234_api_secret"})
    assert "secret" not in repr(understood(answer, "acme_1234"))
