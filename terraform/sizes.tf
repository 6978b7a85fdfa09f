# How many instances of each function there may be, and how many requests each of them works on at once: so many threads.
# One vCPU is the least that Cloud Run takes for more than one at once.

locals {
  default_sizes = {
    api   = { max_instances = 10, min_instances = 0, concurrency = 16, memory = "1Gi", cpu = "1" }
    admin = { max_instances = 3, min_instances = 0, concurrency = 8, memory = "1Gi", cpu = "1" }
    # A run waits for BigQuery nearly all of its time. Few at once in an instance: one that kills its process takes its
    # neighbours' deliveries along.
    run_pipeline = { max_instances = 10, min_instances = 0, concurrency = 8, memory = "1Gi", cpu = "1" }
    # 20 x 8 runs at once start some 60 queries a second at most: BigQuery takes 100 calls of a method a second from one
    # account (its quotas page).
    run_pipeline_bulk = { max_instances = 20, min_instances = 0, concurrency = 8, memory = "1Gi", cpu = "1" }
    fan_out           = { max_instances = 3, min_instances = 0, concurrency = 2, memory = "512Mi", cpu = "1" }
    dead_letter       = { max_instances = 3, min_instances = 0, concurrency = 4, memory = "512Mi", cpu = "1" }
  }
  sizes = { for name, size in local.default_sizes : name => merge(size, lookup(var.sizes, name, {})) }
}
