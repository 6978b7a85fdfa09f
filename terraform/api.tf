# The tenants' HTTP API.

module "api" {
  source = "./modules/function"

  name        = "api"
  description = "HTTP API of the tenants: validates requests and publishes runs"
  entry_point = "api"
  size        = local.sizes.api
  timeout_s   = 60
  ingress     = var.front == null ? "ALLOW_ALL" : "ALLOW_INTERNAL_AND_GCLB"
  connector   = local.connector
  invokers = merge(
    { for member in var.api_invokers : member => member },
    var.public_api && var.all_users_allowed ? { everybody = "allUsers" } : {}, # it asks for API keys itself
  )
  environment = merge({ for name in [
    "API_KEY_GRACE_S",
    "CONTROL_DATASET",
    "DATA_PROJECT_ID",
    "GCP_PROJECT_ID",
    "KMS_API_KEYS_KEY",
    "KMS_CREDENTIALS_KEY",
    "LOCATION",
    "OPERATOR_EMAIL",
    "OPERATOR_MAIL_DOMAINS",
    "PIPELINE_RUNS_TOPIC",
    "RATE_LIMIT_ENDPOINT",
    "RATE_LIMIT_GLOBAL",
    "RATE_LIMIT_LOOKUPS",
    "RATE_LIMIT_LOOKUPS_PER_ADDRESS",
    "RATE_LIMIT_READS",
    "RATE_LIMIT_RUNS",
    "RATE_LIMIT_STORE",
    "TEMPLATE_VARIABLES",
  ] : name => local.settings[name] }, { ROUTES = "tenant", TRUSTED_PROXIES = var.front == null ? "1" : "2" })

  project_id = var.project_id
  region     = var.region
  runtime    = var.runtime
  bundle     = local.bundle.api
  build      = local.build
  depends_on = [time_sleep.build_is_ready]
}
