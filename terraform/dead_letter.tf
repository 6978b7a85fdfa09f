# Settles what Pub/Sub gave up delivering.

module "dead_letter" {
  source = "./modules/function"

  name        = "dead-letter"
  description = "Settles dead letters: the run goes on, or is DEAD and the operator is told"
  entry_point = "dead_letter"
  size        = local.sizes.dead_letter
  timeout_s   = local.ack_deadline_s
  ingress     = "ALLOW_INTERNAL_ONLY"
  invokers    = { push = google_service_account.push.member }
  environment = { for name in [
    "CONTROL_DATASET",
    "DATA_PROJECT_ID",
    "GCP_PROJECT_ID",
    "LOCATION",
    "LOGS_URL",
    "MAIL_FROM",
    "OPERATOR_EMAIL",
    "PIPELINE_DEAD_LETTERS_SUBSCRIPTION",
    "PIPELINE_RUNS_BULK_SUBSCRIPTION",
    "PIPELINE_RUNS_BULK_TOPIC",
    "PIPELINE_RUNS_SUBSCRIPTION",
    "PIPELINE_RUNS_TOPIC",
    "PUBLISHERS",
    "SENDGRID_KEY_SECRET",
  ] : name => local.settings[name] }

  project_id = var.project_id
  region     = var.region
  runtime    = var.runtime
  bundle     = local.bundle.dead_letter
  build      = local.build
  depends_on = [time_sleep.build_is_ready]
}
