output "state_bucket" {
  description = "terraform -chdir=terraform init -backend-config=bucket=…"
  value       = google_storage_bucket.state.name
}

output "builds_bucket" {
  description = "gcloud beta builds submit --gcs-source-staging-dir=gs://…/source"
  value       = google_storage_bucket.builds.name
}

output "accounts" {
  description = "The builds' service accounts, by action."
  value       = { for action, account in google_service_account.this : action => account.email }
}
