"""What the plan of `terraform/` says of the deployment, held against the code and docs/reference.md."""

import base64
import json
import re
from urllib.parse import unquote

import pytest

from shared.contracts.messages.batch import BatchMessage, asks_to_reconcile
from shared.readers import Function
from shared.settings import ROOT, Settings, read_by
from tests.repo.terraform_plan import LACKING, PROJECT, environments, made, plan, tfcheck
from tests.repo.terraform_rights import custom_roles, grants, grants_table

pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)

REFERENCE = (ROOT / "docs" / "reference.md").read_text()
# Deployed as → whose settings (shared/settings.py).
FUNCTIONS: dict[str, Function] = {
    "api": "api",
    "admin": "admin",
    "run-pipeline": "run_pipeline",
    "run-pipeline-bulk": "run_pipeline",
    "fan-out": "fan_out",
    "dead-letter": "dead_letter",
}
# Read by the server around a function, not by the function.
OF_THE_SERVER = {"THREADS", "LOG_EXECUTION_ID"}
# As shared/settings.py has them where var.limits says nothing else.
UNLESS_LIMITED = {
    name
    for name in Settings.model_fields
    if name in ("maximum_bytes_billed", "run_deadline_s", "api_key_grace_s")
    or (name.startswith("rate_limit_") and name != "rate_limit_store")
}
# Known after apply alone, with a value such as it has then.
LATER = {"RATE_LIMIT_STORE": "redis://10.0.0.3:6379/0"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gets_the_settings_that_it_reads_and_no_other(planned, name):
    assert set(environments(planned)[name]) == read_by(FUNCTIONS[name]) | OF_THE_SERVER


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_settings_are_ones_that_it_takes(planned, functions, name):
    planned_now = environments(planned)[name]
    given = {variable: LATER[variable] if value is None else value for variable, value in planned_now.items()}
    target = functions[name]["build_config"][0]["entry_point"]

    settings = Settings.from_environment({**given, "FUNCTION_TARGET": target})

    assert settings.gcp_project_id == PROJECT
    for setting in UNLESS_LIMITED & {name.lower() for name in given}:
        assert getattr(settings, setting) == Settings.model_fields[setting].default, setting


def test_a_function_has_as_many_threads_as_requests_at_once_and_writes_whole_lines(planned, functions):
    for name, function in functions.items():
        assert environments(planned)[name]["LOG_EXECUTION_ID"] == "false"
        config = function["service_config"][0]
        assert int(environments(planned)[name]["THREADS"] or 0) == config["max_instance_request_concurrency"]


def test_each_function_runs_as_an_account_of_its_own(functions):
    accounts = {function["service_config"][0]["service_account_email"] for function in functions.values()}

    assert len(functions) == len(accounts) == 6


def test_subscribers_are_closed_to_the_internet(functions):
    ingress = {name: function["service_config"][0]["ingress_settings"] for name, function in functions.items()}

    assert {name for name, rule in ingress.items() if rule != "ALLOW_INTERNAL_ONLY"} == {"api", "admin"}


def test_cloud_schedulers_agent_may_write_the_log_that_an_alert_reads(planned):
    # An agent that Terraform makes has no role by itself (facts 42).
    assert ("Cloud Scheduler's agent", "`roles/cloudscheduler.serviceAgent`", "the project") in grants(planned)


def test_every_subscription_is_pushed_for_600_s_and_never_expires(planned):
    for address, one in made(planned, "google_pubsub_subscription").items():
        assert one["expiration_policy"][0]["ttl"] == "", address
        if one["push_config"]:
            assert one["ack_deadline_seconds"] == 600, address
            assert one["push_config"][0]["oidc_token"], address
            assert one["retry_policy"] == [{"minimum_backoff": "10s", "maximum_backoff": "600s"}], address


def test_every_pushed_message_ends_as_a_dead_letter_and_dead_letters_are_pushed_until_taken(planned):
    subscriptions = {one["name"]: one for one in made(planned, "google_pubsub_subscription").values()}
    with_dead_letters = {name for name, one in subscriptions.items() if one["dead_letter_policy"]}

    assert set(subscriptions) - with_dead_letters == {"pipeline-dead-letters-push", "pipeline-dead-letters-kept"}
    moved = {on for principal, role, on in grants(planned) if "subscriber" in role and principal == "Pub/Sub's agent"}
    assert moved == {f"subscription `{name}`" for name in with_dead_letters}
    assert ("Pub/Sub's agent", "`roles/pubsub.publisher`", "topic `pipeline-dead-letters`") in grants(planned)


def test_a_lane_knows_its_last_delivery(planned):
    subscriptions = {one["name"]: one for one in made(planned, "google_pubsub_subscription").values()}
    for name in ("run-pipeline", "run-pipeline-bulk"):
        settings = environments(planned)[name]
        policy = subscriptions[settings["PIPELINE_RUNS_SUBSCRIPTION"]]["dead_letter_policy"][0]
        assert policy["max_delivery_attempts"] == int(settings["MAX_DELIVERY_ATTEMPTS"] or 0)


def test_what_is_scheduled_is_what_fan_out_reads(planned):
    messages = [
        base64.b64decode(job["pubsub_target"][0]["data"])
        for job in made(planned, "google_cloud_scheduler_job").values()
    ]
    batches = [json.loads(message) for message in messages if not asks_to_reconcile(message)]

    assert len(messages) == len(batches) + 1
    for batch in batches:
        message = BatchMessage.model_validate(batch)
        assert (ROOT / "configs" / message.provider / message.domain / f"{message.template_name}.yml").is_file()


def test_the_control_dataset_has_a_table_for_each_file(planned):
    tables = {one["table_id"]: one for one in made(planned, "google_bigquery_table").values()}
    files = {file.stem: json.loads(file.read_text()) for file in (ROOT / "templates" / "control").glob("*.json")}

    assert set(tables) == set(files)
    for name, file in files.items():
        assert json.loads(tables[name]["schema"]) == file["fields"]
        partition = tables[name]["time_partitioning"]
        assert (partition[0]["field"] if partition else None) == file["partition_field"]
        assert tables[name]["clustering"] == file["cluster_by"]


def test_events_of_runs_and_batches_are_dropped_after_so_many_days_and_nothing_else_is(planned):
    days = planned["configuration"]["root_module"]["variables"]["run_history_days"]["default"]
    expiring = {
        one["table_id"]: one["time_partitioning"][0]["expiration_ms"]
        for one in made(planned, "google_bigquery_table").values()
        if one["time_partitioning"] and one["time_partitioning"][0].get("expiration_ms")
    }

    assert days == 400
    assert expiring == dict.fromkeys(("x_meta_runs", "x_meta_batches"), days * 24 * 3600 * 1000)


def test_the_control_dataset_says_who_may_open_it(planned):
    [dataset] = made(planned, "google_bigquery_dataset").values()

    # Without, BigQuery lets in the project's viewers and editors (facts 14).
    owners = [one for one in dataset["access"] if not one["user_by_email"]]
    assert [(one["role"], one["special_group"]) for one in owners] == [("OWNER", "projectOwners")]
    # Terraform's two ways to open a dataset undo each other: the list beside it, and a resource for each member.
    others = {one["dataset_id"] for one in made(planned, "google_bigquery_dataset_iam_member").values()}
    assert dataset["dataset_id"] not in others


def test_who_streams_rows_may_do_the_three_things_that_streaming_asks_for(planned):
    # tabledata.insertAll: tables.updateData and tables.get on the table, datasets.get on its dataset (facts 35).
    roles = {f"`{name}`": set(permissions) for name, permissions in custom_roles(planned).items()}
    given = [(who, on, roles[role]) for who, role, on in grants(planned) if role in roles]
    streaming = {"bigquery.tables.updateData", "bigquery.tables.get"}

    into_control = {who for who, on, permissions in given if on.startswith("table ") and streaming <= permissions}
    assert into_control == {who for who, on, ones in given if ones == {"bigquery.datasets.get"} and "control" in on}
    into_tenants = {who for who, on, permissions in given if "project" in on and streaming <= permissions}
    assert into_tenants == {
        who
        for who, on, permissions in given
        if "project" in on and "records-only" not in on and "bigquery.datasets.get" in permissions
    }
    assert (len(into_control), len(into_tenants)) == (6, 5)


def test_nobody_has_a_basic_role_or_one_over_a_whole_service(planned):
    for principal, role, on in grants(planned):
        assert role.strip("`") not in ("roles/owner", "roles/editor", "roles/viewer"), principal
        assert not re.search("admin", role, re.IGNORECASE), (principal, role)
        if role == "`roles/cloudscheduler.serviceAgent`":
            assert principal == "Cloud Scheduler's agent"  # Google's own, whose role it is
        elif on.startswith("the project") and "roles/" in role:
            assert role.strip("`") in (
                "roles/bigquery.jobUser",
                "roles/logging.logWriter",
                "roles/storage.objectViewer",
            )


def test_production_bounds_what_the_queries_of_an_account_read_in_a_day():
    [quota] = made(plan("prod.tfvars"), "google_service_usage_consumer_quota_override").values()

    assert (quota["project"], quota["service"]) == (PROJECT, "bigquery.googleapis.com")
    assert unquote(quota["metric"]) == "bigquery.googleapis.com/quota/query/usage"
    assert unquote(quota["limit"]) == "/d/project/user"
    assert int(quota["override_value"]) == 20 * 2**20  # MiB
    assert not made(plan("dev.tfvars"), "google_service_usage_consumer_quota_override")


def test_everybody_may_call_the_public_api_alone(planned):
    everybodys = {(principal, on) for principal, _, on in grants(planned) if principal.startswith("all")}

    assert everybodys == {("allUsers", "function `api`")}


def test_nobody_may_decrypt_api_keys_and_only_runs_decrypt_credentials(planned):
    only_encrypt = "`roles/cloudkms.cryptoKeyEncrypter`"
    may_more = {
        (principal, role, on)
        for principal, role, on in grants(planned)
        if role != only_encrypt and ("cloudkms" in role or on.startswith("key"))
    }

    decrypt = "`roles/cloudkms.cryptoKeyDecrypter`"
    assert may_more == {(f"`{lane}`", decrypt, "key `credentials`") for lane in ("run-pipeline", "run-pipeline-bulk")}


def test_no_role_of_ours_gives_rights_away_or_is_not_given(planned):
    roles = custom_roles(planned)

    assert {f"`{name}`" for name in roles} <= {role for _, role, _ in grants(planned)}
    for permissions in roles.values():
        assert not [one for one in permissions if "IamPolicy" in one or "*" in one]


def test_no_secret_has_a_value_and_no_output_tells_one(planned):
    assert made(planned, "google_secret_manager_secret")
    assert not made(planned, "google_secret_manager_secret_version")
    for given in environments(planned).values():
        for name, value in given.items():
            if name.endswith("_SECRET"):
                assert re.fullmatch(r"projects/[^/]+/secrets/[^/]+/versions/[0-9]+", str(value))


def test_the_table_of_rights_is_that_of_the_plan():
    table = "\n".join(grants_table(plan("prod.tfvars")))

    assert table in REFERENCE, f"docs/reference.md lacks:\n{table}"


def test_the_table_of_roles_is_that_of_the_plan():
    table = "\n".join(
        f"| `{name}` | {', '.join(f'`{one}`' for one in sorted(permissions))} |"
        for name, permissions in sorted(custom_roles(plan("prod.tfvars")).items())
    )

    assert table in REFERENCE, f"docs/reference.md lacks:\n{table}"


def test_a_plan_without_what_has_no_sensible_default_is_refused_in_words():
    done = tfcheck("check", "terraform", "--no-fmt", "--no-test")

    assert done.returncode == 1
    refused = re.findall(r'The root module input variable "(\w+)" is not set', done.stdout)
    assert set(refused) == {"project_id", "operator_email", "mail_from"}


def test_a_schedule_goes_alone_and_productions_keys_do_not_go_at_all(tmp_path):
    values = f"-no-color -var-file=tests/samples/dev.tfvars -var=project_id={PROJECT}"
    script = f"""
        terraform apply -auto-approve {values} > /dev/null
        terraform plan -refresh=false {values} -var='schedules={{}}' -json > {tmp_path}/plan.jsonl
        cp prod/kms_override.tf .
        ! terraform plan -refresh=false -destroy {values} 2> {tmp_path}/refused > /dev/null"""

    done = tfcheck("exec", "terraform", "--", "bash", "-euc", script)

    assert done.returncode == 0, done.stdout + done.stderr
    said = [json.loads(line) for line in (tmp_path / "plan.jsonl").read_text().splitlines()]
    changes = [one["change"] for one in said if one["type"] == "planned_change"]
    assert [(one["resource"]["addr"], one["action"]) for one in changes] == [
        ('google_cloud_scheduler_job.this["nightly-billing"]', "delete")
    ]
    refused = (tmp_path / "refused").read_text()
    for key in ("api-keys", "credentials"):
        assert f'google_kms_crypto_key.this["{key}"]' in refused
    assert "Instance cannot be destroyed" in refused
