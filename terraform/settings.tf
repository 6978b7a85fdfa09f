# The value of each setting of shared/settings.py in this deployment. Which of them a function gets is said where it is
# made; tests/repo/test_terraform.py compares that with what the function reads.

locals {
  # Those of shared/settings.py, where var.limits says nothing else.
  limits = merge({
    rate_limit_runs                = "50/minute"
    rate_limit_reads               = "600/minute"
    rate_limit_endpoint            = "6000/minute"
    rate_limit_global              = "12000/minute"
    rate_limit_lookups             = "3000/minute"
    rate_limit_lookups_per_address = "600/minute"
    maximum_bytes_billed           = "107374182400"
    run_deadline_s                 = "21600"
    api_key_grace_s                = "86400"
  }, var.limits)
  secret_versions = merge({ admin_key = 1, sendgrid_key = 1 }, var.secret_versions)

  data_project = var.data_project_id == "" ? var.project_id : var.data_project_id

  settings = {
    GCP_PROJECT_ID        = var.project_id
    DATA_PROJECT_ID       = local.data_project
    LOCATION              = var.location
    CONTROL_DATASET       = local.control_dataset
    OPERATOR_EMAIL        = var.operator_email
    OPERATOR_MAIL_DOMAINS = join(",", var.operator_mail_domains)
    MAIL_FROM             = var.mail_from
    TEMPLATE_VARIABLES    = jsonencode(var.template_variables)
    LOGS_URL              = "https://console.cloud.google.com/logs/query;query=labels.pipeline_logging_id%3D%22{pipeline_logging_id}%22?project=${var.project_id}"

    PIPELINE_RUNS_TOPIC                = local.topics.runs
    PIPELINE_RUNS_SUBSCRIPTION         = "${local.topics.runs}-push"
    PIPELINE_RUNS_BULK_TOPIC           = local.topics.runs_bulk
    PIPELINE_RUNS_BULK_SUBSCRIPTION    = "${local.topics.runs_bulk}-push"
    PIPELINE_BATCHES_TOPIC             = local.topics.batches
    PIPELINE_BATCHES_SUBSCRIPTION      = "${local.topics.batches}-push"
    PIPELINE_DEAD_LETTERS_SUBSCRIPTION = "${local.topics.dead_letters}-push"
    PUBLISHERS                         = jsonencode(local.publishers)
    MAX_DELIVERY_ATTEMPTS              = tostring(local.delivery_attempts.interactive)
    PUSH_DEADLINE_S                    = tostring(local.ack_deadline_s)

    RUN_DEADLINE_S                 = local.limits.run_deadline_s
    BULK_RESERVATION               = var.bulk_reservation
    MAXIMUM_BYTES_BILLED           = local.limits.maximum_bytes_billed
    RATE_LIMIT_STORE               = local.rate_limit_store
    RATE_LIMIT_RUNS                = local.limits.rate_limit_runs
    RATE_LIMIT_READS               = local.limits.rate_limit_reads
    RATE_LIMIT_ENDPOINT            = local.limits.rate_limit_endpoint
    RATE_LIMIT_GLOBAL              = local.limits.rate_limit_global
    RATE_LIMIT_LOOKUPS             = local.limits.rate_limit_lookups
    RATE_LIMIT_LOOKUPS_PER_ADDRESS = local.limits.rate_limit_lookups_per_address
    TRUSTED_PROXIES                = "1" # Google's own in front of every function
    API_KEY_GRACE_S                = local.limits.api_key_grace_s

    ADMIN_KEY_SECRET    = "${local.secrets["admin-key"]}/versions/${local.secret_versions.admin_key}"
    SENDGRID_KEY_SECRET = "${local.secrets["sendgrid-key"]}/versions/${local.secret_versions.sendgrid_key}"
    KMS_API_KEYS_KEY    = local.keys["api-keys"]
    KMS_CREDENTIALS_KEY = local.keys["credentials"]
  }
}
