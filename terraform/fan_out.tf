# Makes a run message of a batch for each tenant, and reconciles.

module "fan_out" {
  source = "./modules/function"

  name        = "fan-out"
  description = "Publishes the runs of a batch, a message for each tenant; reconciles"
  entry_point = "fan_out"
  size        = local.sizes.fan_out
  timeout_s   = local.ack_deadline_s
  ingress     = "ALLOW_INTERNAL_ONLY"
  invokers    = { push = google_service_account.push.member }
  environment = { for name in [
    "CONTROL_DATASET",
    "DATA_PROJECT_ID",
    "GCP_PROJECT_ID",
    "LOCATION",
    "PIPELINE_BATCHES_SUBSCRIPTION",
    "PIPELINE_BATCHES_TOPIC",
    "PIPELINE_RUNS_BULK_TOPIC",
    "PIPELINE_RUNS_TOPIC",
    "PUSH_DEADLINE_S",
    "RUN_DEADLINE_S",
  ] : name => local.settings[name] }

  project_id = var.project_id
  region     = var.region
  runtime    = var.runtime
  bundle     = local.bundle.fan_out
  build      = local.build
  depends_on = [time_sleep.build_is_ready]
}
