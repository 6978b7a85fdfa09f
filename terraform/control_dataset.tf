# Registry, events and records of the platform: a table for each file of templates/control, each open to those functions
# alone that use it.

locals {
  control_dataset = "convergence__control"
  control_schemas = { for file in fileset("${path.module}/../templates/control", "*.json") :
    trimsuffix(file, ".json") => jsondecode(file("${path.module}/../templates/control/${file}"))
  }

  # Events that nobody asks for any more go with their partition; what else is in the dataset stays.
  kept_for_days = { x_meta_runs = var.run_history_days, x_meta_batches = var.run_history_days }

  # Who appends rows to a table, who reads it. Whoever does both may also change it (x_meta_tenants, by DML).
  control_appends = {
    x_meta_runs              = ["api", "admin", "run_pipeline", "run_pipeline_bulk", "fan_out", "dead_letter"]
    x_meta_run_copies        = ["admin", "run_pipeline", "run_pipeline_bulk", "fan_out"]
    x_meta_batches           = ["admin", "fan_out"]
    x_meta_tenants           = ["admin"]
    x_meta_rejected_messages = ["run_pipeline", "run_pipeline_bulk", "fan_out", "dead_letter"]
    x_meta_dead_letters      = ["dead_letter"]
    x_meta_audit             = ["api", "admin"]
  }
  # Whoever appends rows by streaming also needs bigquery.datasets.get on the dataset (facts 35).
  control_streams = toset(flatten(values(local.control_appends)))

  control_reads = {
    x_meta_runs       = ["api", "admin", "run_pipeline", "run_pipeline_bulk", "fan_out", "dead_letter"]
    x_meta_run_copies = ["fan_out"]
    x_meta_batches    = ["admin", "fan_out"]
    x_meta_tenants    = ["admin", "fan_out"]
  }
}

resource "google_bigquery_dataset" "control" {
  #checkov:skip=CKV_GCP_81:Google's own keys encrypt it; the secrets of tenants are encrypted by keys of ours besides
  dataset_id                 = local.control_dataset
  location                   = var.location
  description                = "Registry, runs, batches and records of Convergence."
  delete_contents_on_destroy = false
  deletion_policy            = var.protect_data ? "PREVENT" : "DELETE"

  # Said, because without it BigQuery lets in every viewer and editor of the project. It is the whole access list: a
  # google_bigquery_dataset_iam_member beside it would be taken out again by the next apply.
  access {
    role          = "OWNER"
    special_group = "projectOwners"
  }
  dynamic "access" {
    for_each = local.control_streams
    content {
      role          = "projects/${var.project_id}/roles/${google_project_iam_custom_role.dataset_viewer.role_id}"
      user_by_email = trimprefix(local.members[access.value], "serviceAccount:")
    }
  }
  depends_on = [time_sleep.apis_are_ready]
}

resource "google_bigquery_table" "control" {
  #checkov:skip=CKV_GCP_80:Google's own keys encrypt it; the secrets of tenants are encrypted by keys of ours besides
  for_each = local.control_schemas

  dataset_id          = google_bigquery_dataset.control.dataset_id
  table_id            = each.key
  description         = each.value.description
  schema              = jsonencode(each.value.fields)
  clustering          = each.value.cluster_by
  deletion_protection = var.protect_data

  dynamic "time_partitioning" {
    for_each = each.value.partition_field == null ? [] : [each.value]
    content {
      type          = time_partitioning.value.partition_type
      field         = time_partitioning.value.partition_field
      expiration_ms = contains(keys(local.kept_for_days), each.key) ? local.kept_for_days[each.key] * 86400000 : null
    }
  }
}

resource "google_project_iam_custom_role" "appender" {
  role_id     = "convergenceAppender"
  title       = "Convergence: append rows"
  description = "Add rows to a table, without reading it."
  permissions = ["bigquery.tables.get", "bigquery.tables.updateData"]
  depends_on  = [time_sleep.apis_are_ready]
}

resource "google_project_iam_custom_role" "reader" {
  role_id     = "convergenceReader"
  title       = "Convergence: read rows"
  description = "Read the rows of a table."
  permissions = ["bigquery.tables.get", "bigquery.tables.getData"]
  depends_on  = [time_sleep.apis_are_ready]
}

resource "google_project_iam_custom_role" "dataset_viewer" {
  role_id     = "convergenceDatasetViewer"
  title       = "Convergence: see a dataset"
  description = "See a dataset's description, location and labels. No table, no row."
  permissions = ["bigquery.datasets.get"]
  depends_on  = [time_sleep.apis_are_ready]
}

resource "google_bigquery_table_iam_member" "appender" {
  for_each = toset(flatten([for table, functions in local.control_appends : [for name in functions : "${table}/${name}"]]))

  dataset_id = google_bigquery_dataset.control.dataset_id
  table_id   = google_bigquery_table.control[split("/", each.key)[0]].table_id
  role       = "projects/${var.project_id}/roles/${google_project_iam_custom_role.appender.role_id}"
  member     = local.members[split("/", each.key)[1]]
}

resource "google_bigquery_table_iam_member" "reader" {
  for_each = toset(flatten([for table, functions in local.control_reads : [for name in functions : "${table}/${name}"]]))

  dataset_id = google_bigquery_dataset.control.dataset_id
  table_id   = google_bigquery_table.control[split("/", each.key)[0]].table_id
  role       = "projects/${var.project_id}/roles/${google_project_iam_custom_role.reader.role_id}"
  member     = local.members[split("/", each.key)[1]]
}

# Query jobs run, and are billed, in this project, whatever they read.
resource "google_project_iam_member" "jobs" {
  for_each = local.members

  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = each.value
}

resource "google_project_iam_custom_role" "job_viewer" {
  role_id     = "convergenceJobViewer"
  title       = "Convergence: look at jobs"
  description = "See whether a job is alive, whoever started it."
  permissions = ["bigquery.jobs.get"]
  depends_on  = [time_sleep.apis_are_ready]
}

# Whether a dead letter's run goes on depends on the jobs that run_pipeline has started.
resource "google_project_iam_member" "job_viewer" {
  project = var.project_id
  role    = "projects/${var.project_id}/roles/${google_project_iam_custom_role.job_viewer.role_id}"
  member  = local.members.dead_letter
}
