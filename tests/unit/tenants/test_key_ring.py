"""A tenant's keys are listed without secrets, replaced in one go, and revoked; there is always one that is good."""

from datetime import timedelta

import pytest

from shared.contracts.tables import DatasetRef
from shared.errors import KeyNotFound, KeyRejected, LastKey, NotFound, TenantUnknown, TooManyKeys, Unavailable
from shared.ports import Job, JobError, QueryJob
from shared.tenants.api_keys import MOST_KEYS, ApiKeys, key_hash
from shared.tenants.key_ring import MOST_ENDED, MOST_LIVE, KeyRing, Rotated
from tests.builders import DATA, KEY, OTHER, OTHER_KEY, TENANT, make_tenant, schema, services, tenant
from tests.fakes import START, FakeServices

KEYS = DatasetRef(DATA, TENANT).table("x_meta_api_keys")
DAY_S = 86_400
CONFLICT = JobError("invalidQuery", "Could not serialize access to table p:d.t due to concurrent update", False)


@pytest.fixture
def world() -> FakeServices:
    made = services()
    make_tenant(made.warehouse, tenant(tenant_id=OTHER), OTHER_KEY)
    return made


@pytest.fixture
def ring(world: FakeServices) -> KeyRing:
    return KeyRing(
        world.rows,
        world.jobs,
        world.api_keys_cipher,
        world.clock,
        data_project=DATA,
        schema=schema("x_meta_api_keys"),
    )


def rotate(ring: KeyRing, number: int = 1, grace_s: int = DAY_S) -> Rotated:
    return ring.rotate(
        TENANT, key_id=f"{number:016x}", created_by="admin", grace_s=grace_s, request=f"request-{number}"
    )


def is_good(world: FakeServices, key: str) -> bool:
    keys = ApiKeys(world.rows, world.clock, data_project=DATA, schema=schema("x_meta_api_keys"))
    try:
        return bool(keys.tenant_of(key))
    except KeyRejected:
        return False


def statuses(world: FakeServices, ring: KeyRing) -> dict[str, str]:
    return {record.key_id: record.status(world.clock.now()) for record in ring.listed(TENANT)}


# ── list ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_keys_are_listed_newest_first_and_hold_no_secret(world: FakeServices, ring: KeyRing) -> None:
    world.clock.advance(60)
    made = rotate(ring)
    listed = ring.listed(TENANT)
    assert [record.key_id for record in listed] == [made.key_id, "key-0"]
    assert key_hash(KEY) not in repr(listed)
    assert not any(name in ("key_hash", "key_ciphertext") for name in vars(listed[0]))


def test_a_key_of_another_tenant_in_our_table_is_not_ours(world: FakeServices, ring: KeyRing) -> None:
    world.warehouse.tables[KEYS].stored.append({"key_id": "x", "tenant_id": OTHER, "key_hash": key_hash(OTHER_KEY)})
    assert statuses(world, ring) == {"key-0": "active"}


@pytest.mark.parametrize("tenant_id", ["nobody_1234", "no tenant", "", "a" * 5_000])
def test_of_nobody_there_are_no_keys(ring: KeyRing, tenant_id: str) -> None:
    with pytest.raises(TenantUnknown):
        ring.listed(tenant_id)


# ── rotate ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_key_is_good_and_the_old_one_for_as_long_as_it_was_given(world: FakeServices, ring: KeyRing) -> None:
    made = rotate(ring, grace_s=3_600)
    assert statuses(world, ring) == {made.key_id: "active", "key-0": "grace"}
    assert made.others_expire_at == START + timedelta(hours=1)
    assert is_good(world, KEY)
    world.clock.advance(3_600)
    assert not is_good(world, KEY)
    assert is_good(world, made.api_key.get_secret_value())
    assert statuses(world, ring) == {made.key_id: "active", "key-0": "expired"}


def test_without_grace_all_others_end_at_once_also_those_in_theirs(world: FakeServices, ring: KeyRing) -> None:
    first = rotate(ring, 1)
    second = rotate(ring, 2, grace_s=0)
    assert [is_good(world, key) for key in (KEY, first.api_key.get_secret_value())] == [False, False]
    assert is_good(world, second.api_key.get_secret_value())


def test_a_grace_period_is_never_made_longer(world: FakeServices, ring: KeyRing) -> None:
    rotate(ring, 1, grace_s=60)
    rotate(ring, 2, grace_s=DAY_S)
    world.clock.advance(60)
    assert not is_good(world, KEY)


def test_a_revoked_key_stays_revoked(world: FakeServices, ring: KeyRing) -> None:
    ring.revoke(TENANT, "key-0", keep_last=False, request="r")
    rotate(ring)
    assert statuses(world, ring)["key-0"] == "revoked"


def test_a_key_is_kept_as_a_hash_and_as_ciphertext_bound_to_tenant_field_and_id(
    world: FakeServices, ring: KeyRing
) -> None:
    made = rotate(ring)
    (row,) = [row for row in world.warehouse.events(KEYS) if row["key_id"] == made.key_id]
    secret = made.api_key.get_secret_value()
    assert row["key_hash"] == key_hash(secret)
    plain = world.api_keys_cipher.decrypt(row["key_ciphertext"], bound_to=f"{TENANT}|api_key|{made.key_id}")
    assert plain.decode() == secret
    assert secret not in f"{world.warehouse.events(KEYS)} {made}"
    assert (row["created_by"], row["created_at"]) == ("admin", START)


