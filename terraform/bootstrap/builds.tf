# What builds leave: source/ that was submitted by hand, cache/, and plans/ that wait for somebody to approve them.

resource "google_storage_bucket" "builds" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs record who reads and writes it; a bucket of access logs would say no more
  #checkov:skip=CKV_GCP_78:Everything in it can be made again from a commit, and is gone after thirty days
  name                        = "${var.project_id}-convergence-builds"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  lifecycle_rule {
    condition {
      age = 30
    }
    action {
      type = "Delete"
    }
  }
  # A plan says much about what is deployed, and is stale after the next one has been applied.
  lifecycle_rule {
    condition {
      age            = 7
      matches_prefix = ["plans/", "source/"]
    }
    action {
      type = "Delete"
    }
  }
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  depends_on = [google_project_service.this]
}

# "account/folder": what a build of a branch wrote would be run by main's, and what main's wrote is applied; so a branch
# writes nothing.
resource "google_storage_bucket_iam_member" "builds" {
  for_each = {
    "check/source" = "roles/storage.objectViewer"
    "check/cache"  = "roles/storage.objectViewer"
    "plan/source"  = "roles/storage.objectViewer"
    "plan/cache"   = "roles/storage.objectUser"
    "plan/plans"   = "roles/storage.objectUser"
    "apply/source" = "roles/storage.objectViewer"
    "apply/plans"  = "roles/storage.objectViewer"
  }

  bucket = google_storage_bucket.builds.name
  role   = each.value
  member = google_service_account.this[split("/", each.key)[0]].member

  condition {
    title      = split("/", each.key)[1]
    expression = "resource.type == \"storage.googleapis.com/Bucket\" || resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.builds.name}/objects/${split("/", each.key)[1]}/\")"
  }
}
