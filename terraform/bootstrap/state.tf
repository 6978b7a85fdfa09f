# Terraform's state: that of terraform/ below convergence/, that of this folder below bootstrap/.

resource "google_storage_bucket" "state" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs record who reads and writes it; a bucket of access logs would say no more
  name                        = "${var.project_id}-convergence-state"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }
  # A state that went wrong can be had back: the last ten, and any of the last ninety days.
  lifecycle_rule {
    condition {
      num_newer_versions         = 10
      days_since_noncurrent_time = 90
    }
    action {
      type = "Delete"
    }
  }
  depends_on = [time_sleep.apis_are_ready]
}

# Who plans reads the state of terraform/, who applies writes it; this folder's is neither's. Listing is asked of the
# bucket, not of objects.
resource "google_storage_bucket_iam_member" "state" {
  for_each = { check = "roles/storage.objectViewer", plan = "roles/storage.objectViewer", apply = "roles/storage.objectUser" }

  bucket = google_storage_bucket.state.name
  role   = each.value
  member = google_service_account.this[each.key].member

  condition {
    title      = "state-of-the-platform"
    expression = "resource.type == \"storage.googleapis.com/Bucket\" || resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.state.name}/objects/convergence/\")"
  }
}
