# Each function is an account of its own, no role is a basic one, and secrets have no values.

mock_provider "google" {
  source = "./tests/mocks"
}
mock_provider "google-beta" {}

variables {
  project_id      = "ci-project"
  operator_email  = "finops@example.com"
  mail_from       = "convergence@example.com"
  source_datasets = ["ci-project.billing_export", "elsewhere.billing_export"]
}

run "each_function_is_an_account_of_its_own" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    name        = "run-pipeline"
    description = "Runs pipelines"
    region      = "us-central1"
    entry_point = "run_pipeline"
    runtime     = "python312"
    bundle      = { bucket = "bundles", object = "run_pipeline-abc.zip" }
    build       = { service_account = "projects/ci-project/serviceAccounts/build@ci-project.iam.gserviceaccount.com", repository = "projects/ci-project/locations/us-central1/repositories/functions" }
    size        = { max_instances = 10, min_instances = 0, concurrency = 8, memory = "1Gi", cpu = "1" }
    timeout_s   = 600
    environment = { GCP_PROJECT_ID = "ci-project" }
    ingress     = "ALLOW_INTERNAL_ONLY"
    connector   = "projects/ci-project/locations/us-central1/connectors/convergence"
    invokers    = { push = "serviceAccount:push@ci-project.iam.gserviceaccount.com" }
  }

  assert {
    condition     = google_service_account.this.account_id == "convergence-run-pipeline"
    error_message = "The function has no account of its own."
  }
  assert {
    condition = (
      google_cloudfunctions2_function.this.service_config[0].max_instance_request_concurrency == 8 &&
      google_cloudfunctions2_function.this.service_config[0].environment_variables["THREADS"] == "8"
    )
    error_message = "As many threads as requests at once."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].environment_variables["LOG_EXECUTION_ID"] == "false"
    error_message = "With execution ids the lines of two threads get mixed."
  }
  assert {
    condition = (
      google_cloudfunctions2_function.this.build_config[0].service_account == var.build.service_account &&
      google_cloudfunctions2_function.this.build_config[0].docker_repository == var.build.repository
    )
    error_message = "The image is built as the default account, which may edit the project, or kept where nobody cleans up."
  }
  assert {
    condition = (
      google_cloudfunctions2_function.this.service_config[0].vpc_connector == var.connector &&
      google_cloudfunctions2_function.this.service_config[0].vpc_connector_egress_settings == "PRIVATE_RANGES_ONLY"
    )
    error_message = "Calls of Google and SendGrid would go through a network that leads nowhere else than to Memorystore."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].ingress_settings == var.ingress && google_cloudfunctions2_function.this.service_config[0].timeout_seconds == 600
    error_message = "The function is not as closed, or not as patient, as was asked for."
  }
  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.invoker) == ["push"] && google_cloud_run_v2_service_iam_member.invoker["push"].role == "roles/run.invoker"
    error_message = "Others than those named may call the function."
  }
}

run "images_are_built_as_the_builder_and_kept_where_old_ones_are_deleted" {
  command = plan
  override_resource {
    target          = google_service_account.build
    override_during = plan
    values = {
      id     = "projects/ci-project/serviceAccounts/build@ci-project.iam.gserviceaccount.com"
      email  = "build@ci-project.iam.gserviceaccount.com"
      member = "serviceAccount:build@ci-project.iam.gserviceaccount.com"
    }
  }
  override_resource {
    target          = google_artifact_registry_repository.functions
    override_during = plan
    values          = { id = "projects/ci-project/locations/us-central1/repositories/functions" }
  }

  assert {
    condition = local.build == {
      service_account = google_service_account.build.id
      repository      = google_artifact_registry_repository.functions.id
    }
    error_message = "Another account builds the images than the one that can do nothing else."
  }
}

run "subscribers_are_called_by_pushes_alone" {
  command = plan

  assert {
    condition     = length(distinct([for name in [module.api.name, module.admin.name, module.run_pipeline.name, module.run_pipeline_bulk.name, module.fan_out.name, module.dead_letter.name] : name])) == 6
    error_message = "There are six functions, each with the account of its name."
  }
  assert {
    condition     = google_service_account.push.account_id == "convergence-push" && google_service_account_iam_member.push_token.role == "roles/iam.serviceAccountOpenIdTokenCreator"
    error_message = "Pushes are not made as the account that is for them."
  }
}

