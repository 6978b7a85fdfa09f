# Secrets without values: whoever operates the platform adds versions, and no value is ever in Terraform's state.

resource "google_secret_manager_secret" "this" {
  for_each = toset(["admin-key", "sendgrid-key"])

  secret_id = each.key
  replication {
    auto {}
  }
  depends_on = [time_sleep.apis_are_ready]
}

# "secret/function": who may read it.
resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = toset([
    "admin-key/admin",
    "sendgrid-key/admin",
    "sendgrid-key/run_pipeline",
    "sendgrid-key/run_pipeline_bulk",
    "sendgrid-key/dead_letter",
  ])

  secret_id = google_secret_manager_secret.this[split("/", each.key)[0]].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = local.members[split("/", each.key)[1]]
}

locals {
  secrets = { for name, one in google_secret_manager_secret.this : name => "projects/${var.project_id}/secrets/${one.secret_id}" }
}
