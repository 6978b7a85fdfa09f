# Where all instances of api and admin count calls together (settings RATE_LIMIT_STORE), and the network that leads there.

locals {
  # The address has no password: it is an environment variable, which whoever may look at the function can read.
  rate_limit_store = var.redis == null ? "memory://" : one([
    for redis in google_redis_instance.rate_limits : "redis://${redis.host}:${redis.port}/0"
  ])
  connector = one(google_vpc_access_connector.functions[*].id)
}

# Nothing is in it but the connector and what it leads to.
resource "google_compute_network" "convergence" {
  #checkov:skip=CKV2_GCP_18:A network's implied rules let nothing in, and no machine is in it; the connector brings its own
  count = var.redis == null ? 0 : 1

  name                    = "convergence"
  description             = "From the functions' connector to Memorystore."
  auto_create_subnetworks = false
  depends_on              = [time_sleep.apis_are_ready]
}

resource "google_vpc_access_connector" "functions" {
  count = var.redis == null ? 0 : 1

  name          = "convergence"
  region        = var.region
  network       = google_compute_network.convergence[0].id
  ip_cidr_range = lookup(var.redis, "connector_cidr", "10.8.0.0/28") # a /28 that nothing else in the network has
  machine_type  = "e2-micro"                                         # counting a call is a few hundred bytes
  min_instances = 2                                                  # the least there are
  max_instances = 3
}

resource "google_redis_instance" "rate_limits" {
  #checkov:skip=CKV_GCP_95:AUTH would put a password into the functions' environment; only the connector's network reaches it, and it holds counters of a minute
  #checkov:skip=CKV_GCP_97:With TLS the store's own CA would have to be in each function; only the connector's network reaches it, and it holds counters of a minute
  count = var.redis == null ? 0 : 1

  name               = "convergence-rate-limits"
  display_name       = "Convergence: calls counted"
  region             = var.region
  redis_version      = "REDIS_7_2"
  tier               = lookup(var.redis, "tier", "BASIC") # BASIC: while it is away each instance counts for itself, and only admin calls are refused
  memory_size_gb     = tonumber(lookup(var.redis, "memory_gb", "1"))
  authorized_network = google_compute_network.convergence[0].id
  connect_mode       = "DIRECT_PEERING"

  # Every counter ends with its window. Were memory full of addresses that somebody makes up, what counts least often goes:
  # theirs. noeviction would refuse to count anybody.
  redis_configs = { maxmemory-policy = "volatile-lru" }

  # A new version takes it away for minutes: when the fewest call.
  maintenance_policy {
    weekly_maintenance_window {
      day = "SUNDAY"
      start_time {
        hours   = 3
        minutes = 0
      }
    }
  }
  deletion_protection = false # what it held is a minute old
}
