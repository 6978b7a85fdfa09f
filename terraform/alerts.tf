# What is wrong, and who is told: a policy for each entry of local.alerts, whose name is a section of
# docs/operate.md; tests/alerts.tftest.hcl holds the list.
#
# Conditions are PromQL: shares, floors and absence in one form, and it alone may be made before the metric that it reads
# (disable_metric_validation; a log-based metric takes up to ten minutes to be known, and any other policy on it is refused
# until then: terraform-provider-google #11102). increase() of a DELTA metric is its count in the window. Points come up to
# four minutes late (Pub/Sub's), so that no window is shorter than five.

locals {
  # How old a message may get before somebody looks. One that is worked on counts too, and that may take ack_deadline_s: five
  # minutes more mean that it waits. What is kept of dead letters waits for people, and is not here.
  message_age_limits_s = merge(
    {
      (module.runs.subscription)                     = local.ack_deadline_s + 300
      (module.batches.subscription)                  = local.ack_deadline_s + 300
      (google_pubsub_subscription.dead_letters.name) = local.ack_deadline_s + 300
      (module.runs_bulk.subscription)                = 7200 # ten thousand runs take their time
    },
    { for one in module.publishers : one.subscription => local.ack_deadline_s + 300 },
  )
  # How much of five minutes' requests may be answered 5xx. A push that is refused comes again by itself.
  error_share_limits = merge(
    { for name in local.function_names : name => 0.2 },
    { (module.api.name) = 0.05, (module.admin.name) = 0.05 },
  )
  # Logged at ERROR, and tried again by callers or told by another alert: function_errors, runs_dead, dead_letters.
  errors_told_elsewhere = [
    "batch_not_published", "dead_letter_kept", "replay_not_published", "request_unavailable", "run_dead", "run_not_published",
  ]

  # Names in PromQL: the first / is a colon, what else is no letter is _. Of this project alone: Monitoring may see others'.
  on_cloud_run   = "monitored_resource=\"cloud_run_revision\", project_id=\"${var.project_id}\""
  on_pubsub      = "monitored_resource=\"pubsub_subscription\", project_id=\"${var.project_id}\""
  on_scheduler   = "monitored_resource=\"cloud_scheduler_job\", project_id=\"${var.project_id}\""
  promql_events  = "logging_googleapis_com:user_${google_logging_metric.events.name}"
  promql_errors  = "logging_googleapis_com:user_${google_logging_metric.errors.name}"
  promql_failed  = "logging_googleapis_com:user_${google_logging_metric.scheduler_failures.name}"
  promql_request = "run_googleapis_com:request_count"

  alerts = {
    dead_letters = {
      severity = "WARNING"
      what     = "Messages used up their deliveries"
      first    = <<-EOT
        See in the log of `dead_letter` what became of them: `run_revived` is well, `dead_letter_kept` is not. Many at once
        mean that the function they were pushed to is full or fails: look at its instances and errors.
      EOT
      logs     = "resource.type=\"cloud_run_revision\" resource.labels.service_name=\"${module.dead_letter.name}\""
      for_s    = 0
      query    = <<-EOT
        sum by (subscription_id) (increase(
          pubsub_googleapis_com:subscription_dead_letter_message_count{${local.on_pubsub},
            subscription_id=~"${join("|", keys(local.message_age_limits_s))}"}[15m]
        )) > 0
      EOT
    }
    messages_wait = {
      severity = "ERROR"
      what     = "A message waits for longer than it may"
      first    = <<-EOT
        Look at the function that the subscription pushes to: does it answer (errors), is it full (instances), does
        BigQuery make it wait (its log)?
      EOT
      logs     = "resource.type=\"cloud_run_revision\" jsonPayload.event=\"delivery_nacked\""
      for_s    = 0
      query = join("or\n", [
        for limit_s, names in { for name, limit_s in local.message_age_limits_s : limit_s => name... } : <<-EOT
          max by (subscription_id) (
            pubsub_googleapis_com:subscription_oldest_unacked_message_age{${local.on_pubsub},
              subscription_id=~"${join("|", names)}"}
          ) > ${limit_s}
        EOT
      ])
    }
    function_errors = {
      severity = "ERROR"
      what     = "A function answers too many requests with 5xx"
      first    = <<-EOT
        Read its errors: the log names type and place. If it began with a deployment, go back to the one before.
      EOT
      logs     = "resource.type=\"cloud_run_revision\" severity>=ERROR"
      for_s    = 0
      # Of fewer than 20 requests a share says nothing; errors_logged sees single errors.
      query = join("or\n", [
        for share, names in { for name, share in local.error_share_limits : share => name... } : <<-EOT
          (
            sum by (service_name) (increase(${local.promql_request}{${local.on_cloud_run},
              service_name=~"${join("|", names)}", response_code_class="5xx"}[5m]))
            / sum by (service_name) (increase(${local.promql_request}{${local.on_cloud_run},
              service_name=~"${join("|", names)}"}[5m])) > ${share}
            and sum by (service_name) (increase(${local.promql_request}{${local.on_cloud_run},
              service_name=~"${join("|", names)}"}[5m])) >= 20
          )
        EOT
      ])
    }
    errors_logged = {
      severity = "ERROR"
      what     = "A function logged an error that does not mend itself"
      first    = <<-EOT
        The event says which: a bug (`…_bug`, with its place), settings that lack (`settings_invalid`), a store that is down
        (`rate_limit_store_down`), a mail to you that did not go out (`operator_not_told`), a call that could not be
        recorded and was refused (`audit_failed`), a grant that lacks (`request_failed`). Without an event the process
        itself was ended, mostly for memory.
      EOT
      logs     = "resource.type=\"cloud_run_revision\" severity>=ERROR"
      for_s    = 0
      query    = <<-EOT
        sum by (function, event) (increase(${local.promql_errors}{${local.on_cloud_run},
          event!~"${join("|", local.errors_told_elsewhere)}"}[10m])) > 0
      EOT
    }
    runs_dead = {
      severity = "ERROR"
      what     = "Runs are DEAD: no delivery of theirs was answered, or they are long past their deadline"
      first    = <<-EOT
        See in the log what they have in common (template, batch), mend that, then run them again: `convergence replay`.
      EOT
      logs     = "jsonPayload.event=(\"run_dead\" OR \"runs_given_up\")"
      for_s    = 0
      query    = <<-EOT
        sum by (event) (increase(${local.promql_events}{${local.on_cloud_run}, event=~"run_dead|runs_given_up"}[10m])) > 0
      EOT
    }
    batch_overdue = {
      severity = "WARNING"
      what     = "A batch has not ended by its deadline"
      first    = <<-EOT
        `convergence batch --watch BATCH_ID` (the log has it) says what is queued, running and missing. Reconciliation
        publishes that again by itself; what is missing after an hour becomes DEAD.
      EOT
      logs     = "jsonPayload.event=\"batch_overdue\""
      for_s    = 0
      # It is said every 15 minutes for as long as it is so.
      query = <<-EOT
        sum(increase(${local.promql_events}{${local.on_cloud_run}, event="batch_overdue"}[20m])) > 0
      EOT
    }
    # Not condition_absent: that waits for a first point, and a counter may go on with zeros. 20 and 25 minutes are three
    # rounds missed; the 25 are also what a first deployment has for its first round.
    reconcile_missing = {
      severity = "CRITICAL"
      what     = "Nobody has reconciled for 45 minutes: what gets lost now stays lost"
      first    = <<-EOT
        Is the job `convergence-reconcile` of Cloud Scheduler enabled, and does it run? Does `fan_out` answer? Its log says
        why a round ended early.
      EOT
      logs     = "resource.type=\"cloud_run_revision\" resource.labels.service_name=\"${module.fan_out.name}\""
      for_s    = 1500
      query    = <<-EOT
        (sum(increase(${local.promql_events}{${local.on_cloud_run}, event="reconciled"}[20m])) or vector(0)) == 0
      EOT
    }
    scheduler_failed = {
      severity = "ERROR"
      what     = "Cloud Scheduler could not publish a job's message"
      first    = <<-EOT
        The log says why: Scheduler's agent may not publish to `pipeline-batches`, or the topic is gone. When it is mended,
        run the job by hand: the same message twice is one batch.
      EOT
      logs     = "resource.type=\"cloud_scheduler_job\" severity>=ERROR"
      for_s    = 0
      query    = <<-EOT
        sum by (job_id) (increase(${local.promql_failed}{${local.on_scheduler}}[10m])) > 0
      EOT
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.alert_emails)

  display_name = each.key
  description  = "Told of Convergence's alerts."
  type         = "email"
  labels       = { email_address = each.key }
  depends_on   = [time_sleep.apis_are_ready]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  display_name          = "Convergence: ${each.key}"
  severity              = each.value.severity
  combiner              = "OR"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = each.value.what
    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = "${each.value.for_s}s"
      evaluation_interval       = "60s"
      alert_rule                = each.key
      rule_group                = "convergence"
      disable_metric_validation = true
    }
  }
  # One incident, and one mail, for each subscription, function or job at a time: it closes with the condition, or after an
  # hour without points. (notification_rate_limit is for policies on log lines alone.)
  alert_strategy {
    auto_close = "3600s"
  }
  documentation {
    subject   = "Convergence: ${each.key}"
    mime_type = "text/markdown"
    content   = <<-EOT
      ${each.value.what}.

      **First:** ${each.value.first}
      More: docs/operate.md, `${each.key}`.
    EOT
    links {
      display_name = "Log"
      url          = "https://console.cloud.google.com/logs/query;query=${replace(urlencode(each.value.logs), "+", "%20")}?project=${var.project_id}"
    }
  }
  depends_on = [time_sleep.apis_are_ready]
}

output "alerts" {
  description = "Names of the alerts; docs/operate.md has a section for each."
  value       = keys(local.alerts)
}
