terraform {
  required_version = ">= 1.9" # a variable's validation may look at other variables

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.12"
    }
    google-beta = { # for what google has not: service agents, and quotas of Service Usage
      source  = "hashicorp/google-beta"
      version = "~> 8.0"
    }
  }

  # terraform init -backend-config=bucket=… ; terraform/bootstrap makes the bucket.
  backend "gcs" {
    prefix = "convergence"
  }
}

provider "google" {
  project        = var.project_id
  region         = var.region
  default_labels = { app = "convergence" }
}

provider "google-beta" {
  project = var.project_id
  region  = var.region
}
