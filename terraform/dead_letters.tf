# What Pub/Sub gave up delivering: pushed to dead_letter, and kept for people to look at.

resource "google_pubsub_topic" "dead_letters" {
  #checkov:skip=CKV_GCP_83:Messages hold no secret and no tenant's data; Google's own keys encrypt them
  name       = local.topics.dead_letters
  depends_on = [time_sleep.apis_are_ready]
}

# Pub/Sub itself moves them there.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  topic  = google_pubsub_topic.dead_letters.name
  role   = "roles/pubsub.publisher"
  member = local.agents["pubsub"]
}

# Without a dead-letter policy: a dead letter has nowhere else to go, it is pushed until it is taken.
resource "google_pubsub_subscription" "dead_letters" {
  name                       = "${local.topics.dead_letters}-push"
  topic                      = google_pubsub_topic.dead_letters.id
  ack_deadline_seconds       = local.ack_deadline_s
  message_retention_duration = "2678400s" # 31 days, the most

  push_config {
    push_endpoint = module.dead_letter.uri
    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = module.dead_letter.uri
    }
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  expiration_policy {
    ttl = "" # never
  }
}

# Nobody pulls from it in daily life: it has each dead letter as it was, for 31 days.
resource "google_pubsub_subscription" "dead_letters_kept" {
  name                       = "${local.topics.dead_letters}-kept"
  topic                      = google_pubsub_topic.dead_letters.id
  message_retention_duration = "2678400s"
  retain_acked_messages      = true

  expiration_policy {
    ttl = ""
  }
}
