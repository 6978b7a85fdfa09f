# Applying grants the functions their roles in a project: those that terraform/ grants there, and no others ("Set limits on
# granting roles" of IAM's pages; a list has at most ten).
# What this does not stop: who applies may also change what the platform's own roles contain, and act as its service accounts.
# It stops a plan from making anybody an owner; that nobody plans such things, the approval has to see to.

locals {
  grantable = merge(
    local.apart ? { (local.data_project) = local.tenant_roles } : {},
    { (var.project_id) = concat(
      ["roles/bigquery.jobUser", "roles/logging.logWriter", "roles/storage.objectViewer", "projects/${var.project_id}/roles/convergenceJobViewer"],
      local.apart ? [] : local.tenant_roles,
    ) },
  )
  tenant_roles = [for name in ["convergenceTenantLife", "convergenceTenantLookup", "convergenceTenantRecords", "convergenceTenantResults"] : "projects/${local.data_project}/roles/${name}"]
}

resource "google_project_iam_custom_role" "grant" {
  for_each = toset([var.project_id, local.data_project])

  project     = each.key
  role_id     = "convergenceGrant"
  title       = "Convergence builds: grant roles"
  description = "Held to certain roles by the condition of its binding."
  permissions = ["resourcemanager.projects.getIamPolicy", "resourcemanager.projects.setIamPolicy"]
  depends_on  = [google_project_service.this, google_project_service.data]
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
