# Every alert has its section in the runbook, and looks at what there is: each subscription, each function, events that the
# code logs.

mock_provider "google" {
  source = "./tests/mocks"
}
mock_provider "google-beta" {}

variables {
  project_id     = "ci-project"
  operator_email = "finops@example.com"
  mail_from      = "convergence@example.com"
  alert_emails   = ["finops@example.com", "on-call@example.com"]
  publishers = {
    exporter = { tenants = ["*"], templates = ["gcp/cost/cost_billing"] }
  }
}

run "alerts_are_those_of_the_runbook" {
  command = plan

  assert {
    condition = output.alerts == [
      "batch_overdue",
      "dead_letters",
      "errors_logged",
      "function_errors",
      "messages_wait",
      "reconcile_missing",
      "runs_dead",
      "scheduler_failed",
    ]
    error_message = "docs/operate.md has a section for each alert: change both."
  }
  assert {
    condition = alltrue([for name, policy in google_monitoring_alert_policy.this :
    strcontains(policy.documentation[0].content, "docs/operate.md, `${name}`") && strcontains(policy.documentation[0].content, "**First:**")])
    error_message = "A mail says neither what to do first nor where more is written."
  }
  assert {
    condition = alltrue([for policy in google_monitoring_alert_policy.this :
    policy.conditions[0].condition_prometheus_query_language[0].disable_metric_validation])
    error_message = "A policy would be refused until its metric is known: a first apply would fail."
  }
  assert {
    condition     = toset(keys(google_monitoring_notification_channel.email)) == toset(var.alert_emails)
    error_message = "Not everybody in alert_emails is told."
  }
}

run "every_subscription_is_watched" {
  command = plan

  assert {
    condition = alltrue([for name in [
      "pipeline-runs-push", "pipeline-runs-bulk-push", "pipeline-batches-push", "pipeline-dead-letters-push", "pipeline-from-exporter-push",
      ] : alltrue([for alert in ["messages_wait", "dead_letters"] :
    strcontains(google_monitoring_alert_policy.this[alert].conditions[0].condition_prometheus_query_language[0].query, name)])])
    error_message = "Nobody would notice that a subscription's messages wait."
  }
  assert {
    condition     = alltrue([for limit_s in values(local.message_age_limits_s) : limit_s > local.ack_deadline_s])
    error_message = "A message that is worked on counts as unacknowledged: a slow query would be an alert."
  }
  assert {
    condition     = !contains(keys(local.message_age_limits_s), google_pubsub_subscription.dead_letters_kept.name)
    error_message = "Kept dead letters wait for people: they would be an alert for 31 days."
  }
}

run "every_function_is_watched" {
  command = plan

  assert {
    condition     = toset(local.function_names) == toset(["api", "admin", "run-pipeline", "run-pipeline-bulk", "fan-out", "dead-letter"])
    error_message = "A function is missing from the log metrics and from function_errors."
  }
  assert {
    condition = alltrue([for name in local.function_names :
    strcontains(google_monitoring_dashboard.this.dashboard_json, "\\\"${name}\\\"")])
    error_message = "A function is not on the dashboard."
  }
}

run "events_are_those_that_the_code_logs" {
  command = plan

  assert {
    condition = alltrue([for event in concat(local.counted_events, local.errors_told_elsewhere) : anytrue([
      for name in fileset("${path.module}/..", "{shared,functions}/**/*.py") :
      strcontains(file("${path.module}/../${name}"), "\"${event}\"")
    ])])
    error_message = "An alert or a chart waits for an event that nothing logs."
  }
}

run "without_addresses_alerts_are_only_to_be_seen" {
  command = plan
  variables {
    alert_emails = []
  }

  assert {
    condition = length(google_monitoring_notification_channel.email) == 0 && alltrue([
      for policy in google_monitoring_alert_policy.this : length(policy.notification_channels) == 0
    ])
    error_message = "There is a notification channel that nobody asked for."
  }
}
