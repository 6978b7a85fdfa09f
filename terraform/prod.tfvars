# Ten thousand tenants: their data in a project of its own, calls counted together, an address of ours in front.
# terraform plan -var-file=prod.tfvars -var=project_id=acme-convergence

data_project_id    = "acme-convergence-data"
operator_email     = "finops@example.com"
mail_from          = "convergence@example.com"
alert_emails       = ["finops@example.com", "on-call@example.com"]
template_variables = { billing_export_table = "acme-billing.billing_export.gcp_billing_export_v1" }
source_datasets    = ["acme-billing.billing_export"]

public_api     = true
front          = { domain = "convergence.example.com" }
admin_invokers = ["group:finops@example.com"]
redis          = { memory_gb = 1, tier = "STANDARD_HA" }
protect_data   = true

daily_query_tib_per_account = 20 # $125 a day at most for each function

sizes = {
  api          = { min_instances = 1, max_instances = 20 }
  run_pipeline = { min_instances = 1 }
}

schedules = {
  nightly-billing = { template = "gcp/cost/cost_billing", cron = "0 4 * * *", time_zone = "Europe/Berlin", lookback_days = 2 }
}

publishers = {
  billing-export = {
    tenants   = ["*"]
    templates = ["gcp/cost/cost_billing"]
    members   = ["serviceAccount:exporter@acme-billing.iam.gserviceaccount.com"]
  }
}
