# terraform/dev.tfvars as it comes, for the docs, and for tests that hold them against a plan: change that one for your
# project, this one with the docs. No command reads it by itself.

operator_email     = "finops@example.com"
mail_from          = "convergence@example.com"
alert_emails       = ["finops@example.com"]
template_variables = { billing_export_table = "acme-billing.billing_export.gcp_billing_export_v1" }
source_datasets    = ["acme-billing.billing_export"]

public_api     = true
admin_invokers = ["group:finops@example.com"]
protect_data   = false

schedules = {
  nightly-billing = { template = "gcp/cost/cost_billing", cron = "0 4 * * *", time_zone = "Europe/Berlin", lookback_days = 2 }
}
