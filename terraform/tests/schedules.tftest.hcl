# A schedule is an entry of a map: its job comes and goes with it, and nothing else does.

mock_provider "google" {
  source = "./tests/mocks"
}
mock_provider "google-beta" {}

variables {
  project_id     = "ci-project"
  operator_email = "finops@example.com"
  mail_from      = "convergence@example.com"
}

run "reconciliation_is_always_there" {
  command = plan

  assert {
    condition     = keys(google_cloud_scheduler_job.this) == ["reconcile"] && google_cloud_scheduler_job.this["reconcile"].schedule == "*/15 * * * *"
    error_message = "Every quarter of an hour what was lost is found again."
  }
}

run "a_schedule_has_a_job" {
  command = plan
  variables {
    schedules = { nightly = { template = "gcp/cost/cost_billing", cron = "0 4 * * *", time_zone = "Europe/Berlin", lookback_days = 2 } }
  }

  assert {
    condition = jsondecode(base64decode(google_cloud_scheduler_job.this["nightly"].pubsub_target[0].data)) == {
      schedule      = "nightly"
      provider      = "gcp"
      domain        = "cost"
      template_name = "cost_billing"
      date          = "yesterday"
      timezone      = "Europe/Berlin"
      lookback_days = 2
    }
    error_message = "The job publishes something else than fan_out reads."
  }
  assert {
    condition     = google_cloud_scheduler_job.this["nightly"].time_zone == "Europe/Berlin" && google_cloud_scheduler_job.this["nightly"].retry_config[0].retry_count == 5
    error_message = "The job runs in the schedule's time zone, and is tried again."
  }
}

run "wrong_schedules_are_refused" {
  command = plan
  variables {
    schedules = { Nightly = { template = "cost_billing", cron = "daily", lookback_days = 32 } }
  }
  expect_failures = [var.schedules]
}

run "the_name_of_reconciliation_is_taken" {
  command = plan
  variables {
    schedules = { reconcile = { template = "gcp/cost/cost_billing", cron = "0 4 * * *" } }
  }
  expect_failures = [var.schedules]
}
