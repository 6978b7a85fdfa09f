# What all topics and push subscriptions have in common.

locals {
  topics = {
    runs         = "pipeline-runs"
    runs_bulk    = "pipeline-runs-bulk"
    batches      = "pipeline-batches"
    dead_letters = "pipeline-dead-letters"
  }
  # A full service refuses deliveries, which counts, and the bulk lane is full by design.
  delivery_attempts = merge({ interactive = 5, bulk = 20, batches = 10 }, var.delivery_attempts)
  ack_deadline_s    = 600 # the most that Pub/Sub allows; it is also how long a push may take
  members = {
    api               = module.api.member
    admin             = module.admin.member
    run_pipeline      = module.run_pipeline.member
    run_pipeline_bulk = module.run_pipeline_bulk.member
    fan_out           = module.fan_out.member
    dead_letter       = module.dead_letter.member
  }
}

# Pushes are made as this account, the only one that may call the subscribers.
resource "google_service_account" "push" {
  account_id   = "convergence-push"
  display_name = "Pushes messages to the functions"
  depends_on   = [time_sleep.apis_are_ready]
}

resource "google_service_account_iam_member" "push_token" {
  service_account_id = "projects/${var.project_id}/serviceAccounts/${google_service_account.push.email}"
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.agents["pubsub"]
}
