# The quota that bounds what one bad night may cost, where somebody asks for it.

# Of each account alone: once the bulk lane has used up its day, people's runs still go on.
resource "google_service_usage_consumer_quota_override" "query_usage_per_user_per_day" {
  provider = google-beta
  count    = var.daily_query_tib_per_account == null ? 0 : 1

  project        = var.project_id # jobs run here, whatever they read
  service        = "bigquery.googleapis.com"
  metric         = urlencode("bigquery.googleapis.com/quota/query/usage")
  limit          = urlencode("/d/project/user")
  override_value = tostring(var.daily_query_tib_per_account * 1048576) # MiB
  force          = true                                                # without, a quota is not lowered by more than a tenth
  depends_on     = [time_sleep.apis_are_ready]
}
