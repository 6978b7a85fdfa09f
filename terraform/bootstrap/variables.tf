variable "project_id" {
  description = "Project of the platform; an empty one with billing will do."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is a project's id, such as acme-convergence: 6 to 30 lowercase letters, digits and hyphens."
  }
}

variable "data_project_id" {
  description = "Project of the tenant datasets, as in terraform/. Empty: project_id."
  type        = string
  default     = ""
  validation {
    condition     = var.data_project_id == "" || can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.data_project_id))
    error_message = "data_project_id is a project's id, or empty."
  }
}

variable "source_datasets" {
  description = "Datasets that templates read, as project.dataset, as in terraform/: where applying opens them to the runs."
  type        = set(string)
  default     = []
  validation {
    condition     = alltrue([for name in var.source_datasets : can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]\\.[A-Za-z0-9_]+$", name))])
    error_message = "source_datasets are of the form project.dataset."
  }
}

variable "region" {
  description = "Region of the buckets and of the builds; that of the repository's connection."
  type        = string
  default     = "us-central1"
}

variable "environment" {
  description = "What the triggers deploy: terraform/{environment}.tfvars."
  type        = string
  default     = "dev"
  validation {
    condition     = can(regex("^[a-z][a-z0-9]*$", var.environment))
    error_message = "environment names a file terraform/{environment}.tfvars, such as dev or prod."
  }
}

variable "repository" {
  description = "Repository as connected to Cloud Build: projects/…/locations/…/connections/…/repositories/…. null: no triggers; builds are submitted by hand."
  type        = string
  default     = null
  validation {
    condition     = var.repository == null || can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.repository))
    error_message = "repository is projects/PROJECT/locations/REGION/connections/CONNECTION/repositories/REPOSITORY, as `gcloud builds repositories list` has it."
  }
  validation {
    condition     = var.repository == null || try(split("/", var.repository)[3], "") == var.region
    error_message = "The repository's connection must be in var.region: triggers see those of their own region only."
  }
}

variable "approvers" {
  description = "IAM members that may approve what is applied, such as group:platform@acme.com."
  type        = set(string)
  default     = []
  validation {
    condition     = length(setintersection(var.approvers, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "Approvers are named members."
  }
}
