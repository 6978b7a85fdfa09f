# Two keys: who may decrypt credentials cannot decrypt API keys, and nobody can decrypt API keys at all.

resource "google_kms_key_ring" "this" {
  name       = "convergence"
  location   = var.region
  depends_on = [time_sleep.apis_are_ready]
}

# A key that is destroyed takes with it what it encrypted: for good after thirty days. In production Terraform refuses
# (deletion_policy), and prod/kms_override.tf, which the build puts beside this file, makes it refuse twice.
resource "google_kms_crypto_key" "this" {
  #checkov:skip=CKV_GCP_82:prevent_destroy cannot depend on a variable: prod/kms_override.tf brings it
  for_each = toset(["api-keys", "credentials"])

  name                       = each.key
  key_ring                   = google_kms_key_ring.this.id
  purpose                    = "ENCRYPT_DECRYPT"
  rotation_period            = "7776000s" # 90 days; older versions still decrypt
  destroy_scheduled_duration = "2592000s" # 30 days in which it can be had back
  deletion_policy            = var.protect_data ? "PREVENT" : "DELETE"
}

# "key/function" → what the function may do with the key.
resource "google_kms_crypto_key_iam_member" "this" {
  for_each = {
    "api-keys/api"                  = "roles/cloudkms.cryptoKeyEncrypter" # rotation by a tenant
    "api-keys/admin"                = "roles/cloudkms.cryptoKeyEncrypter"
    "credentials/api"               = "roles/cloudkms.cryptoKeyEncrypter"
    "credentials/run_pipeline"      = "roles/cloudkms.cryptoKeyDecrypter"
    "credentials/run_pipeline_bulk" = "roles/cloudkms.cryptoKeyDecrypter"
  }

  crypto_key_id = local.keys[split("/", each.key)[0]]
  role          = each.value
  member        = local.members[split("/", each.key)[1]]
}

locals {
  # By their names, not their ids: a plan can tell them.
  keys = { for name, one in google_kms_crypto_key.this : name =>
    "projects/${var.project_id}/locations/${var.region}/keyRings/${google_kms_key_ring.this.name}/cryptoKeys/${one.name}"
  }
}
