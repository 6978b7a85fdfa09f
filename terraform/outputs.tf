output "api_url" {
  description = "Where tenants call: API_URL of docs/deploy.md."
  value       = var.front == null ? module.api.uri : "https://${var.front.domain}"
}

output "api_is_public" {
  description = "Whether anybody may call the api without an identity: what the smoke test of .ci/deploy expects."
  value       = var.public_api
}

output "admin_url" {
  description = "Where the operator calls; with an identity token and the admin key."
  value       = module.admin.uri
}

output "secrets_to_fill" {
  description = "Secrets that want a version before anything runs, with the version that is read."
  value = {
    for name, version in { admin-key = local.secret_versions.admin_key, sendgrid-key = local.secret_versions.sendgrid_key } :
    name => "${local.secrets[name]}/versions/${version}"
  }
}

output "publisher_topics" {
  description = "Where other systems publish, by publisher."
  value       = { for name, one in module.publishers : name => one.topic_id }
}

output "service_accounts" {
  description = "The functions' service accounts: sources in other projects are opened to run_pipeline and run_pipeline_bulk."
  value       = { for name, member in local.members : name => trimprefix(member, "serviceAccount:") }
}

output "environments" {
  description = "Each function's environment variables; a test compares them with the settings that it reads."
  value = {
    api               = module.api.environment
    admin             = module.admin.environment
    run_pipeline      = module.run_pipeline.environment
    run_pipeline_bulk = module.run_pipeline_bulk.environment
    fan_out           = module.fan_out.environment
    dead_letter       = module.dead_letter.environment
  }
}