run "no_role_is_a_basic_one" {
  command = plan

  assert {
    condition = alltrue([for role in concat(
      values(google_project_iam_member.jobs)[*].role,
      values(google_project_iam_member.tenants)[*].role,
      values(google_project_iam_member.agent)[*].role,
      [google_project_iam_member.job_viewer.role, google_project_iam_member.build_logs.role, google_project_iam_member.build_sources.role],
    ) : !contains(["roles/owner", "roles/editor", "roles/viewer"], role) && !can(regex("(?i)admin", role))])
    error_message = "A basic role, or an admin of the whole project."
  }
  assert {
    condition     = alltrue([for one in values(google_project_iam_custom_role.tenants) : !contains(one.permissions, "bigquery.datasets.setIamPolicy")])
    error_message = "A function could give away tenants' data."
  }
  assert {
    condition     = [for name, one in google_project_iam_custom_role.tenants : name if contains(one.permissions, "bigquery.datasets.delete")] == ["convergenceTenantLife"]
    error_message = "Only the admin api may delete datasets."
  }
  assert {
    condition     = alltrue([for name, one in google_kms_crypto_key_iam_member.this : !(startswith(name, "api-keys/") && one.role != "roles/cloudkms.cryptoKeyEncrypter")])
    error_message = "Somebody may decrypt API keys."
  }
}

run "control_dataset_is_apart_in_one_project" {
  command = plan

  assert {
    condition = alltrue([for one in values(google_project_iam_member.tenants) :
      strcontains(one.condition[0].expression, "projects/ci-project/datasets/convergence__control/") &&
      strcontains(one.condition[0].expression, "projects/ci-project/datasets/billing_export/")
    ])
    error_message = "Who may write to tenants' datasets may write to the control dataset or to a source."
  }
}

run "who_streams_rows_sees_the_dataset" {
  command = plan

  assert {
    condition     = local.control_streams == toset(keys(local.members)) && google_project_iam_custom_role.dataset_viewer.permissions == toset(["bigquery.datasets.get"])
    error_message = "tabledata.insertAll asks for bigquery.datasets.get on the control dataset, and for no more of it."
  }
  assert {
    condition = alltrue([for function in ["api", "fan_out"] :
      !strcontains(google_project_iam_member.tenants["convergenceTenantDatasets/${function}"].condition[0].expression, "/tables/")
    ])
    error_message = "A condition on tables' names is false of a dataset: who writes tenants' records could not stream them."
  }
}

run "tenants_have_a_project_of_their_own" {
  command = plan
  variables {
    data_project_id = "ci-project-data"
  }

  assert {
    condition = alltrue([for one in values(google_project_iam_member.tenants) : one.project == "ci-project-data" &&
    alltrue([for condition in one.condition : condition.expression == "resource.name.extract(\"/tables/{table}\").startsWith(\"x_meta_\")"])])
    error_message = "Rights to tenants' datasets are rights in their project."
  }
  assert {
    condition     = alltrue([for one in values(google_project_iam_custom_role.tenants) : one.project == "ci-project-data"])
    error_message = "A custom role is of the project that it is given in."
  }
}

run "secrets_have_no_values" {
  command = plan

  assert {
    condition     = keys(google_secret_manager_secret.this) == ["admin-key", "sendgrid-key"]
    error_message = "There are two secrets."
  }
  assert {
    condition     = module.admin.environment.ADMIN_KEY_SECRET == "projects/ci-project/secrets/admin-key/versions/1"
    error_message = "A function is told a secret's name and version."
  }
}

run "the_public_api_is_public_where_that_is_asked_for" {
  command = plan

  assert {
    condition     = !contains(keys(module.api.invokers), "everybody")
    error_message = "The api is public by default."
  }
}

run "nobody_calls_the_admin_api_by_default" {
  command = plan

  assert {
    condition     = length(module.admin.invokers) == 0
    error_message = "Somebody may call the admin api whom nobody named."
  }
}

run "an_organisation_may_ask_for_one_more_right" {
  command = plan
  variables {
    dataset_acls_enforced = true
  }

  assert {
    condition = [for name, one in google_project_iam_custom_role.tenants : name if contains(one.permissions, "bigquery.datasets.setIamPolicy")] == [
      "convergenceTenantLife", "convergenceTenantResults",
    ]
    error_message = "Who makes datasets sets their access list, and nobody else."
  }
}

run "an_organisation_may_refuse_all_users" {
  command = plan
  variables {
    public_api        = true
    all_users_allowed = false
  }

  assert {
    condition     = length(module.api.invokers) == 0 && output.api_is_public
    error_message = "allUsers is a member that the organisation refuses; the api is opened by hand, and expected to be open."
  }
}
