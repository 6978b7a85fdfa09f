# Runs pipelines. Deployed twice, so that a nightly batch never delays a person: one bundle, two lanes.

locals {
  run_settings = [
    "BULK_RESERVATION",
    "CONTROL_DATASET",
    "DATA_PROJECT_ID",
    "GCP_PROJECT_ID",
    "KMS_CREDENTIALS_KEY",
    "LOCATION",
    "LOGS_URL",
    "MAIL_FROM",
    "MAXIMUM_BYTES_BILLED",
    "OPERATOR_EMAIL",
    "OPERATOR_MAIL_DOMAINS",
    "PUSH_DEADLINE_S",
    "RUN_DEADLINE_S",
    "SENDGRID_KEY_SECRET",
    "TEMPLATE_VARIABLES",
  ]
}

module "run_pipeline" {
  source = "./modules/function"

  name        = "run-pipeline"
  description = "Runs pipelines that somebody waits for, and those of other systems"
  entry_point = "run_pipeline"
  size        = local.sizes.run_pipeline
  timeout_s   = local.ack_deadline_s
  ingress     = "ALLOW_INTERNAL_ONLY" # Pub/Sub's pushes in this project are internal
  invokers    = { push = google_service_account.push.member }
  environment = merge({ for name in local.run_settings : name => local.settings[name] }, {
    MAX_DELIVERY_ATTEMPTS      = tostring(local.delivery_attempts.interactive)
    PIPELINE_RUNS_TOPIC        = local.topics.runs
    PIPELINE_RUNS_SUBSCRIPTION = "${local.topics.runs}-push"
    PUBLISHERS                 = jsonencode(local.publishers)
  })

  project_id = var.project_id
  region     = var.region
  runtime    = var.runtime
  bundle     = local.bundle.run_pipeline
  build      = local.build
  depends_on = [time_sleep.build_is_ready]
}

module "run_pipeline_bulk" {
  source = "./modules/function"

  name        = "run-pipeline-bulk"
  description = "Runs pipelines of batches"
  entry_point = "run_pipeline"
  size        = local.sizes.run_pipeline_bulk
  timeout_s   = local.ack_deadline_s
  ingress     = "ALLOW_INTERNAL_ONLY"
  invokers    = { push = google_service_account.push.member }
  environment = merge({ for name in local.run_settings : name => local.settings[name] }, {
    MAX_DELIVERY_ATTEMPTS      = tostring(local.delivery_attempts.bulk)
    PIPELINE_RUNS_TOPIC        = local.topics.runs_bulk
    PIPELINE_RUNS_SUBSCRIPTION = "${local.topics.runs_bulk}-push"
    PUBLISHERS                 = "{}" # other systems are served by the other lane
  })

  project_id = var.project_id
  region     = var.region
  runtime    = var.runtime
  bundle     = local.bundle.run_pipeline
  build      = local.build
  depends_on = [time_sleep.build_is_ready]
}
