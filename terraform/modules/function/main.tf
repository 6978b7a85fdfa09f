# One deployed function, with a service account of its own.

resource "google_service_account" "this" {
  project      = var.project_id
  account_id   = "convergence-${var.name}"
  display_name = "Convergence ${var.name}"
  description  = var.description
}

resource "google_cloudfunctions2_function" "this" {
  #checkov:skip=CKV_GCP_124:The two HTTP APIs are called from outside; who may call them is IAM's to say
  project     = var.project_id
  name        = var.name
  location    = var.region
  description = var.description

  build_config {
    runtime           = var.runtime
    entry_point       = var.entry_point
    service_account   = var.build.service_account
    docker_repository = var.build.repository
    source {
      storage_source {
        bucket = var.bundle.bucket
        object = var.bundle.object
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.this.email
    available_cpu                    = var.size.cpu
    available_memory                 = var.size.memory
    min_instance_count               = var.size.min_instances
    max_instance_count               = var.size.max_instances
    max_instance_request_concurrency = var.size.concurrency
    timeout_seconds                  = var.timeout_s
    ingress_settings                 = var.ingress
    vpc_connector                    = var.connector
    vpc_connector_egress_settings    = var.connector == null ? null : "PRIVATE_RANGES_ONLY"
    environment_variables = merge(var.environment, {
      THREADS = tostring(var.size.concurrency) # gunicorn's; more requests than threads would wait, unseen by Cloud Run
      # functions-framework would write each log line in two parts, and those of other threads between them.
      LOG_EXECUTION_ID = "false"
    })
  }

  lifecycle {
    precondition {
      condition     = var.size.min_instances <= var.size.max_instances
      error_message = "${var.name}: min_instances is ${var.size.min_instances}, more than max_instances, ${var.size.max_instances}."
    }
  }
}

# Who calls a function of the second generation calls its Cloud Run service.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.invokers

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = each.value
}
