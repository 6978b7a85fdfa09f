# An account for each action of cloudbuild.yaml. What a branch may run on its own, reads; only apply, behind an approval,
# changes anything.

resource "google_service_account" "this" {
  for_each = {
    check = "Tests and plans every push; reads only"
    plan  = "Plans main, and keeps the plan"
    apply = "Applies a plan that was approved"
  }

  account_id   = "convergence-${each.key}"
  display_name = "Convergence builds: ${each.key}"
  description  = each.value
  depends_on   = [time_sleep.apis_are_ready]
}

# A build's log is written with its own account. Whoever may write logs chooses their name and resource (entries.write of Cloud
# Logging): a branch can write lines that look like a function's, such as the "reconciled" that keeps the alert
# reconcile_missing quiet, and neither a metric's filter nor a condition here could tell them apart.
resource "google_project_iam_member" "logs" {
  for_each = google_service_account.this

  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = each.value.member
}

locals {
  rights  = { check = "read", plan = "read", apply = "apply" }
  needed  = sort(distinct(flatten(values(local.permissions))))
  control = "projects/${var.project_id}/datasets/convergence__control"
  sources = [for name in sort(var.source_datasets) : "projects/${var.project_id}/datasets/${split(".", name)[1]}" if split(".", name)[0] == var.project_id]

  # Where rights can be held to what is terraform/'s own, a condition does: tenants' datasets, other buckets (the state's) and
  # other secrets (the repository's token) are none of it. What is made anew may be asked of the project, so that what is
  # neither dataset, bucket nor secret passes.
  scopes = merge(
    {
      platform = {
        project     = var.project_id
        permissions = [for one in local.needed : one if !can(regex("^(bigquery|secretmanager|storage)\\.", one))]
        condition   = null
      }
      secrets = {
        project     = var.project_id
        permissions = [for one in local.needed : one if startswith(one, "secretmanager.")]
        condition = join(" || ", concat(
          ["resource.type != \"secretmanager.googleapis.com/Secret\""],
          [for name in ["admin-key", "sendgrid-key"] : "resource.name.endsWith(\"/secrets/${name}\")"],
        ))
      }
      datasets = {
        project     = var.project_id
        permissions = [for one in local.needed : one if startswith(one, "bigquery.")]
        condition = join(" || ", concat(
          ["(resource.type != \"bigquery.googleapis.com/Dataset\" && resource.type != \"bigquery.googleapis.com/Table\")"],
          ["resource.name.startsWith(\"${local.control}\")"],
          [for name in local.sources : "resource.name == \"${name}\""],
        ))
      }
      bundles = {
        project     = var.project_id
        permissions = [for one in local.needed : one if startswith(one, "storage.")]
        condition   = "!resource.name.startsWith(\"projects/_/buckets/\") || resource.name.startsWith(\"projects/_/buckets/${var.project_id}-convergence-bundles\")"
      }
    },
    # The functions' roles in the project of the tenant datasets, and its API.
    local.apart ? {
      data = {
        project     = local.data_project
        permissions = sort(distinct(flatten([for type in ["google_project", "google_project_iam_custom_role", "google_project_iam_member", "google_project_service"] : local.permissions[type]])))
        condition   = null
      }
    } : {},
  )
  roles = merge([for scope, one in local.scopes : {
    "apply/${scope}" = one
    "read/${scope}"  = merge(one, { permissions = [for permission in one.permissions : permission if can(regex(local.reading, permission))] })
  }]...)
}

resource "google_project_iam_custom_role" "this" {
  for_each = local.roles

  project     = each.value.project
  role_id     = "convergence${title(split("/", each.key)[0])}${title(split("/", each.key)[1])}" # convergenceReadBundles
  title       = "Convergence builds: ${replace(each.key, "/", ", ")}"
  permissions = each.value.permissions
  depends_on  = [time_sleep.apis_are_ready]
}

resource "google_project_iam_member" "this" {
  for_each = merge([for account, right in local.rights : { for scope in keys(local.scopes) : "${account}/${scope}" => "${right}/${scope}" }]...)

  project = local.roles[each.value].project
  role    = "projects/${local.roles[each.value].project}/roles/${google_project_iam_custom_role.this[each.value].role_id}" # known to a plan, unlike name
  member  = google_service_account.this[split("/", each.key)[0]].member

  dynamic "condition" {
    for_each = local.roles[each.value].condition == null ? [] : [local.roles[each.value].condition]
    content {
      title      = "convergence-${split("/", each.key)[1]}"
      expression = condition.value
    }
  }
}
