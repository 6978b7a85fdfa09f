# What an operator looks at first: do runs end, does anything wait, what fails, who is full, what BigQuery does.

locals {
  events_metric = "logging.googleapis.com/user/${google_logging_metric.events.name}"
  errors_metric = "logging.googleapis.com/user/${google_logging_metric.errors.name}"
  our_functions = "resource.label.service_name=one_of(\"${join("\", \"", local.function_names)}\")"
  our_pushes    = "resource.label.subscription_id=one_of(\"${join("\", \"", keys(local.message_age_limits_s))}\")"

  # A chart: a metric of a kind of resource, which points of it (`of`), and a line for each `by`. How the points of a minute
  # become one, and several series: `count` (DELTA) adds up, `level` (GAUGE) takes the highest, `p95` is of a distribution.
  charts = [
    {
      title  = "Runs accepted by the api, a minute"
      metric = local.events_metric, on = "cloud_run_revision", of = "metric.label.event=\"run_accepted\""
      as     = "count", by = []
    },
    {
      title  = "Runs ended by status, a minute"
      metric = local.events_metric, on = "cloud_run_revision", of = "metric.label.event=\"run_ended\""
      as     = "count", by = ["metric.label.status"]
    },
    {
      title  = "Messages not yet acknowledged"
      metric = "pubsub.googleapis.com/subscription/num_undelivered_messages", on = "pubsub_subscription", of = local.our_pushes
      as     = "level", by = ["resource.label.subscription_id"]
    },
    {
      title  = "Age of the oldest of them, seconds"
      metric = "pubsub.googleapis.com/subscription/oldest_unacked_message_age", on = "pubsub_subscription", of = local.our_pushes
      as     = "level", by = ["resource.label.subscription_id"]
    },
    {
      title  = "Dead letters, a minute"
      metric = "pubsub.googleapis.com/subscription/dead_letter_message_count", on = "pubsub_subscription", of = local.our_pushes
      as     = "count", by = ["resource.label.subscription_id"]
    },
    {
      title  = "Runs DEAD, given up, published again; batches overdue: log lines a minute"
      metric = local.events_metric, on = "cloud_run_revision"
      of     = "metric.label.event=one_of(\"run_dead\", \"runs_given_up\", \"runs_republished\", \"batch_overdue\")"
      as     = "count", by = ["metric.label.event"]
    },
    {
      title  = "Answers 5xx, a minute"
      metric = "run.googleapis.com/request_count", on = "cloud_run_revision"
      of     = "${local.our_functions} AND metric.label.response_code_class=\"5xx\""
      as     = "count", by = ["resource.label.service_name"]
    },
    {
      title  = "Errors logged, a minute"
      metric = local.errors_metric, on = "cloud_run_revision", of = local.our_functions
      as     = "count", by = ["metric.label.function", "metric.label.event"]
    },
    {
      title  = "Time to answer, milliseconds, 95th percentile"
      metric = "run.googleapis.com/request_latencies", on = "cloud_run_revision", of = local.our_functions
      as     = "p95", by = ["resource.label.service_name"]
    },
    {
      title  = "BigQuery: slots in use"
      metric = "bigquery.googleapis.com/slots/allocated_for_project", on = "bigquery_project", of = local.our_project
      as     = "level", by = []
    },
    {
      title  = "BigQuery: bytes billed, a minute (up to six hours late)"
      metric = "bigquery.googleapis.com/query/scanned_bytes_billed", on = "global", of = local.our_project
      as     = "count", by = []
    },
    {
      title  = "BigQuery: rows streamed (what happened to runs), a minute"
      metric = "bigquery.googleapis.com/storage/insertall_inserted_rows", on = "bigquery_project", of = local.our_project
      as     = "count", by = []
    },
  ]
  our_project = "resource.label.project_id=\"${var.project_id}\""
  point_of = {
    count = { perSeriesAligner = "ALIGN_DELTA", crossSeriesReducer = "REDUCE_SUM" }
    level = { perSeriesAligner = "ALIGN_MAX", crossSeriesReducer = "REDUCE_MAX" }
    p95   = { perSeriesAligner = "ALIGN_DELTA", crossSeriesReducer = "REDUCE_PERCENTILE_95" }
  }

  # Instances as a share of the most there may be: at 1, Cloud Run refuses what does not fit (429, a delivery used up).
  most_instances = {
    (module.api.name)               = local.sizes.api.max_instances
    (module.admin.name)             = local.sizes.admin.max_instances
    (module.run_pipeline.name)      = local.sizes.run_pipeline.max_instances
    (module.run_pipeline_bulk.name) = local.sizes.run_pipeline_bulk.max_instances
    (module.fan_out.name)           = local.sizes.fan_out.max_instances
    (module.dead_letter.name)       = local.sizes.dead_letter.max_instances
  }
  fullness = {
    title = "Instances, share of the most there may be"
    xyChart = {
      dataSets = [for name, most in local.most_instances : {
        plotType       = "LINE"
        legendTemplate = name
        timeSeriesQuery = {
          prometheusQuery = "sum(run_googleapis_com:container_instance_count{${local.on_cloud_run}, service_name=\"${name}\"}) / ${most}"
        }
      }]
      thresholds = [{ value = 1, label = "full" }]
    }
  }
}

resource "google_monitoring_dashboard" "this" {
  dashboard_json = jsonencode({
    displayName = "Convergence"
    gridLayout = {
      columns = "2"
      widgets = concat([for chart in local.charts : {
        title = chart.title
        xyChart = {
          dataSets = [{
            plotType = chart.as == "count" ? "STACKED_BAR" : "LINE"
            timeSeriesQuery = {
              timeSeriesFilter = {
                filter = "metric.type=\"${chart.metric}\" AND resource.type=\"${chart.on}\" AND ${chart.of}"
                aggregation = merge(local.point_of[chart.as], {
                  alignmentPeriod = "60s"
                  groupByFields   = chart.by
                })
              }
            }
          }]
        }
      }], [local.fullness])
    }
  })
  depends_on = [time_sleep.apis_are_ready]
}
