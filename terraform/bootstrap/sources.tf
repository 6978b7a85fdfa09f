# Sources in other projects: applying opens them to the runs (terraform/source_datasets.tf), and reads none of them.

locals {
  foreign = { for name in var.source_datasets : name => { project = split(".", name)[0], dataset = split(".", name)[1] } if split(".", name)[0] != var.project_id }
  openers = merge([for right in ["apply", "read"] : { for project in distinct(values(local.foreign)[*].project) : "${right}/${project}" => project }]...)
}

resource "google_project_iam_custom_role" "sources" {
  for_each = local.openers

  project = each.value
  role_id = "convergence${title(split("/", each.key)[0])}Sources"
  title   = "Convergence builds: ${split("/", each.key)[0]}, sources"
  permissions = [
    for one in local.permissions["google_bigquery_dataset_iam_member"] : one
    if startswith(each.key, "apply/") || can(regex(local.reading, one))
  ]
  depends_on = [time_sleep.apis_are_ready]
}

resource "google_bigquery_dataset_iam_member" "sources" {
  for_each = merge([for account, right in local.rights : { for name, source in local.foreign : "${account}/${name}" => merge(source, { right = right }) }]...)

  project    = each.value.project
  dataset_id = each.value.dataset
  role       = "projects/${each.value.project}/roles/${google_project_iam_custom_role.sources["${each.value.right}/${each.value.project}"].role_id}"
  member     = google_service_account.this[split("/", each.key)[0]].member
}
