# Every push is checked; on main its plan is kept, and applied once somebody has approved it and the check has passed.

locals {
  triggers = {
    check = { text = "Any branch: tests, bundles, plan", branch = ".*", approval = false }
    plan  = { text = "main: bundles, and a plan that is kept", branch = "^main$", approval = false }
    apply = { text = "main, once checked and approved: applies the commit's plan", branch = "^main$", approval = true }
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
      branch = each.value.branch
    }
  }
  approval_config {
    approval_required = each.value.approval
  }
  depends_on = [time_sleep.apis_are_ready]
}

resource "google_project_iam_member" "approvers" {
  for_each = var.approvers

  project = var.project_id
  role    = "roles/cloudbuild.builds.approver"
  member  = each.value

  depends_on = [time_sleep.apis_are_ready]
}
