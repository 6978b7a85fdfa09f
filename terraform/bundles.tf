# The functions' code: what `make bundle` wrote, named by its content, and what builds images of it.

locals {
  bundles = { for name in ["api", "run_pipeline", "fan_out", "dead_letter"] : name => "${var.bundles_dir}/${name}.zip" }
}

resource "google_storage_bucket" "bundles" {
  #checkov:skip=CKV_GCP_62:Nobody reads the bundles but Cloud Build, and Cloud Audit Logs record that
  name                        = "${var.project_id}-convergence-bundles"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.protect_data # bundles can be made again from the commit

  versioning {
    enabled = true
  }
  lifecycle_rule {
    condition {
      days_since_noncurrent_time = 90
    }
    action {
      type = "Delete"
    }
  }
  depends_on = [time_sleep.apis_are_ready]
}

# A new content is a new object, so that the function is deployed anew; the same content is the same object.
resource "google_storage_bucket_object" "bundle" {
  for_each = local.bundles

  bucket       = google_storage_bucket.bundles.name
  name         = "${each.key}-${fileexists(each.value) ? filesha256(each.value) : "missing"}.zip"
  source       = each.value # without `make bundle` before, apply ends here: no such file
  content_type = "application/zip"

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_artifact_registry_repository" "functions" {
  #checkov:skip=CKV_GCP_84:Images hold code and no data; Google's own keys encrypt them
  repository_id = "convergence-functions"
  location      = var.region
  format        = "DOCKER"
  description   = "Images that Cloud Build makes of the bundles."

  cleanup_policies {
    id     = "keep-the-last"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }
  depends_on = [time_sleep.apis_are_ready]
}

# Builds the images, and can do nothing else: the default build account could edit the project.
resource "google_service_account" "build" {
  account_id   = "convergence-build"
  display_name = "Builds the images of the functions"
  depends_on   = [time_sleep.apis_are_ready]
}

resource "google_project_iam_member" "build_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build" {
  repository = google_artifact_registry_repository.functions.repository_id
  location   = google_artifact_registry_repository.functions.location
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

# Cloud Functions copies a bundle to a bucket of its own in this project before it is built.
resource "google_project_iam_member" "build_sources" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "bundles-of-functions"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.this.number}-\")"
  }
}

# Nothing is built before the builder may: a build that is refused fails, and is not tried again by itself. What IAM has been
# told it knows everywhere after two minutes, mostly (its page "Access change propagation"; minutes more are rare).
resource "time_sleep" "build_is_ready" {
  create_duration = "150s"
  triggers        = { account = google_service_account.build.email }
  depends_on = [
    time_sleep.apis_are_ready,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_sources,
    google_artifact_registry_repository_iam_member.build,
  ]
}

locals {
  bundle = { for name, object in google_storage_bucket_object.bundle : name => { bucket = object.bucket, object = object.name } }
  build = {
    service_account = google_service_account.build.id
    repository      = google_artifact_registry_repository.functions.id
  }
}
