# What starts by the clock. A schedule is an entry of var.schedules, and nothing else depends on it.

locals {
  scheduled_messages = merge(
    { for name, one in var.schedules : name => {
      cron      = one.cron
      time_zone = lookup(one, "time_zone", "Etc/UTC")
      text      = "Starts ${one.template} for all tenants"
      message = jsonencode({
        schedule      = name
        provider      = split("/", one.template)[0]
        domain        = split("/", one.template)[1]
        template_name = split("/", one.template)[2]
        date          = "yesterday" # of the message's publish time, in the time zone
        timezone      = lookup(one, "time_zone", "Etc/UTC")
        lookback_days = tonumber(lookup(one, "lookback_days", "0"))
      })
    } },
    { reconcile = {
      cron      = "*/15 * * * *"
      time_zone = "Etc/UTC"
      text      = "Compares what was expected with what has ended, and mends it"
      message   = jsonencode({ reconcile = true })
    } },
  )
}

resource "google_cloud_scheduler_job" "this" {
  for_each = local.scheduled_messages

  name        = "convergence-${each.key}"
  description = each.value.text
  region      = var.region
  schedule    = each.value.cron
  time_zone   = each.value.time_zone

  pubsub_target {
    topic_name = module.batches.topic_id
    data       = base64encode(each.value.message)
  }
  # By default a failed attempt is not made again; five is the most. The message twice is the batch once.
  retry_config {
    retry_count          = 5
    min_backoff_duration = "10s"
    max_backoff_duration = "600s"
  }
  depends_on = [time_sleep.apis_are_ready]
}
