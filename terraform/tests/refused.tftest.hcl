# Values that cannot be meant are refused by a plan, in words.

mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      email  = "mock@ci-project.iam.gserviceaccount.com"
      member = "serviceAccount:mock@ci-project.iam.gserviceaccount.com"
    }
  }
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
