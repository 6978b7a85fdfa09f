# Values that cannot be meant are refused by a plan, in words.

mock_provider "google" {
  source = "./tests/mocks"
}
mock_provider "google-beta" {}

variables {
  project_id     = "ci-project"
  operator_email = "finops@example.com"
  mail_from      = "convergence@example.com"
}

run "the_admin_api_is_never_for_everybody" {
  command = plan
  variables {
    admin_invokers = ["allUsers"]
  }
  expect_failures = [var.admin_invokers]
}

run "the_api_is_public_by_its_own_variable_alone" {
  command = plan
  variables {
    api_invokers = ["allAuthenticatedUsers"]
  }
  expect_failures = [var.api_invokers]
}

run "too_few_deliveries" {
  command = plan
  variables {
    delivery_attempts = { bulk = 4 }
  }
  expect_failures = [var.delivery_attempts]
}

run "a_publisher_of_no_tenant_that_there_can_be" {
  command = plan
  variables {
    publishers = { exporter = { tenants = ["Acme"], templates = ["gcp/cost/cost_billing"] } }
  }
  expect_failures = [var.publishers]
}

run "a_publisher_of_all_and_some" {
  command = plan
  variables {
    publishers = { exporter = { tenants = ["*", "acmeinc_23xv2"], templates = ["gcp/cost/cost_billing"] } }
  }
  expect_failures = [var.publishers]
}

run "a_size_of_no_function" {
  command = plan
  variables {
    sizes = { bulk = { max_instances = 3 } }
  }
  expect_failures = [var.sizes]
}

run "a_rate_without_a_unit" {
  command = plan
  variables {
    limits = { rate_limit_runs = "50" }
  }
  expect_failures = [var.limits]
}

run "an_old_runtime" {
  command = plan
  variables {
    runtime = "python311"
  }
  expect_failures = [var.runtime]
}

run "a_source_without_its_project" {
  command = plan
  variables {
    source_datasets = ["billing_export"]
  }
  expect_failures = [var.source_datasets]
}

# Of objects Terraform drops what it does not know, and the plan says "No changes": so these are maps.
run "misspelt_fields" {
  command = plan
  variables {
    sizes             = { run_pipeline_bulk = { max_instancs = 40 } }
    limits            = { rate_limit_run = "5/minute" }
    schedules         = { nightly = { template = "gcp/cost/cost_billing", cron = "0 4 * * *", timezone = "Europe/Berlin" } }
    publishers        = { exporter = { tenants = ["*"], templates = ["gcp/cost/cost_billing"], member = ["group:a@example.com"] } }
    delivery_attempts = { bulk_lane = 10 }
    secret_versions   = { admin = 2 }
    redis             = { memory = 5 }
  }
  expect_failures = [var.sizes, var.limits, var.schedules, var.publishers, var.delivery_attempts, var.secret_versions, var.redis]
}

run "values_that_every_function_would_refuse" {
  command = plan
  variables {
    limits          = { run_deadline_s = 1 }
    secret_versions = { admin_key = 1.5 }
    sizes           = { api = { cpu = "0.5" } }
  }
  expect_failures = [var.limits, var.secret_versions, var.sizes]
}

run "templates_that_are_not_there" {
  command = plan
  variables {
    schedules  = { nightly = { template = "gcp/cost/cost_biling", cron = "0 4 * * *" } }
    publishers = { exporter = { tenants = ["*"], templates = ["gcp/cost/cost_biling"] } }
  }
  expect_failures = [var.schedules, var.publishers]
}

run "everybody_as_a_publisher" {
  command = plan
  variables {
    publishers = { exporter = { tenants = ["*"], templates = ["gcp/cost/cost_billing"], members = ["allAuthenticatedUsers"] } }
  }
  expect_failures = [var.publishers]
}

run "a_publisher_of_no_tenant" {
  command = plan
  variables {
    publishers = { exporter = { tenants = [], templates = ["gcp/cost/cost_billing"] } }
  }
  expect_failures = [var.publishers]
}

run "less_than_bigquery_bills" {
  command = plan
  variables {
    limits = { maximum_bytes_billed = 10485759 }
  }
  expect_failures = [var.limits]
}

run "a_grace_of_more_than_thirty_days" {
  command = plan
  variables {
    limits = { api_key_grace_s = 2592001 }
  }
  expect_failures = [var.limits]
}

run "a_name_that_is_none" {
  command = plan
  variables {
    front        = { domain = "https://convergence.example.com" }
    alert_emails = ["finops"]
  }
  expect_failures = [var.front, var.alert_emails]
}

run "less_history_than_is_looked_at" {
  command = plan
  variables {
    run_history_days            = 30
    daily_query_tib_per_account = 0.5
    bulk_reservation            = "nightly"
  }
  expect_failures = [var.run_history_days, var.daily_query_tib_per_account, var.bulk_reservation]
}
