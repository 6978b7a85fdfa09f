# The tenants' datasets are made by the platform, not by Terraform, and share no prefix: rights to them are rights in the
# project that they are in. A project of their own (data_project_id) keeps control dataset and sources out of it; in one
# project for all, a condition does.

locals {
  # A dataset is made with its access list, and an organisation may ask for a right of its own for that.
  makes_datasets = concat(["bigquery.datasets.create"], var.dataset_acls_enforced ? ["bigquery.datasets.setIamPolicy"] : [])

  tenant_roles = {
    # What is read of a tenant, and what is written of it: keys, credentials, copies of runs.
    convergenceTenantRecords = {
      title       = "Convergence: tenants' records"
      permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
      functions   = ["api", "fan_out", "dead_letter"]
    }
    # Results of runs: datasets and tables that are not there yet, columns that are new, rows. No deleting.
    convergenceTenantResults = {
      title = "Convergence: results of runs"
      permissions = concat(local.makes_datasets, [
        "bigquery.datasets.get",
        "bigquery.tables.create",
        "bigquery.tables.get",
        "bigquery.tables.getData",
        "bigquery.tables.list",
        "bigquery.tables.update",
        "bigquery.tables.updateData",
      ])
      functions = ["run_pipeline", "run_pipeline_bulk"]
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
      functions = ["admin"]
    }
  }

  # Datasets in this project that are nobody's, when tenants share it with them.
  not_tenants = local.data_project != var.project_id ? [] : concat(
    [local.control_dataset],
    sort([for name in var.source_datasets : split(".", name)[1] if split(".", name)[0] == var.project_id]),
  )
}

resource "google_project_iam_custom_role" "tenants" {
  for_each = local.tenant_roles

  project     = local.data_project
  role_id     = each.key
  title       = each.value.title
  permissions = each.value.permissions
  depends_on  = [google_project_service.this, google_project_service.data]
}

resource "google_project_iam_member" "tenants" {
  for_each = merge([for role, one in local.tenant_roles : { for name in one.functions : "${role}/${name}" => role }]...)

  project = local.data_project
  role    = "projects/${local.data_project}/roles/${google_project_iam_custom_role.tenants[each.value].role_id}"
  member  = local.members[split("/", each.key)[1]]

  dynamic "condition" {
    for_each = length(local.not_tenants) == 0 ? [] : [local.not_tenants]
    content {
      title       = "tenants-datasets-only"
      description = "Not the control dataset, and no source."
      expression = join(" && ", [for dataset in condition.value :
        "resource.name != \"projects/${var.project_id}/datasets/${dataset}\" && !resource.name.startsWith(\"projects/${var.project_id}/datasets/${dataset}/\")"
      ])
    }
  }
}
