output "name" {
  description = "Name of the function and of its Cloud Run service."
  value       = google_cloudfunctions2_function.this.name
}

output "uri" {
  description = "Where it answers."
  value       = google_cloudfunctions2_function.this.service_config[0].uri
}

output "service_account" {
  description = "E-mail of its service account."
  value       = google_service_account.this.email
}

output "member" {
  description = "Its service account as an IAM member."
  value       = google_service_account.this.member
}

output "environment" {
  description = "Its environment variables, as deployed."
  value       = google_cloudfunctions2_function.this.service_config[0].environment_variables
}

output "invokers" {
  description = "Who may call it."
  value       = var.invokers
}
