# Calls are counted in Memorystore when asked for, reached through a network of its own.

mock_provider "google" {
  source = "./tests/mocks"
}
mock_provider "google-beta" {}

variables {
  project_id     = "ci-project"
  operator_email = "finops@example.com"
  mail_from      = "convergence@example.com"
}

run "without_redis_each_instance_counts_for_itself" {
  command = plan

  assert {
    condition = length(concat(
      google_redis_instance.rate_limits, google_vpc_access_connector.functions, google_compute_network.convergence,
    )) == 0
    error_message = "A store, connector or network is made (and paid for) that nobody asked for."
  }
  assert {
    condition     = local.connector == null && module.api.environment.RATE_LIMIT_STORE == "memory://"
    error_message = "Without redis calls are counted in memory, and no function needs a network."
  }
}

run "with_redis_api_and_admin_count_together" {
  command = plan
  variables {
    redis = { memory_gb = 2, connector_cidr = "10.9.0.0/28" }
  }
  override_resource {
    target          = google_redis_instance.rate_limits[0]
    override_during = plan
    values          = { host = "10.0.0.3", port = 6379 }
  }

  assert {
    condition = (
      module.api.environment.RATE_LIMIT_STORE == "redis://10.0.0.3:6379/0" &&
      module.admin.environment.RATE_LIMIT_STORE == module.api.environment.RATE_LIMIT_STORE
    )
    error_message = "api and admin have to count at the same address."
  }
  assert {
    condition     = google_redis_instance.rate_limits[0].redis_configs["maxmemory-policy"] == "volatile-lru"
    error_message = "A full store would refuse to count anybody."
  }
  assert {
    condition = (
      google_redis_instance.rate_limits[0].memory_size_gb == 2 &&
      google_vpc_access_connector.functions[0].ip_cidr_range == "10.9.0.0/28" &&
      !google_compute_network.convergence[0].auto_create_subnetworks
    )
    error_message = "Memory, connector and network are not those that were asked for."
  }
}
