# The load balancer is there when asked for, and then the only way to the api.

mock_provider "google" {
  source = "./tests/mocks"
}
mock_provider "google-beta" {}

variables {
  project_id     = "ci-project"
  operator_email = "finops@example.com"
  mail_from      = "convergence@example.com"
  public_api     = true
}

run "without_a_front_nothing_of_it_is_made" {
  command = plan

  assert {
    condition = length(concat(
      google_compute_global_address.front, google_compute_backend_service.api, google_compute_security_policy.front,
      google_compute_region_network_endpoint_group.api, google_compute_managed_ssl_certificate.front,
      google_compute_ssl_policy.front, google_compute_url_map.https, google_compute_url_map.http,
      google_compute_target_https_proxy.front, google_compute_target_http_proxy.front,
      google_compute_global_forwarding_rule.https, google_compute_global_forwarding_rule.http,
    )) == 0 && output.front_address == null
    error_message = "Something of a load balancer is made (and paid for) that nobody asked for."
  }
  assert {
    condition     = module.api.environment.TRUSTED_PROXIES == "1"
    error_message = "Called directly, the caller is the last entry of X-Forwarded-For."
  }
}

run "with_a_front" {
  command = plan
  variables {
    front = { domain = "convergence.example.com" }
  }

  assert {
    condition     = module.api.environment.TRUSTED_PROXIES == "2" && module.admin.environment.TRUSTED_PROXIES == "1"
    error_message = "Behind the load balancer the caller is the last but one of X-Forwarded-For; admin is not behind it."
  }
  assert {
    condition     = google_compute_region_network_endpoint_group.api[0].cloud_run[0].service == module.api.name
    error_message = "The load balancer leads to another service than the api."
  }
  assert {
    condition     = google_compute_ssl_policy.front[0].min_tls_version == "TLS_1_2" && google_compute_ssl_policy.front[0].profile == "MODERN"
    error_message = "TLS before 1.2 is accepted."
  }
  assert {
    condition = (
      google_compute_url_map.http[0].default_url_redirect[0].https_redirect &&
      google_compute_url_map.http[0].default_url_redirect[0].redirect_response_code == "PERMANENT_REDIRECT" &&
      google_compute_url_map.http[0].default_service == null
    )
    error_message = "Port 80 has to redirect, keep the method, and serve nothing."
  }
  assert {
    condition     = google_compute_backend_service.api[0].log_config[0].enable
    error_message = "What Cloud Armor refuses is logged nowhere."
  }
}

run "cloud_armor_refuses_no_honest_request" {
  command = plan
  variables {
    front = { domain = "convergence.example.com" }
  }

  assert {
    condition     = [for rule in google_compute_security_policy.front[0].rule : rule.action if rule.priority == 2147483647] == ["allow"]
    error_message = "Whom no rule names has to get through: the api asks for a key."
  }
  assert {
    condition = alltrue([for rule in google_compute_security_policy.front[0].rule : alltrue([
      for match in rule.match : alltrue([for expr in match.expr : !can(regex("sqli|xss|rce|lfi|rfi|php|java|nodejs|generic", expr.expression))])
    ])])
    error_message = "Rules that look for code in bodies refuse variables and texts that only look like it."
  }
  assert {
    condition = alltrue(flatten([for rule in google_compute_security_policy.front[0].rule : [
      for limit in rule.rate_limit_options : limit.rate_limit_threshold[0].count * 60 / limit.rate_limit_threshold[0].interval_sec
      >= tonumber(split("/", local.limits.rate_limit_endpoint)[0])
    ]]))
    error_message = "Cloud Armor's limit for one address has to be above the api's own limits."
  }
}
