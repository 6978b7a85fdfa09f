# A global load balancer in front of the api, for a domain of one's own and Cloud Armor. The api then takes calls from it
# alone (ALLOW_INTERNAL_AND_GCLB), and the caller's address is the last but one of X-Forwarded-For: Cloud Run itself adds
# the caller at the right end; the load balancer adds `client-ip,load-balancer-ip` (its "X-Forwarded-For header" page).

resource "google_compute_global_address" "front" {
  count = var.front == null ? 0 : 1

  name        = "convergence-front"
  description = "Where the domain's A record points."
  depends_on  = [time_sleep.apis_are_ready]
}

output "front_address" {
  description = "Where the A record of front.domain has to point; the certificate is made when it does. null: there is no front."
  value       = one(google_compute_global_address.front[*].address)
}

resource "google_compute_region_network_endpoint_group" "api" {
  count = var.front == null ? 0 : 1

  name                  = "convergence-api"
  region                = var.region
  network_endpoint_type = "SERVERLESS"
  cloud_run {
    service = module.api.name
  }
  depends_on = [time_sleep.apis_are_ready]
}

resource "google_compute_backend_service" "api" {
  count = var.front == null ? 0 : 1

  name                  = "convergence-api"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = google_compute_security_policy.front[0].id

  backend {
    group = google_compute_region_network_endpoint_group.api[0].id
  }
  # Who was refused here never reached the api, whose log knows nothing of it.
  log_config {
    enable      = true
    sample_rate = 1.0
  }
}

# The api's own limits are per tenant; what is here keeps one address from using up those of all tenants together.
resource "google_compute_security_policy" "front" {
  #checkov:skip=CKV_GCP_73:The rule is there (priority 100), at sensitivity 1: the check knows only the one that guesses more
  count = var.front == null ? 0 : 1

  name        = "convergence-front"
  description = "Before the api: known exploits, and more calls from one address than anybody needs."
  type        = "CLOUD_ARMOR"

  # Bodies are read value by value, so that no text is taken for what its punctuation would be in a form.
  advanced_options_config {
    json_parsing = "STANDARD"
    log_level    = "NORMAL"
  }

  # Of the preconfigured rules only those that no tenant's text, date or name can meet. Rules against SQL in requests would
  # refuse a variable that says "select … from"; a value never becomes SQL here (docs/templates.md, "SQL").
  rule {
    description = "Exploits that everybody is tried with: Log4j lookups and their like."
    priority    = 100
    action      = "deny(403)"
    match {
      expr {
        expression = "evaluatePreconfiguredWaf('cve-canary', {'sensitivity': 1})"
      }
    }
  }
  rule {
    description = "Programs that look for holes, by the names that they give themselves."
    priority    = 110
    action      = "deny(403)"
    match {
      expr {
        expression = "evaluatePreconfiguredWaf('scannerdetection-v422-stable', {'sensitivity': 1})"
      }
    }
  }
  # Many tenants may call from one address (a company's, a cloud's): it may make as many calls as the api by default takes
  # for one endpoint of all tenants together (RATE_LIMIT_ENDPOINT). Twice as many is an attack.
  rule {
    description = "6,000 calls a minute from one address; at twice as many it is banned for ten minutes."
    priority    = 1000
    action      = "rate_based_ban"
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
    rate_limit_options {
      enforce_on_key   = "IP"
      conform_action   = "allow"
      exceed_action    = "deny(429)"
      ban_duration_sec = 600
      rate_limit_threshold {
        count        = 6000
        interval_sec = 60
      }
      ban_threshold {
        count        = 6000 # of those that were already too many
        interval_sec = 60
      }
    }
  }
  rule {
    description = "Everybody else: the api asks for a key."
    priority    = 2147483647
    action      = "allow"
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }
  depends_on = [time_sleep.apis_are_ready]
}

# Another domain is another certificate, made before the proxy leaves the old one.
resource "google_compute_managed_ssl_certificate" "front" {
  count = var.front == null ? 0 : 1

  name = "convergence-${substr(sha256(var.front.domain), 0, 8)}"
  managed {
    domains = [var.front.domain]
  }
  lifecycle {
    create_before_destroy = true
  }
  depends_on = [time_sleep.apis_are_ready]
}

resource "google_compute_ssl_policy" "front" {
  count = var.front == null ? 0 : 1

  name            = "convergence-front"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
  depends_on      = [time_sleep.apis_are_ready]
}

resource "google_compute_url_map" "https" {
  count = var.front == null ? 0 : 1

  name            = "convergence-https"
  default_service = google_compute_backend_service.api[0].id
}

resource "google_compute_target_https_proxy" "front" {
  count = var.front == null ? 0 : 1

  name             = "convergence-https"
  url_map          = google_compute_url_map.https[0].id
  ssl_certificates = [google_compute_managed_ssl_certificate.front[0].id]
  ssl_policy       = google_compute_ssl_policy.front[0].id
}

resource "google_compute_global_forwarding_rule" "https" {
  count = var.front == null ? 0 : 1

  name                  = "convergence-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.front[0].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.front[0].id
}

# Port 80 says where to go, and nothing else.
resource "google_compute_url_map" "http" {
  count = var.front == null ? 0 : 1

  name = "convergence-http"
  default_url_redirect {
    https_redirect         = true
    strip_query            = false
    redirect_response_code = "PERMANENT_REDIRECT" # 308: the method stays
  }
  depends_on = [time_sleep.apis_are_ready]
}

resource "google_compute_target_http_proxy" "front" {
  count = var.front == null ? 0 : 1

  name    = "convergence-http"
  url_map = google_compute_url_map.http[0].id
}

resource "google_compute_global_forwarding_rule" "http" {
  count = var.front == null ? 0 : 1

  name                  = "convergence-http"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.front[0].id
  port_range            = "80"
  target                = google_compute_target_http_proxy.front[0].id
}
