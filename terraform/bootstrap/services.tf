# The APIs without which neither this folder nor terraform/ can begin; terraform/ enables the others itself.

resource "google_project_service" "this" {
  for_each = toset([
    "cloudbuild.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
  ])

  service            = each.key
  disable_on_destroy = false
}

# The provider asks the project of a resource for these two.
resource "google_project_service" "data" {
  for_each = local.apart ? toset(["cloudresourcemanager.googleapis.com", "iam.googleapis.com", "serviceusage.googleapis.com"]) : []

  project            = local.data_project
  service            = each.key
  disable_on_destroy = false
}

# A newly enabled API can refuse calls for a minute or two (facts 43).
resource "time_sleep" "apis_are_ready" {
  create_duration = "120s"
  depends_on      = [google_project_service.this, google_project_service.data]
}

locals {
  data_project = var.data_project_id == "" ? var.project_id : var.data_project_id
  apart        = local.data_project != var.project_id
}
