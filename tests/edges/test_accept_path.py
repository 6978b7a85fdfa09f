"""What accepting a run asks of other services: little, and no query job once key and tenant are known."""

from werkzeug.test import Client

from shared.tenants.api_keys import TTL_S
from tests.edges.test_api import post
from tests.fakes import FakeServices


def asked(world: FakeServices) -> dict[str, list[str]]:
    """Every call to another service since the last time, by service, in order."""
    services = {
        "BigQuery, datasets": world.catalog,
        "BigQuery, rows": world.rows,
        "BigQuery, jobs": world.jobs,
        "Pub/Sub": world.bus,
        "rate limits": world.rate_limiter,
        "KMS": world.credentials_cipher,
        "KMS, API keys": world.api_keys_cipher,
        "mail": world.mailer,
    }
    made = {name: list(service.calls) for name, service in services.items() if service.calls}
    for service in services.values():
        service.calls.clear()
    return made


def test_a_run_of_a_tenant_who_is_known_is_one_append_and_one_publish(world: FakeServices, api: Client) -> None:
    post(api)
    asked(world)
    assert post(api).status_code == 202
    assert asked(world) == {
        "rate limits": ["hit"] * 3,  # the tenant's, the endpoint's, all together
        "BigQuery, rows": ["append"],  # QUEUED
        "Pub/Sub": ["publish"],
    }


def test_once_a_minute_its_keys_and_its_record_are_read_and_that_is_no_query_job(
    world: FakeServices, api: Client
) -> None:
    post(api)
    asked(world)
    world.clock.advance(TTL_S)
    assert post(api).status_code == 202
    assert asked(world) == {
        "rate limits": ["hit"] * 5,  # two more for the look-up: its address's, all look-ups together
        "BigQuery, rows": ["stored", "stored", "append"],
        "Pub/Sub": ["publish"],
    }
