# Every push is checked; on main its plan is kept, and applied once somebody has approved it.

locals {
  triggers = {
    check = { text = "Any branch but main: tests, bundles, plan", other_branches = true, approval = false }
    plan  = { text = "main: tests, bundles, and a plan that is kept", other_branches = false, approval = false }
    apply = { text = "main, once approved: applies the plan kept for the commit", other_branches = false, approval = true }
  }
}

resource "google_cloudbuild_trigger" "this" {
  for_each = var.repository == null ? {} : local.triggers

  name            = "convergence-${each.key}"
  description     = each.value.text
  location        = var.region
  service_account = google_service_account.this[each.key].id # comes before that of cloudbuild.yaml, which a branch may change
  filename        = "cloudbuild.yaml"
  substitutions   = { _ACTION = each.key, _ENVIRONMENT = var.environment }
  tags            = ["convergence", var.environment]

  repository_event_config {
    repository = var.repository
    push {
      branch       = "^main$"
      invert_regex = each.value.other_branches
    }
  }
  approval_config {
    approval_required = each.value.approval
  }
  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "approvers" {
  for_each = var.approvers

  project = var.project_id
  role    = "roles/cloudbuild.builds.approver"
  member  = each.value
}
