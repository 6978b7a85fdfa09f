"""Settings fail early, completely, and without a word of what was in them."""

from pathlib import Path

import pytest

from shared.errors import SettingsInvalid
from shared.settings import Settings

LEAST = {"GCP_PROJECT_ID": "p", "OPERATOR_EMAIL": "ops@x.example", "MAIL_FROM": "no@x.example"}
LOCAL_ONLY = {
    "OPEN_ONBOARDING": "true",
    "BIGQUERY_ENDPOINT": "http://127.0.0.1:9050",
    "PUBSUB_EMULATOR_HOST": "127.0.0.1:8085",
    "KMS_ENDPOINT": "127.0.0.1:8086",
    "SECRET_MANAGER_ENDPOINT": "127.0.0.1:8086",
    "SENDGRID_ENDPOINT": "http://127.0.0.1:8087",
}


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_environment({})
    assert {(fault.where, fault.code) for fault in caught.value.faults} == {(name, "missing") for name in LEAST}
    assert all(name in caught.value.message for name in LEAST)


def test_missing_and_wrong_settings_are_named_together() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_environment({**LEAST, "MAIL_FROM": "", "PUSH_DEADLINE_S": "soon", "ROUTES": "some"})
    assert {(fault.where, fault.code) for fault in caught.value.faults} == {
        ("MAIL_FROM", "missing"),
        ("PUSH_DEADLINE_S", "invalid"),
        ("ROUTES", "invalid"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "ADMIN_KEY_SECRET", "KMS_API_KEYS_KEY", "ROUTES", "LANE", "PUSH_DEADLINE_S", "OPEN_ONBOARDING",
        "TEMPLATE_VARIABLES", "DEPLOYMENT", "MAXIMUM_BYTES_BILLED",
    ],
)  # fmt: skip
def test_no_value_is_echoed(name: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_environment({**LEAST, name: "s3cr3t-v4lu3"})
    assert "s3cr3t" not in caught.value.message + repr(caught.value.faults)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("name", LOCAL_ONLY)
def test_production_refuses_what_only_a_developers_machine_may_have(name: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"only DEPLOYMENT=local may set {name}"):
        Settings.from_environment({**LEAST, name: LOCAL_ONLY[name]})


RING = "projects/p/locations/us/keyRings/r/cryptoKeys"
ADMIN = {
    "ROUTES": "admin",
    "ADMIN_KEY_SECRET": "projects/p/secrets/s/versions/1",
    "KMS_API_KEYS_KEY": f"{RING}/api-keys",
}


def test_admin_routes_in_production_need_their_keys() -> None:
    assert Settings.from_environment({**LEAST, **ADMIN}).routes == "admin"
    with pytest.raises(SettingsInvalid, match="ROUTES=all needs ADMIN_KEY_SECRET and KMS_API_KEYS_KEY"):
        Settings.from_environment({**LEAST, "ROUTES": "all"})


@pytest.mark.parametrize("deployment", ["production", "local"])
def test_api_keys_and_credentials_have_kms_keys_of_their_own(deployment: str) -> None:
    given = {**LEAST, "DEPLOYMENT": deployment, "KMS_API_KEYS_KEY": f"{RING}/one"}
    Settings.from_environment({**given, "KMS_CREDENTIALS_KEY": f"{RING}/another"})
    with pytest.raises(SettingsInvalid, match="must be two"):
        Settings.from_environment({**given, "KMS_CREDENTIALS_KEY": f"{RING}/one"})


def test_a_local_deployment_may_have_all_of_it() -> None:
    made = Settings.from_environment({**LEAST, **LOCAL_ONLY, "DEPLOYMENT": "local"})
    assert made.open_onboarding
    assert made.bigquery_endpoint == LOCAL_ONLY["BIGQUERY_ENDPOINT"]


def test_production_is_the_default() -> None:
    made = Settings.from_environment(LEAST)
    assert (made.deployment, made.routes, made.open_onboarding) == ("production", "tenant", False)


@pytest.mark.parametrize("version", ["latest", "", "1a"])
def test_a_secrets_version_is_pinned(version: str) -> None:
    with pytest.raises(SettingsInvalid, match="ADMIN_KEY_SECRET"):
        Settings.from_environment({**LEAST, "ADMIN_KEY_SECRET": f"projects/p/secrets/s/versions/{version}"})


def test_lists_maps_and_paths_are_read_from_text() -> None:
    made = Settings.from_environment(
        {
            **LEAST,
            "OPERATOR_MAIL_DOMAINS": "a.example, b@c.example ,",
            "TEMPLATE_VARIABLES": '{"billing_export_table": "p.d.t"}',
            "CONFIGS_DIR": "somewhere",
        }
    )
    assert made.operator_mail_domains == ("a.example", "b@c.example")
    assert made.template_variables == {"billing_export_table": "p.d.t"}
    assert made.configs_dir == Path("somewhere")


def test_tenant_datasets_may_live_in_a_project_of_their_own() -> None:
    apart = Settings.from_environment({**LEAST, "DATA_PROJECT_ID": "data"})
    assert (Settings.from_environment(LEAST).data_project, apart.data_project) == ("p", "data")
    assert apart.operator_variables["gcp_project_id"] == "data"


def test_what_the_operator_set_by_name_is_not_overwritten_by_a_template_variable() -> None:
    made = Settings.from_environment({**LEAST, "TEMPLATE_VARIABLES": '{"operator_email": "x@y.example"}'})
    assert made.operator_variables["operator_email"] == "ops@x.example"


def test_what_the_environment_holds_besides_is_not_looked_at() -> None:
    assert Settings.from_environment({**LEAST, "PATH": "/bin", "lower": "1"}).gcp_project_id == "p"


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_publishers_are_a_map_that_is_checked_whole() -> None:
    given = '{"billing": {"tenants": ["acmeinc_23xv2"], "templates": ["gcp/cost/cost_billing"]}}'
    made = Settings.from_environment({**LEAST, "PUBLISHERS": given})
    assert made.publishers["billing"].may_run("acmeinc_23xv2", "gcp/cost/cost_billing")
    assert not made.publishers["billing"].may_run("techcorp_99zx4", "gcp/cost/cost_billing")
    assert not made.publishers["billing"].may_run("acmeinc_23xv2", "gcp/cost/cost_usage")


@pytest.mark.parametrize(
    "given",
    [
        "billing",
        "[]",
        '{"Billing": {"tenants": "*", "templates": ["gcp/cost/cost_billing"]}}',
        '{"billing": {"tenants": "all", "templates": ["gcp/cost/cost_billing"]}}',
        '{"billing": {"tenants": "*", "templates": []}}',
        '{"billing": {"tenants": "*", "templates": ["customer/onboarding"]}}',
        '{"billing": {"tenants": "*", "templates": ["gcp/cost/cost_billing"], "topics": []}}',
    ],
)
def test_publishers_that_say_something_else_are_refused(given: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_environment({**LEAST, "PUBLISHERS": given})
    assert {fault.where for fault in caught.value.faults} == {"PUBLISHERS"}
