# Whoever controls convergence-apply can make itself owner: it may change what a custom role contains, and grant that role;
# set who acts as a service account and who uses a key; deploy code that runs as a function. IAM's conditions know neither
# roles nor service accounts, so none could forbid it. What stands before it is the approval, of a plan that only
# convergence-plan keeps.
#
# What the conditions here and in accounts.tf hold back is a plan's mistake: a role granted in a project that is none of
# those that terraform/ grants there, so no basic role and no admin's ("Set limits on granting roles" of IAM's pages; a list
# has at most ten); a tenant's dataset, this folder's state, a secret that is not the platform's.

locals {
  grantable = merge(
    local.apart ? { (local.data_project) = local.tenant_roles } : {},
    { (var.project_id) = concat(
      ["roles/bigquery.jobUser", "roles/cloudscheduler.serviceAgent", "roles/logging.logWriter", "roles/storage.objectViewer", "projects/${var.project_id}/roles/convergenceJobViewer"],
      local.apart ? [] : local.tenant_roles,
    ) },
  )
  tenant_roles = [for name in ["convergenceTenantDatasets", "convergenceTenantLife", "convergenceTenantLookup", "convergenceTenantRecords", "convergenceTenantResults"] : "projects/${local.data_project}/roles/${name}"]
}

resource "google_project_iam_custom_role" "grant" {
  for_each = toset([var.project_id, local.data_project])

  project     = each.key
  role_id     = "convergenceGrant"
  title       = "Convergence builds: grant roles"
  description = "Held to certain roles by the condition of its binding."
  permissions = ["resourcemanager.projects.getIamPolicy", "resourcemanager.projects.setIamPolicy"]
  depends_on  = [time_sleep.apis_are_ready]
}

resource "google_project_iam_member" "grant" {
  for_each = google_project_iam_custom_role.grant

  project = each.key
  role    = "projects/${each.key}/roles/${each.value.role_id}"
  member  = google_service_account.this["apply"].member

  condition {
    title      = "roles-of-the-functions"
    expression = "api.getAttribute(\"iam.googleapis.com/modifiedGrantsByRole\", []).hasOnly(${jsonencode(local.grantable[each.key])})"
  }
}
