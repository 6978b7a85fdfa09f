# Each lane has its own topic, subscription, function and number of deliveries; each subscription its dead letters.

mock_provider "google" {
  source = "./tests/mocks"
}
mock_provider "google-beta" {}

variables {
  project_id     = "ci-project"
  operator_email = "finops@example.com"
  mail_from      = "convergence@example.com"
  publishers = {
    exporter = { tenants = ["*"], templates = ["gcp/cost/cost_billing"], members = ["serviceAccount:exporter@elsewhere.iam.gserviceaccount.com"] }
  }
}

run "lanes_differ" {
  command = plan

  assert {
    condition     = module.runs.topic != module.runs_bulk.topic && module.runs.subscription != module.runs_bulk.subscription
    error_message = "The lanes share a topic or a subscription."
  }
  assert {
    condition     = module.run_pipeline.name != module.run_pipeline_bulk.name
    error_message = "The lanes share a function."
  }
  assert {
    condition     = local.delivery_attempts.bulk > local.delivery_attempts.interactive
    error_message = "The bulk lane is full by design, and refused deliveries count: it needs more of them."
  }
  assert {
    condition = (
      module.run_pipeline.environment.MAX_DELIVERY_ATTEMPTS == tostring(local.delivery_attempts.interactive) &&
      module.run_pipeline_bulk.environment.MAX_DELIVERY_ATTEMPTS == tostring(local.delivery_attempts.bulk)
    )
    error_message = "A lane does not know its last delivery."
  }
  assert {
    condition = (
      module.run_pipeline_bulk.environment.PIPELINE_RUNS_TOPIC == module.runs_bulk.topic &&
      module.run_pipeline_bulk.environment.PIPELINE_RUNS_SUBSCRIPTION == module.runs_bulk.subscription &&
      module.run_pipeline_bulk.environment.PUBLISHERS == "{}"
    )
    error_message = "run-pipeline-bulk does not serve the bulk lane alone."
  }
  assert {
    condition     = module.publishers["exporter"].subscription == "pipeline-from-exporter-push"
    error_message = "run_pipeline knows a publisher by another subscription."
  }
}

# The module that makes every topic with its push subscription.
run "a_subscription_ends_in_dead_letters" {
  command = plan
  module {
    source = "./modules/push"
  }
  variables {
    topic             = "pipeline-runs"
    publishers        = { api = "serviceAccount:api@ci-project.iam.gserviceaccount.com" }
    push_to           = "https://run-pipeline-abc.a.run.app"
    pushed_as         = "push@ci-project.iam.gserviceaccount.com"
    ack_deadline_s    = 600
    delivery_attempts = 7
    dead_letter_topic = "projects/ci-project/topics/pipeline-dead-letters"
    service_agent     = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"
  }

  assert {
    condition = (
      google_pubsub_subscription.this.dead_letter_policy[0].dead_letter_topic == var.dead_letter_topic &&
      google_pubsub_subscription.this.dead_letter_policy[0].max_delivery_attempts == 7
    )
    error_message = "The subscription has not the dead-letter policy that was asked for."
  }
  assert {
    condition = (
      google_pubsub_subscription_iam_member.service_agent.member == var.service_agent &&
      google_pubsub_subscription_iam_member.service_agent.role == "roles/pubsub.subscriber"
    )
    error_message = "Pub/Sub may not take messages out of the subscription: no dead letter would ever be moved."
  }
  assert {
    condition = (
      google_pubsub_subscription.this.push_config[0].oidc_token[0].service_account_email == var.pushed_as &&
      google_pubsub_subscription.this.push_config[0].oidc_token[0].audience == var.push_to
    )
    error_message = "A push does not say who makes it."
  }
  assert {
    condition     = google_pubsub_subscription.this.ack_deadline_seconds == 600 && google_pubsub_subscription.this.expiration_policy[0].ttl == ""
    error_message = "A push may take 600 s, and the subscription never expires."
  }
  assert {
    condition = (
      google_pubsub_subscription.this.retry_policy[0].minimum_backoff == "10s" &&
      google_pubsub_subscription.this.retry_policy[0].maximum_backoff == "600s"
    )
    error_message = "A nacked message comes again after 10 to 600 s."
  }
}

run "dead_letters_are_pushed_and_kept" {
  command = plan

  assert {
    condition     = length(google_pubsub_subscription.dead_letters_kept.push_config) == 0 && google_pubsub_subscription.dead_letters_kept.retain_acked_messages
    error_message = "The keeping subscription does not keep."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.dead_letters.role == "roles/pubsub.publisher"
    error_message = "Pub/Sub may not publish dead letters."
  }
}

run "a_publisher_is_of_the_tenants_that_were_named" {
  command = plan
  variables {
    publishers = {
      everybodys = { tenants = ["*"], templates = ["gcp/cost/cost_billing"] }
      partner    = { tenants = ["acmeinc_23xv2", "techcorp_99zx4"], templates = ["gcp/cost/cost_billing"] }
    }
  }

  assert {
    condition = alltrue([for environment in [module.run_pipeline.environment, module.dead_letter.environment] : jsondecode(environment.PUBLISHERS) == {
      everybodys = { tenants = "*", templates = ["gcp/cost/cost_billing"] }
      partner    = { tenants = ["acmeinc_23xv2", "techcorp_99zx4"], templates = ["gcp/cost/cost_billing"] }
    }])
    error_message = "A publisher may run for other tenants than those that were named."
  }
}

run "batches_may_have_slots_of_their_own" {
  command = plan
  variables {
    bulk_reservation = "projects/acme-admin/locations/US/reservations/nightly"
  }

  assert {
    condition     = module.run_pipeline_bulk.environment.BULK_RESERVATION == var.bulk_reservation
    error_message = "The bulk lane does not know its reservation."
  }
}
