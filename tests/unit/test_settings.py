"""Settings fail early, completely, and without a word of what was in them."""

from pathlib import Path

import pytest

from shared.errors import SettingsInvalid
from shared.readers import FUNCTIONS, Function, ReadBy, UndeclaredRead
from shared.settings import Settings, read_by, required_by

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
        "ADMIN_KEY_SECRET", "KMS_API_KEYS_KEY", "ROUTES", "PUSH_DEADLINE_S", "OPEN_ONBOARDING",
        "TEMPLATE_VARIABLES", "DEPLOYMENT", "MAXIMUM_BYTES_BILLED",
    ],
)  # fmt: skip
def test_no_value_is_echoed(name: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_environment({**LEAST, name: "s3cr3t-v4lu3"})
    assert "s3cr3t" not in caught.value.message + repr(caught.value.faults)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", LOCAL_ONLY)
def test_production_refuses_what_only_a_developers_machine_may_have(name: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"only DEPLOYMENT=local may set {name}"):
        Settings.from_environment({**LEAST, name: LOCAL_ONLY[name]})


RING = "projects/p/locations/us/keyRings/r/cryptoKeys"
SECRET = "projects/p/secrets/s/versions/1"
# What a deployment of each function has to give it.
GIVEN = {
    **LEAST,
    "ADMIN_KEY_SECRET": SECRET,
    "SENDGRID_KEY_SECRET": SECRET,
    "KMS_API_KEYS_KEY": f"{RING}/api-keys",
    "KMS_CREDENTIALS_KEY": f"{RING}/credentials",
}
TARGETS: dict[Function, dict[str, str]] = {
    "api": {"FUNCTION_TARGET": "api"},
    "admin": {"FUNCTION_TARGET": "api", "ROUTES": "admin"},
    "run_pipeline": {"FUNCTION_TARGET": "run_pipeline"},
    "fan_out": {"FUNCTION_TARGET": "fan_out"},
    "dead_letter": {"FUNCTION_TARGET": "dead_letter"},
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_with_what_it_requires_and_nothing_else(function: Function) -> None:
    required = {name: GIVEN[name] for name in required_by(function)}
    Settings.from_environment(TARGETS[function] | required)
    for name in required:
        with pytest.raises(SettingsInvalid) as caught:
            Settings.from_environment({**TARGETS[function], **required, name: ""})
        assert [(fault.where, fault.code) for fault in caught.value.faults] == [(name, "missing")]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_without_anything_names_all_that_it_requires(function: Function) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_environment(TARGETS[function])
    assert sorted(fault.where for fault in caught.value.faults) == sorted(required_by(function))


def test_all_routes_require_what_either_part_does() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_environment({"FUNCTION_TARGET": "api", "ROUTES": "all"})
    assert {fault.where for fault in caught.value.faults} == required_by("api") | required_by("admin")


def test_what_is_missing_what_is_wrong_and_what_does_not_go_together_are_named_at_once() -> None:
    given = {**TARGETS["admin"], "PUSH_DEADLINE_S": "soon", "TRUSTED_PROXIES": "many", "OPEN_ONBOARDING": "true"}
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_environment(given)
    assert [(fault.where, fault.code) for fault in caught.value.faults] == [
        *((name.upper(), "missing") for name in Settings.model_fields if name.upper() in required_by("admin")),
        ("TRUSTED_PROXIES", "invalid"),
        ("settings", "invalid"),
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_holds_what_it_reads_and_reading_anything_else_is_a_bug(function: Function) -> None:
    made = Settings.from_environment(TARGETS[function] | GIVEN)
    for name in Settings.model_fields:
        if name.upper() in read_by(function, local=True):
            getattr(made, name)
        else:
            with pytest.raises(UndeclaredRead, match=f"^{function} reads {name.upper()},"):
                getattr(made, name)


def test_what_a_property_is_made_of_is_named_too() -> None:
    with pytest.raises(UndeclaredRead, match="dead_letter reads PUSH_DEADLINE_S"):
        _ = Settings.from_environment(TARGETS["dead_letter"] | GIVEN).push_time_s


def test_a_setting_that_a_function_does_not_read_may_be_anything() -> None:
    made = Settings.from_environment({**TARGETS["fan_out"], **GIVEN, "MAIL_FROM": "", "TRUSTED_PROXIES": "many"})
    assert made.gcp_project_id == "p"


@pytest.mark.parametrize("target", [{}, {"FUNCTION_TARGET": "echo"}, {"FUNCTION_TARGET": "admin"}])
def test_what_is_no_function_of_ours_reads_everything(target: dict[str, str]) -> None:
    made = Settings.from_environment({**target, **GIVEN})
    assert vars(made).keys() == Settings.model_fields.keys()


def test_a_deployment_gives_nothing_that_is_a_developers() -> None:
    given = {name for function in FUNCTIONS for name in read_by(function)}
    assert not given & {*LOCAL_ONLY, "CONFIGS_DIR", "TEMPLATES_DIR", "DEPLOYMENT"}
    assert all(required_by(function) <= read_by(function) for function in FUNCTIONS)


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


def test_every_setting_says_once_who_reads_it() -> None:
    said = {
        name: [type(one) for one in field.metadata if isinstance(one, ReadBy)]
        for name, field in Settings.model_fields.items()
    }
    assert [name for name, markers in said.items() if len(markers) != 1] == []


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
