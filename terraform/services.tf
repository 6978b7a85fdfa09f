# The APIs that the platform uses, and the service agents that act for it.

locals {
  services = toset([
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudscheduler.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ])
  # Only of what is asked for.
  optional_services = toset(concat(
    var.front == null ? [] : ["compute.googleapis.com"],
    var.redis == null ? [] : ["compute.googleapis.com", "redis.googleapis.com", "vpcaccess.googleapis.com"],
  ))
}

resource "google_project_service" "this" {
  for_each = setunion(local.services, local.optional_services)

  service            = each.key
  disable_on_destroy = false # others in the project may use it
}

resource "google_project_service" "data" {
  count = local.data_project == var.project_id ? 0 : 1

  project            = local.data_project
  service            = "bigquery.googleapis.com"
  disable_on_destroy = false
}

# A newly enabled API can refuse calls for a minute or two (facts 43). Other services are another pause.
resource "time_sleep" "apis_are_ready" {
  create_duration = "120s"
  triggers        = { services = join(" ", setunion(local.services, local.optional_services)) }
  depends_on      = [google_project_service.this, google_project_service.data]
}

# In a new project an agent is not there before it is first needed, and IAM refuses members that are not there.
resource "google_project_service_identity" "agent" {
  provider = google-beta
  for_each = toset(["cloudscheduler", "pubsub"])

  service    = "${each.key}.googleapis.com"
  depends_on = [time_sleep.apis_are_ready]
}

# An agent that was made on request has no roles. Pub/Sub's gets each where it needs it; without its own, Cloud Scheduler's
# cannot write the log that the alert scheduler_failed reads (facts 42).
resource "google_project_iam_member" "agent" {
  #checkov:skip=CKV_GCP_49:It is the role that Google gives to this agent of its own wherever the API is enabled by hand
  for_each = { cloudscheduler = "roles/cloudscheduler.serviceAgent" }

  project = var.project_id
  role    = each.value
  member  = local.agents[each.key]

  depends_on = [time_sleep.apis_are_ready]
}

data "google_project" "this" {
  project_id = var.project_id
}

locals {
  # Known before they are made, by their documented names, so that a plan shows who gets what.
  agents = { for name, one in google_project_service_identity.agent : name =>
    "serviceAccount:service-${data.google_project.this.number}@gcp-sa-${trimsuffix(one.service, ".googleapis.com")}.iam.gserviceaccount.com"
  }
}
