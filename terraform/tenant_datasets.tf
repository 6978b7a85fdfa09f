# The tenants' datasets are made by the platform, not by Terraform, and share no prefix: rights to them are rights in the
# project that they are in. A project of their own (data_project_id) keeps control dataset and sources out of it; in one
# project for all, a condition does.

locals {
  # A dataset is made with its access list, and an organisation may ask for a right of its own for that.
  makes_datasets = concat(["bigquery.datasets.create"], var.dataset_acls_enforced ? ["bigquery.datasets.setIamPolicy"] : [])

  tenant_roles = {
    # The platform's own tables in a tenant's dataset, x_meta_…: who it is, keys, credentials, copies of runs.
    convergenceTenantRecords = {
      title        = "Convergence: tenants' records"
      permissions  = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
      functions    = ["api", "fan_out"]
      records_only = true
    }
    # Streaming into those tables also asks for their dataset (facts 35), which a condition on tables' names would refuse.
    convergenceTenantDatasets = {
      title        = "Convergence: see tenants' datasets"
      permissions  = ["bigquery.datasets.get"]
      functions    = ["api", "fan_out"]
      records_only = false
    }
    # Who a tenant is.
    convergenceTenantLookup = {
      title        = "Convergence: look tenants up"
      permissions  = ["bigquery.tables.get", "bigquery.tables.getData"]
      functions    = ["dead_letter"]
      records_only = true
    }
    # Results of runs: datasets and tables that are not there yet, columns that are new, rows. No deleting.
    convergenceTenantResults = {
      title = "Convergence: results of runs"
      permissions = concat(local.makes_datasets, [
        "bigquery.datasets.get",
        "bigquery.tables.create",
        "bigquery.tables.get",
        "bigquery.tables.getData",
        "bigquery.tables.update",
        "bigquery.tables.updateData",
      ])
      functions    = ["run_pipeline", "run_pipeline_bulk"]
      records_only = false
    }
    # Onboarding and off-boarding.
    convergenceTenantLife = {
      title = "Convergence: onboard and off-board tenants"
      permissions = concat(local.makes_datasets, [
        "bigquery.datasets.delete",
        "bigquery.datasets.get",
        "bigquery.datasets.update",
        "bigquery.tables.create",
        "bigquery.tables.delete",
        "bigquery.tables.get",
        "bigquery.tables.getData",
        "bigquery.tables.list",
        "bigquery.tables.update",
        "bigquery.tables.updateData",
      ])
      functions    = ["admin"]
      records_only = false
    }
  }

  # Datasets in this project that are nobody's, when tenants share it with them.
  not_tenants = local.data_project != var.project_id ? [] : concat(
    [local.control_dataset],
    sort([for name in var.source_datasets : split(".", name)[1] if split(".", name)[0] == var.project_id]),
  )
  tenants_only = flatten([for dataset in local.not_tenants : [
    "resource.name != \"projects/${var.project_id}/datasets/${dataset}\"",
    "!resource.name.startsWith(\"projects/${var.project_id}/datasets/${dataset}/\")",
  ]])
  # Tables, unlike tenants, share a prefix.
  records_only = ["resource.name.extract(\"/tables/{table}\").startsWith(\"x_meta_\")"]

  tenant_conditions = { for role, one in local.tenant_roles : role => concat(local.tenants_only, one.records_only ? local.records_only : []) }
}

resource "google_project_iam_custom_role" "tenants" {
  for_each = local.tenant_roles

  project     = local.data_project
  role_id     = each.key
  title       = each.value.title
  permissions = each.value.permissions
  depends_on  = [time_sleep.apis_are_ready]
}

resource "google_project_iam_member" "tenants" {
  for_each = merge([for role, one in local.tenant_roles : { for name in one.functions : "${role}/${name}" => role }]...)

  project = local.data_project
  role    = "projects/${local.data_project}/roles/${google_project_iam_custom_role.tenants[each.value].role_id}"
  member  = local.members[split("/", each.key)[1]]

  dynamic "condition" {
    for_each = length(local.tenant_conditions[each.value]) == 0 ? [] : [local.tenant_conditions[each.value]]
    content {
      title       = local.tenant_roles[each.value].records_only ? "tenants-records-only" : "tenants-datasets-only"
      description = "Not the control dataset, and no source${local.tenant_roles[each.value].records_only ? "; the platform's own tables" : ""}."
      expression  = join(" && ", condition.value)
    }
  }
}
