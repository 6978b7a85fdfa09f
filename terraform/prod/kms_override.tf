# Terraform's own lock on the keys, which no variable can turn: `cp prod/kms_override.tf .` before a plan of production
# (cloudbuild.yaml does it). Without this file the keys are still kept by protect_data.

resource "google_kms_crypto_key" "this" {
  #checkov:skip=CKV_GCP_43:The rotation is in ../kms.tf, to which this adds
  lifecycle {
    prevent_destroy = true
  }
}
