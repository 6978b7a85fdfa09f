# The operator's HTTP API: IAM lets in named members only, and the admin key is asked for besides.

module "admin" {
  source = "./modules/function"

  name        = "admin"
  description = "HTTP API of the operator: tenants, keys, batches"
  entry_point = "api"
  size        = local.sizes.admin
  timeout_s   = 600 # off-boarding a tenant with many tables
  ingress     = "ALLOW_ALL"
  connector   = local.connector
  invokers    = { for member in var.admin_invokers : member => member }
  environment = merge({ for name in [
    "ADMIN_KEY_SECRET",
    "API_KEY_GRACE_S",
    "CONTROL_DATASET",
    "DATA_PROJECT_ID",
    "GCP_PROJECT_ID",
    "KMS_API_KEYS_KEY",
    "LOCATION",
    "LOGS_URL",
    "MAIL_FROM",
    "MAXIMUM_BYTES_BILLED",
    "OPERATOR_EMAIL",
    "OPERATOR_MAIL_DOMAINS",
    "PIPELINE_BATCHES_TOPIC",
    "PIPELINE_RUNS_BULK_TOPIC",
    "PIPELINE_RUNS_TOPIC",
    "RATE_LIMIT_ENDPOINT",
    "RATE_LIMIT_GLOBAL",
    "RATE_LIMIT_LOOKUPS",
    "RATE_LIMIT_LOOKUPS_PER_ADDRESS",
    "RATE_LIMIT_READS",
    "RATE_LIMIT_STORE",
    "RUN_DEADLINE_S",
    "SENDGRID_KEY_SECRET",
    "TEMPLATE_VARIABLES",
    "TRUSTED_PROXIES",
  ] : name => local.settings[name] }, { ROUTES = "admin" })

  project_id = var.project_id
  region     = var.region
  runtime    = var.runtime
  bundle     = local.bundle.api
  build      = local.build
  depends_on = [time_sleep.build_is_ready]
}
