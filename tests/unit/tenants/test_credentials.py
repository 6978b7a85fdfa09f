"""Credentials at cloud providers: kept as ciphertext bound to tenant and row, replaced, removed, opened."""

from dataclasses import replace

import pytest

from shared.contracts.credentials import AwsCredentials
from shared.contracts.tables import DatasetRef
from shared.errors import PayloadRefused, Unavailable
from shared.tenants.credentials import CloudCredentials, external_id
from tests.builders import DATA, OTHER, OTHER_KEY, TENANT, make_tenant, schema, services, tenant
from tests.fakes import FakeServices

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEYS = AwsCredentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=SECRET, region="eu-central-1")
ROLE = AwsCredentials(role_arn="arn:aws:iam::123456789012:role/reader")


@pytest.fixture
def world() -> FakeServices:
    made = services()
    make_tenant(made.warehouse, tenant(tenant_id=OTHER), OTHER_KEY)
    return made


@pytest.fixture
def kept(world: FakeServices) -> CloudCredentials:
    return CloudCredentials(
        world.rows,
        world.jobs,
        world.credentials_cipher,
        world.clock,
        data_project=DATA,
        schema=schema("x_meta_cloud_credentials"),
    )


def put(kept: CloudCredentials, credentials: AwsCredentials = KEYS, number: int = 1, tenant_id: str = TENANT) -> None:
    kept.put(tenant_id, "aws", credentials, credential_id=f"c{number}", request=f"request-{number}")


def rows(world: FakeServices, tenant_id: str = TENANT) -> list[dict[str, object]]:
    return world.warehouse.events(DatasetRef(DATA, tenant_id).table("x_meta_cloud_credentials"))


@pytest.mark.parametrize("given", [KEYS, ROLE])
def test_what_was_put_can_be_opened(kept: CloudCredentials, given: AwsCredentials) -> None:
    put(kept, given)
    assert kept.open(TENANT, "aws") == given


def test_nothing_of_them_is_in_the_clear(
    world: FakeServices, kept: CloudCredentials, capsys: pytest.CaptureFixture[str]
) -> None:
    put(kept)
    written = f"{rows(world)} {world.jobs.inserted} {KEYS} {KEYS!r} {KEYS.model_dump_json()} {capsys.readouterr()}"
    assert SECRET not in written
    assert "AKIAIOSFODNN7EXAMPLE" not in f"{rows(world)} {world.jobs.inserted}"


def test_new_ones_take_the_place_of_the_old(world: FakeServices, kept: CloudCredentials) -> None:
    put(kept)
    world.clock.advance(60)
    put(kept, ROLE, 2)
    (row,) = rows(world)
    assert row["created_at"] != row["updated_at"]
    assert kept.open(TENANT, "aws") == ROLE


def test_of_two_rows_the_newer_one_counts(world: FakeServices, kept: CloudCredentials) -> None:
    put(kept)
    table = world.warehouse.tables[DatasetRef(DATA, TENANT).table("x_meta_cloud_credentials")]
    old = list(table.stored)
    world.clock.advance(60)
    put(kept, ROLE, 2)
    table.stored = [*table.stored, *old]
    assert kept.open(TENANT, "aws") == ROLE
    put(kept, KEYS, 3)
    assert {row["credential_id"] for row in rows(world)} == {"c3"}


def test_a_row_that_was_moved_to_another_tenant_cannot_be_opened(world: FakeServices, kept: CloudCredentials) -> None:
    put(kept)
    (row,) = rows(world)
    theirs = world.warehouse.tables[DatasetRef(DATA, OTHER).table("x_meta_cloud_credentials")]
    theirs.stored = [row]
    assert kept.open(OTHER, "aws") is None
    theirs.stored = [{**row, "tenant_id": OTHER}]
    with pytest.raises(PayloadRefused):
        kept.open(OTHER, "aws")


def test_removed_ones_are_gone_and_removing_again_does_nothing(world: FakeServices, kept: CloudCredentials) -> None:
    put(kept)
    assert [kept.remove(TENANT, "aws", request=request) for request in "ab"] == [True, False]
    assert kept.open(TENANT, "aws") is None
    assert rows(world) == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_lost_answer_is_looked_for(world: FakeServices, kept: CloudCredentials, after: bool) -> None:
    world.jobs.fail("wait", Unavailable("down"), after=after)
    put(kept)
    assert len(rows(world)) == 1


def test_what_cannot_be_encrypted_is_not_written(world: FakeServices, kept: CloudCredentials) -> None:
    world.credentials_cipher.fail("encrypt", Unavailable("down"))
    with pytest.raises(Unavailable):
        put(kept)
    assert world.jobs.inserted == []


def test_an_external_id_is_the_tenants_own_for_one_life_and_one_provider() -> None:
    mine = external_id(tenant(), "aws")
    assert mine == external_id(replace(tenant(), status="suspended", admin_email="x@y.example"), "aws")
    others = {
        external_id(tenant(tenant_id=OTHER), "aws"), external_id(tenant(epoch="another"), "aws"),
        external_id(tenant(), "azure"),
    }  # fmt: skip
    assert len(others | {mine}) == 4
    assert 2 <= len(mine) <= 1_224
    assert mine.replace("-", "").isalnum()
