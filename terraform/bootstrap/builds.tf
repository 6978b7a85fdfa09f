# What builds leave: source/ that was submitted by hand, plans/ENVIRONMENT/ that wait for somebody to approve them, and cache/.

resource "google_storage_bucket" "builds" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs record who reads and writes it; a bucket of access logs would say no more
  #checkov:skip=CKV_GCP_78:Everything in it can be made again from a commit, and is gone after seven days
  name                        = "${var.project_id}-convergence-builds"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  # A plan says much about what is deployed, and is stale after the next one has been applied.
  lifecycle_rule {
    condition {
      age = 7
    }
    action {
      type = "Delete"
    }
  }
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  depends_on = [time_sleep.apis_are_ready]
}

# "account/folder". A plan carries its own configuration, and applying it runs what that names: whoever writes plans/
# decides what is done with the rights of apply. So no other build writes there, and plan runs nothing that pip
# installed. Nor does a build that runs packages write the cache of them: one could change it for all that come after.
# Plans are of the one environment of this project.
resource "google_storage_bucket_iam_member" "builds" {
  for_each = {
    "check/cache"                    = "roles/storage.objectViewer"
    "check/source"                   = "roles/storage.objectViewer"
    "plan/cache"                     = "roles/storage.objectUser"
    "plan/source"                    = "roles/storage.objectViewer"
    "plan/plans/${var.environment}"  = "roles/storage.objectUser"
    "apply/source"                   = "roles/storage.objectViewer"
    "apply/plans/${var.environment}" = "roles/storage.objectViewer"
  }

  bucket = google_storage_bucket.builds.name
  role   = each.value
  member = google_service_account.this[split("/", each.key)[0]].member

  condition {
    title      = split("/", each.key)[1]
    expression = "resource.type == \"storage.googleapis.com/Bucket\" || resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.builds.name}/objects/${trimprefix(each.key, "${split("/", each.key)[0]}/")}/\")"
  }
}

# Applying asks whether the commit has passed its check (.ci/deploy): Cloud Build says it, not a file of a build.
resource "google_project_iam_custom_role" "builds" {
  project     = var.project_id
  role_id     = "convergenceBuilds"
  title       = "Convergence builds: see builds"
  permissions = ["cloudbuild.builds.get", "cloudbuild.builds.list", "serviceusage.services.use"] # the last for gcloud builds
  depends_on  = [time_sleep.apis_are_ready]
}

resource "google_project_iam_member" "builds" {
  project = var.project_id
  role    = "projects/${var.project_id}/roles/${google_project_iam_custom_role.builds.role_id}"
  member  = google_service_account.this["apply"].member
}
