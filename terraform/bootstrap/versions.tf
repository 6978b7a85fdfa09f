# What must be there before terraform/ can be planned and applied by Cloud Build. Applied by the operator, once in a project
# and when its own files change: first with its state in this folder, then in the bucket that it has made:
#
#   terraform init && terraform apply -var=project_id=…
#   cp backend_override.tf.example backend_override.tf && terraform init -migrate-state -backend-config=bucket=…

terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.12"
    }
  }
}

provider "google" {
  project        = var.project_id
  region         = var.region
  default_labels = { app = "convergence" }
}
