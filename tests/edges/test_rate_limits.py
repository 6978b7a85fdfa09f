"""What a caller sees of rate limits: headers on what is answered, 429 on what is too much, in the order of rules 2."""

from typing import Any

import pytest
from werkzeug.test import Client

from shared.errors import Unavailable
from shared.tenants.rate_limits import STORE_PAUSE_S
from tests.builders import KEY, OTHER, OTHER_KEY, TENANT, make_control, make_tenant, settings, tenant
from tests.edges.conftest import ADMIN_KEY, serve
from tests.edges.test_api import NEWCOMER, RUN_URL, onboard, post, problem
from tests.fakes import FakeServices

STATUS_URL = f"/api/v1/pipelines/status/{TENANT}/{'a' * 32}"


def limited(**limits: Any) -> FakeServices:
    """The usual two tenants under other limits."""
    made = FakeServices(settings(**{f"rate_limit_{name}": limit for name, limit in limits.items()}))
    make_control(made.warehouse)
    make_tenant(made.warehouse, tenant(), KEY)
    make_tenant(made.warehouse, tenant(tenant_id=OTHER, admin_email="admin@bytefactory.example"), OTHER_KEY)
    serve(made)
    return made


def test_an_answer_says_what_is_left(world: FakeServices, api: Client) -> None:
    headers = post(api).headers
    assert [headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Policy")] == ["50", "49", "50;w=60"]
    assert 0 < int(headers["RateLimit-Reset"]) <= 60
    assert "Retry-After" not in headers


def test_the_fifty_first_run_of_a_minute_is_429_and_changes_nothing(world: FakeServices, api: Client) -> None:
    assert {post(api).status_code for _ in range(50)} == {202}
    response = post(api)
    assert problem(response) == (429, "rate_limited")
    assert (response.headers["RateLimit-Remaining"], int(response.headers["Retry-After"]) > 0) == ("0", True)
    assert len(world.bus.published) == 50
    neighbour = post(api, url=RUN_URL.replace(TENANT, OTHER), key=OTHER_KEY)
    assert neighbour.status_code == 202


def test_a_call_that_was_wrong_counts_too(world: FakeServices, api: Client) -> None:
    assert post(api, b"{not json").headers["RateLimit-Remaining"] == "49"


def test_too_many_is_said_after_key_and_tenant_and_before_template_and_body(api: Client, world: FakeServices) -> None:
    limited(runs="1/minute")
    post(api)
    no_template = f"/api/v1/pipelines/run/{TENANT}/no/such/template"
    assert problem(post(api, b"{not json", url=no_template)) == (429, "rate_limited")
    assert problem(post(api, key=KEY + "x")) == (401, "key_rejected")
    assert problem(post(api, key=OTHER_KEY)) == (403, "wrong_tenant")


def test_reads_have_a_limit_of_their_own(api: Client, world: FakeServices) -> None:
    limited(reads="1/minute")
    headers = {"X-API-Key": KEY}
    assert api.get(STATUS_URL, headers=headers).status_code == 404
    assert problem(api.get(STATUS_URL, headers=headers)) == (429, "rate_limited")
    assert post(api).status_code == 202


@pytest.mark.parametrize(
    ("proxies", "forwarded", "is_another"),
    [
        (1, "198.51.100.7, 203.0.113.9", True),  # the last one is what our own front saw
        (1, "203.0.113.9, 198.51.100.7", False),
        (2, "203.0.113.9, 198.51.100.7", True),
        (0, "203.0.113.9", False),
    ],
)
def test_guesses_from_one_address_are_stopped_before_keys_are_read(
    api: Client, world: FakeServices, proxies: int, forwarded: str, is_another: bool
) -> None:
    made = FakeServices(settings(rate_limit_lookups_per_address="1/minute", trusted_proxies=proxies))
    serve(made)
    first, again = ({"X-Forwarded-For": one} for one in ("10.0.0.1, 198.51.100.7", forwarded))
    if proxies == 2:
        first = {"X-Forwarded-For": "198.51.100.7, 10.0.0.1"}
    assert problem(post(api, key=f"nobody_0001_api_{'a' * 26}", headers=first)) == (401, "key_rejected")
    expected = (401, "key_rejected") if is_another else (429, "rate_limited")
    assert problem(post(api, key=f"nobody_0002_api_{'a' * 26}", headers=again)) == expected
    assert made.rows.calls.count("stored") == (2 if is_another else 1)


def test_a_key_that_is_known_needs_no_look_up(api: Client, world: FakeServices) -> None:
    limited(lookups="1/minute")
    assert [post(api).status_code for _ in range(3)] == [202, 202, 202]


def test_with_the_store_down_runs_go_on_and_onboarding_is_refused(world: FakeServices, api: Client) -> None:
    world.rate_limiter.fail("hit", Unavailable("down"))
    assert post(api).status_code == 202
    assert problem(onboard(api)) == (503, "service_unavailable")
    world.clock.advance(STORE_PAUSE_S)
    assert onboard(api).status_code == 201


def test_the_operators_calls_are_limited_per_endpoint(api: Client, world: FakeServices) -> None:
    limited(endpoint="1/minute")
    assert onboard(api).status_code == 201
    assert problem(onboard(api, {**NEWCOMER, "tenant_id": "another_0001"}, key=ADMIN_KEY)) == (429, "rate_limited")
