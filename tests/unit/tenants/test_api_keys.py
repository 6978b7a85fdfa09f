"""API keys are checked against hashes, alike for everything that is no valid key."""

import hmac
import string
from datetime import timedelta

import pytest

from shared.contracts.tables import DatasetRef
from shared.errors import KeyRejected, Unavailable
from shared.tenants.api_keys import RANDOM_CHARACTERS, ApiKeys, key_hash, mint, tenant_of_key
from tests.builders import DATA, KEY, OTHER, OTHER_KEY, TENANT, make_control, make_tenant, schema, settings, tenant
from tests.fakes import START, FakeServices

KEYS = DatasetRef(DATA, TENANT).table("x_meta_api_keys")


@pytest.fixture
def world() -> FakeServices:
    made = FakeServices(settings())
    make_control(made.warehouse)
    make_tenant(made.warehouse, tenant(), KEY)
    return made


@pytest.fixture
def keys(world: FakeServices) -> ApiKeys:
    return ApiKeys(world.rows, world.clock, data_project=DATA, schema=schema("x_meta_api_keys"))


def refusal(keys: ApiKeys, key: str | None) -> str:
    with pytest.raises(KeyRejected) as caught:
        keys.tenant_of(key)
    return caught.value.message


def test_a_valid_key_names_its_tenant(keys: ApiKeys) -> None:
    assert keys.tenant_of(KEY) == TENANT


@pytest.mark.parametrize(
    "key",
    [
        None, "", "x", TENANT, f"{TENANT}_api_", f"{TENANT}_api_short", f"{KEY}\n", f" {KEY}", f"{KEY}é",
        f"ACME_23xv2_api_{'a' * 26}", f"{TENANT}_api_{'a' * 65}", "a" * 100_000,
    ],
)  # fmt: skip
def test_what_has_not_the_shape_of_a_key_costs_no_look_up(keys: ApiKeys, world: FakeServices, key: str | None) -> None:
    refusal(keys, key)
    assert world.rows.calls == []


def test_an_unknown_tenant_and_a_wrong_key_cannot_be_told_apart(keys: ApiKeys) -> None:
    assert refusal(keys, OTHER_KEY) == refusal(keys, f"{TENANT}_api_{'a' * 26}")


def test_a_key_of_another_tenant_with_our_name_in_front_is_wrong(keys: ApiKeys) -> None:
    refusal(keys, f"{TENANT}_api_{OTHER_KEY.rpartition('_')[2]}")


def test_a_row_of_another_tenant_in_our_table_opens_nothing(keys: ApiKeys, world: FakeServices) -> None:
    world.warehouse.tables[KEYS].stored[:] = [{"key_id": "k", "tenant_id": OTHER, "key_hash": key_hash(KEY)}]
    refusal(keys, KEY)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_every_row_is_compared_whichever_fits(
    world: FakeServices, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    compared, real = [], hmac.compare_digest

    def compare(given: str, stored: str) -> bool:
        compared.append(stored)
        return real(given, stored)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    others = [f"{TENANT}_api_{letter * 26}" for letter in "ab"]
    stored = [*others[:position], KEY, *others[position:]]
    world.warehouse.tables[KEYS].stored.clear()
    make_tenant(world.warehouse, tenant(), *stored)
    keys = ApiKeys(world.rows, world.clock, data_project=DATA, schema=schema("x_meta_api_keys"))
    keys.tenant_of(KEY)
    assert compared == [key_hash(each) for each in stored]


def test_a_revoked_key_is_not_valid(world: FakeServices, keys: ApiKeys) -> None:
    make_tenant(world.warehouse, tenant(), KEY, revoked_at=START - timedelta(days=1))
    refusal(keys, KEY)


def test_an_expired_key_is_not_valid_from_that_moment_on(world: FakeServices, keys: ApiKeys) -> None:
    make_tenant(world.warehouse, tenant(), KEY, expires_at=START + timedelta(seconds=10))
    keys.tenant_of(KEY)
    world.clock.advance(10)
    refusal(keys, KEY)


def test_a_revocation_holds_within_a_minute(world: FakeServices, keys: ApiKeys) -> None:
    keys.tenant_of(KEY)
    make_tenant(world.warehouse, tenant(), KEY, revoked_at=START)
    world.clock.advance(60)
    refusal(keys, KEY)


def test_within_the_minute_nothing_is_read_again(world: FakeServices, keys: ApiKeys) -> None:
    for _ in range(3):
        keys.tenant_of(KEY)
    refusal(keys, OTHER_KEY)
    refusal(keys, OTHER_KEY)
    assert world.rows.calls == ["stored"] * 2


def test_a_new_tenants_key_is_good_at_once_where_it_was_made(world: FakeServices, keys: ApiKeys) -> None:
    refusal(keys, OTHER_KEY)
    make_tenant(world.warehouse, tenant(tenant_id=OTHER), OTHER_KEY)
    keys.forget(OTHER)
    assert keys.tenant_of(OTHER_KEY) == OTHER


def test_a_look_up_that_fails_is_no_refusal(world: FakeServices, keys: ApiKeys) -> None:
    world.rows.fail("stored", Unavailable("down"))
    with pytest.raises(Unavailable):
        keys.tenant_of(KEY)


def test_a_minted_key_has_the_random_characters_that_were_chosen() -> None:
    letters = iter("aB3" * 20)
    offered = set()

    def choose(alphabet: str) -> str:
        offered.add(alphabet)
        return next(letters)

    key = mint(TENANT, choose).get_secret_value()
    assert tenant_of_key(key) == TENANT
    assert key == f"{TENANT}_api_" + ("aB3" * 20)[:RANDOM_CHARACTERS]
    assert offered == {string.ascii_letters + string.digits}
    assert len(offered.pop()) ** RANDOM_CHARACTERS > 2**128


def test_a_minted_key_is_not_shown_by_accident() -> None:
    key = mint(TENANT, lambda alphabet: alphabet[0])
    assert "aaaa" not in f"{key} {key!r}"