@pytest.mark.parametrize("method", ["insert", "wait"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_lost_answer_makes_no_second_key(world: FakeServices, ring: KeyRing, method: str, after: bool) -> None:
    world.jobs.fail(method, Unavailable("down"), after=after)
    made = rotate(ring)
    assert is_good(world, made.api_key.get_secret_value())
    assert statuses(world, ring) == {made.key_id: "active", "key-0": "grace"}


def test_two_at_once_leave_one_active_key_and_both_are_good(world: FakeServices, ring: KeyRing) -> None:
    world.jobs.stuck = True
    world.jobs.fail("wait", Unavailable("down"), times=3)
    with pytest.raises(Unavailable):
        rotate(ring, 1)
    world.jobs.stuck = False
    second = rotate(ring, 2)  # its look at the keys was before the first one's job has done its work
    world.jobs.get(f"cv-{TENANT}-request-1-x_meta_api_keys-rotate-0")
    found = statuses(world, ring)
    assert sorted(found.values()) == ["active", "grace", "grace"]
    assert is_good(world, second.api_key.get_secret_value())


def test_a_conflict_with_another_statement_is_tried_again(world: FakeServices, ring: KeyRing) -> None:
    world.jobs.dml_errors = [CONFLICT, CONFLICT]
    made = rotate(ring)
    assert is_good(world, made.api_key.get_secret_value())


def test_conflicts_without_end_are_unavailable(world: FakeServices, ring: KeyRing) -> None:
    world.jobs.dml_errors = [CONFLICT] * 5
    with pytest.raises(Unavailable):
        rotate(ring)
    assert statuses(world, ring) == {"key-0": "active"}


def test_no_more_keys_than_so_many_are_good_at_once(world: FakeServices, ring: KeyRing) -> None:
    for number in range(1, MOST_LIVE):
        rotate(ring, number)
    with pytest.raises(TooManyKeys):
        rotate(ring, MOST_LIVE)
    assert list(statuses(world, ring).values()).count("active") == 1
    rotate(ring, MOST_LIVE, grace_s=0)
    assert sorted(set(statuses(world, ring).values())) == ["active", "expired"]


@pytest.mark.parametrize("grace_s", [DAY_S, 0])
def test_of_two_at_once_the_one_too_many_changes_nothing(world: FakeServices, ring: KeyRing, grace_s: int) -> None:
    for number in range(1, MOST_LIVE - 1):
        rotate(ring, number)
    real = world.jobs.insert

    def overtaken(job_id: str, job: QueryJob) -> Job:
        world.jobs.insert = real  # type: ignore[method-assign]  # once
        rotate(ring, 98)
        return real(job_id, job)

    world.jobs.insert = overtaken  # type: ignore[method-assign]  # after the look at the keys, before the change
    if grace_s:
        with pytest.raises(TooManyKeys):
            rotate(ring, 99, grace_s)
        assert statuses(world, ring)[f"{98:016x}"] == "active"
        assert sorted(statuses(world, ring).values()) == ["active", *["grace"] * (MOST_LIVE - 1)]
    else:
        rotate(ring, 99, grace_s)
        assert sorted(statuses(world, ring).values()) == ["active", *["expired"] * MOST_LIVE]


def test_rotated_a_thousand_times_the_newest_key_is_still_found(world: FakeServices, ring: KeyRing) -> None:
    for number in range(1, 200):
        world.clock.advance(60)
        made = rotate(ring, number, grace_s=0)
        assert len(world.warehouse.tables[KEYS].stored) < MOST_KEYS
    assert is_good(world, made.api_key.get_secret_value())
    listed = ring.listed(TENANT)
    assert [record.key_id for record in listed] == [f"{number:016x}" for number in range(199, 199 - MOST_ENDED - 1, -1)]


def test_keys_of_a_tenant_without_a_table_cannot_be_made(world: FakeServices, ring: KeyRing) -> None:
    world.warehouse.drop(DatasetRef(DATA, TENANT))
    with pytest.raises(TenantUnknown):
        rotate(ring)


def test_a_table_that_goes_meanwhile_is_not_made_again(world: FakeServices, ring: KeyRing) -> None:
    world.jobs.dml_errors = [JobError("notFound", "Not found: Table", False)]
    with pytest.raises(NotFound):
        rotate(ring)


# ── revoke ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_revoked_key_is_good_for_nothing_and_can_be_revoked_again(world: FakeServices, ring: KeyRing) -> None:
    made = rotate(ring)
    for request in ("a", "b"):
        ring.revoke(TENANT, "key-0", keep_last=True, request=request)
    assert statuses(world, ring) == {made.key_id: "active", "key-0": "revoked"}
    assert not is_good(world, KEY)


def test_the_time_of_the_first_revocation_stays(world: FakeServices, ring: KeyRing) -> None:
    rotate(ring)
    ring.revoke(TENANT, "key-0", keep_last=True, request="a")
    world.clock.advance(60)
    ring.revoke(TENANT, "key-0", keep_last=True, request="b")
    assert {record.revoked_at for record in ring.listed(TENANT)} == {None, START}


def test_a_tenant_keeps_its_last_active_key(world: FakeServices, ring: KeyRing) -> None:
    made = rotate(ring)
    with pytest.raises(LastKey, match="grace_s"):
        ring.revoke(TENANT, made.key_id, keep_last=True, request="r")
    assert statuses(world, ring)[made.key_id] == "active"


def test_the_operator_can_revoke_the_last_one(world: FakeServices, ring: KeyRing) -> None:
    ring.revoke(TENANT, "key-0", keep_last=False, request="r")
    assert statuses(world, ring) == {"key-0": "revoked"}


@pytest.mark.parametrize("key_id", ["", "nothing", "key-0 ", "' OR TRUE --", "x" * 5_000])
def test_what_is_no_key_is_not_found(world: FakeServices, ring: KeyRing, key_id: str) -> None:
    with pytest.raises(KeyNotFound):
        ring.revoke(TENANT, key_id, keep_last=False, request="r")
    assert statuses(world, ring) == {"key-0": "active"}
