"""Who is about to do what is recorded before it is done; without a record nothing may be done."""

import pytest

from shared.errors import AccessDenied, NotFound, PayloadRefused, QuotaExceeded, Unavailable
from shared.tenants.audit import Act, Audit
from tests.builders import AUDIT, CONTROL, TENANT, services
from tests.fakes import START, FakeServices

ACT = Act("a" * 32, "api_keys.rotate", TENANT, "tenant", "key-0", "203.0.113.9", "key-1", ("grace_s",), "t" * 32)


@pytest.fixture
def world() -> FakeServices:
    return services()


def audit(world: FakeServices) -> Audit:
    return Audit(world.rows, world.clock, CONTROL)


def test_an_act_is_recorded_with_who_what_when_and_from_where(world: FakeServices) -> None:
    audit(world).record(ACT)
    assert world.warehouse.events(AUDIT) == [
        {
            "audit_id": "a" * 32,
            "called_at": START,
            "action": "api_keys.rotate",
            "tenant_id": TENANT,
            "actor": "tenant",
            "key_id": "key-0",
            "source_address": "203.0.113.9",
            "subject": "key-1",
            "fields": ["grace_s"],
            "trace": "t" * 32,
        }
    ]


@pytest.mark.parametrize("error", [Unavailable, QuotaExceeded, NotFound, AccessDenied, PayloadRefused])
def test_whatever_keeps_it_from_being_recorded_the_act_may_be_tried_again(
    world: FakeServices, error: type[Exception]
) -> None:
    world.rows.fail("append", error("no"))
    with pytest.raises(Unavailable, match="nothing was done"):
        audit(world).record(ACT)
