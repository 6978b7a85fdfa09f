"""A tenant's id and the names of its datasets read in one way only."""

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.tenant import DATASET_TYPE, TENANT_ID, Tenant, is_tenant_id, owner_of_dataset

ids = st.from_regex(TENANT_ID.removesuffix("$") + r"\Z")
types = st.from_regex(r"\A[a-z][a-z0-9_]{1,60}\Z").filter(lambda text: "__" not in text)


@given(ids, types)
def test_a_dataset_is_that_of_the_one_tenant_whose_id_it_begins_with(tenant_id: str, kind: str) -> None:
    assert owner_of_dataset(tenant_id) == tenant_id
    assert owner_of_dataset(f"{tenant_id}_{kind}") == tenant_id


@given(ids, ids, types)
def test_no_two_tenants_can_own_a_dataset(one: str, other: str, kind: str) -> None:
    if f"{one}_{kind}".startswith(f"{other}_"):
        assert one == other


@given(st.text(max_size=40))
def test_what_is_no_tenants_dataset_is_nobodys(name: str) -> None:
    owner = owner_of_dataset(name)
    assert owner is None or (is_tenant_id(owner) and (name == owner or name.startswith(f"{owner}_")))


def test_control_and_doubled_underscores_are_nobodys() -> None:
    names = ["convergence__control", "acmeinc_23xv2__silver", "acmeinc_23xv2_silver__x", "acmeinc_23xv2_", "_acme_1234"]
    assert [owner_of_dataset(name) for name in names] == [None] * len(names)


def test_a_type_has_no_line_break_at_its_end() -> None:
    assert owner_of_dataset("acmeinc_23xv2_silver\n") is None
    assert DATASET_TYPE.endswith("$")


def test_the_mail_domain_is_what_follows_the_last_at() -> None:
    assert Tenant("acmeinc_23xv2", "Jane@ACME.example", epoch="e").mail_domain == "acme.example"
