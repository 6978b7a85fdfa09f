# What alerts and dashboard read of the logs, as counters. (DELTA: a point is the count of its minute.)

locals {
  function_names = [for one in [
    module.api, module.admin, module.run_pipeline, module.run_pipeline_bulk, module.fan_out, module.dead_letter,
  ] : one.name]
  of_functions = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", [for name in local.function_names : "\"${name}\""])})",
  ])

  # Those of our events (shared/logs.py) that an alert or a chart reads.
  counted_events = [
    "batch_overdue", "reconciled", "run_accepted", "run_dead", "run_ended", "runs_given_up", "runs_republished",
  ]
}

resource "google_logging_metric" "events" {
  name        = "convergence_events"
  description = "Events in the logs of the functions."
  filter = join(" AND ", [
    local.of_functions,
    "jsonPayload.event=(${join(" OR ", [for event in local.counted_events : "\"${event}\""])})",
  ])
  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    labels {
      key         = "event"
      description = "Its name."
    }
    labels {
      key         = "function"
      description = "Who logged it."
    }
    labels {
      key         = "status"
      description = "How a run ended."
    }
  }
  label_extractors = {
    event    = "EXTRACT(jsonPayload.event)"
    function = "EXTRACT(resource.labels.service_name)"
    status   = "EXTRACT(jsonPayload.status)"
  }
  depends_on = [time_sleep.apis_are_ready]
}

# Whatever a function logs at ERROR or CRITICAL, also what Cloud Run says of it (no memory left: without an event). Not the
# log of requests: that is run.googleapis.com/request_count.
resource "google_logging_metric" "errors" {
  name        = "convergence_errors"
  description = "Errors in the logs of the functions."
  filter = join(" AND ", [
    local.of_functions,
    "severity>=ERROR",
    "NOT log_id(\"run.googleapis.com/requests\")",
  ])
  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    labels {
      key         = "event"
      description = "Its name; empty where the line is not ours."
    }
    labels {
      key         = "function"
      description = "Whose it is."
    }
  }
  label_extractors = {
    event    = "EXTRACT(jsonPayload.event)"
    function = "EXTRACT(resource.labels.service_name)"
  }
  depends_on = [time_sleep.apis_are_ready]
}

resource "google_logging_metric" "scheduler_failures" {
  name        = "convergence_scheduler_failures"
  description = "Attempts of Cloud Scheduler that failed."
  filter = join(" AND ", [
    "resource.type=\"cloud_scheduler_job\"",
    "resource.labels.job_id=~\"^convergence-\"", # by their prefix: a schedule that goes changes nothing here
    "severity>=ERROR",
  ])
  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
  depends_on = [time_sleep.apis_are_ready]
}
