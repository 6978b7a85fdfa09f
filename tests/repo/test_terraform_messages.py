"""terraform/: who publishes to which topic, to whom it is pushed, and what of it functions are told.

What is looked for are relations: a setting names the topic whose subscription is pushed to the function that serves it.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from shared.contracts.messages.publishers import publisher_subscription, publisher_topic
from shared.settings import Settings
from tests.repo.terraform_plan import LACKING, PROJECT, environments, made, plan, source
from tests.repo.terraform_rights import grants

pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)

# {purpose}_TOPIC and {purpose}_SUBSCRIPTION → the function that its messages are pushed to.
SERVED_BY = {
    "PIPELINE_RUNS": "run-pipeline",
    "PIPELINE_RUNS_BULK": "run-pipeline-bulk",
    "PIPELINE_BATCHES": "fan-out",
    "PIPELINE_DEAD_LETTERS": "dead-letter",
}
DAY_S = 86_400


def pushed(planned: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """What each push subscription leads from and to: the names of the topic and of the function, by its own name."""
    everything = made(planned)
    return {
        one["name"]: (
            everything[source(planned, address, "topic")]["name"],
            everything[source(planned, address, "push_config", "push_endpoint")]["name"],
        )
        for address, one in made(planned, "google_pubsub_subscription").items()
        if one["push_config"]
    }


def publishers(planned: Mapping[str, Any]) -> list[str]:
    """The names by which functions know other systems."""
    return list(json.loads(environments(planned)["run-pipeline"]["PUBLISHERS"] or "{}"))


def names_told(planned: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Each function's settings that a plan knows: function, setting, value."""
    return [
        (function, setting, value)
        for function, settings in environments(planned).items()
        for setting, value in settings.items()
        if value is not None
    ]


def test_a_function_is_told_the_topic_and_subscription_of_each_purpose(planned):
    of_publishers = {publisher_subscription(name) for name in publishers(planned)}
    served = {
        function: (topic, name) for name, (topic, function) in pushed(planned).items() if name not in of_publishers
    }

    assert len(served) == len(pushed(planned)) - len(of_publishers)
    for function, setting, value in names_told(planned):
        purpose, _, kind = setting.rpartition("_")
        if purpose in SERVED_BY and kind in ("TOPIC", "SUBSCRIPTION"):
            own = (function, purpose) == ("run-pipeline-bulk", "PIPELINE_RUNS")  # to each lane its own is this one
            topic, subscription = served[function if own else SERVED_BY[purpose]]
            assert value == (topic if kind == "TOPIC" else subscription), (function, setting)


def test_other_systems_runs_are_interactive():
    production = plan("prod.tfvars")

    assert publishers(production)
    for name in publishers(production):
        assert pushed(production)[publisher_subscription(name)] == (publisher_topic(name), "run-pipeline")


def test_a_push_is_meant_for_whom_it_reaches(planned):
    for address, one in made(planned, "google_pubsub_subscription").items():
        if one["push_config"]:
            endpoint = source(planned, address, "push_config", "push_endpoint")
            assert source(planned, address, "push_config", "oidc_token", "audience") == endpoint, address


def test_dead_letters_go_to_the_topic_that_dead_letter_serves(planned):
    topic = source(planned, "google_pubsub_subscription.dead_letters", "topic")

    assert source(planned, "google_pubsub_subscription.dead_letters_kept", "topic") == topic
    for address, one in made(planned, "google_pubsub_subscription").items():
        if one["dead_letter_policy"]:
            assert source(planned, address, "dead_letter_policy", "dead_letter_topic") == topic, address


def test_what_is_scheduled_is_published_where_fan_out_reads(planned):
    topics = {topic for topic, function in pushed(planned).values() if function == "fan-out"}

    for address in made(planned, "google_cloud_scheduler_job"):
        assert {made(planned)[source(planned, address, "pubsub_target", "topic_name")]["name"]} == topics, address


def test_who_has_a_right_to_a_topic_key_or_secret_is_told_of_it_and_nobody_else(planned):
    told = set()
    for function, setting, value in names_told(planned):
        if setting.endswith("_TOPIC"):
            told.add((f"`{function}`", f"topic `{value}`"))
        elif setting.startswith("KMS_"):
            told.add((f"`{function}`", f"key `{value.rpartition('/')[2]}`"))
        elif setting.endswith("_SECRET"):
            told.add((f"`{function}`", f"secret `{value.split('/')[3]}`"))
    called = {f"`{function}`" for function in environments(planned)}
    may = {(who, on) for who, _, on in grants(planned) if who in called and on.split()[0] in ("topic", "key", "secret")}

    assert told == may


def test_a_setting_names_the_key_or_secret_of_its_purpose(planned):
    for function, setting, value in names_told(planned):
        if setting.startswith("KMS_"):  # KMS_API_KEYS_KEY: …/cryptoKeys/api-keys
            name = setting.removeprefix("KMS_").removesuffix("_KEY").lower().replace("_", "-")
            assert value.endswith(f"/cryptoKeys/{name}"), (function, setting)
        elif setting.endswith("_SECRET"):
            name = setting.removesuffix("_SECRET").lower().replace("_", "-")
            assert value.startswith(f"projects/{PROJECT}/secrets/{name}/versions/"), (function, setting)


def test_settings_name_the_datasets_that_there_are(planned):
    [control] = made(planned, "google_bigquery_dataset").values()
    tenants = {
        one["project"] for address, one in made(planned, "google_project_iam_member").items() if ".tenants[" in address
    }

    for settings in environments(planned).values():
        assert settings["GCP_PROJECT_ID"] == control["project"]
        assert settings["CONTROL_DATASET"] == control["dataset_id"]
        assert settings["LOCATION"] == control["location"]
        assert {settings["DATA_PROJECT_ID"]} == tenants


def test_logs_are_looked_for_in_the_project(planned):
    anywhere = Settings.model_fields["logs_url"].default

    for settings in environments(planned).values():
        assert settings.get("LOGS_URL", f"{anywhere}?project={PROJECT}") == f"{anywhere}?project={PROJECT}"


def test_a_function_may_work_and_believes_it_may_for_as_long_as_its_pushes_wait(planned, functions):
    subscriptions = {one["name"]: one for one in made(planned, "google_pubsub_subscription").values()}

    for subscription, (_, function) in pushed(planned).items():
        waits_s = subscriptions[subscription]["ack_deadline_seconds"]
        assert functions[function]["service_config"][0]["timeout_seconds"] == waits_s, function
        assert environments(planned)[function].get("PUSH_DEADLINE_S", str(waits_s)) == str(waits_s), function


def test_messages_outlast_a_week_and_dead_letters_the_month_that_pub_sub_keeps_them(planned):
    for address, one in made(planned, "google_pubsub_subscription").items():
        kept_s = int(one["message_retention_duration"].removesuffix("s"))
        # 31 days are the most (facts 21).
        assert kept_s == (7 if one["dead_letter_policy"] else 31) * DAY_S, address
