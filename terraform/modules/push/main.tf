# A topic whose messages are pushed to a function, until they are dead letters.

resource "google_pubsub_topic" "this" {
  #checkov:skip=CKV_GCP_83:Messages hold no secret and no tenant's data; Google's own keys encrypt them
  project = var.project_id
  name    = var.topic
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = var.publishers

  project = var.project_id
  topic   = google_pubsub_topic.this.name
  role    = "roles/pubsub.publisher"
  member  = each.value
}

resource "google_pubsub_subscription" "this" {
  project                    = var.project_id
  name                       = "${var.topic}-push"
  topic                      = google_pubsub_topic.this.id
  ack_deadline_seconds       = var.ack_deadline_s
  message_retention_duration = "604800s" # seven days: a week-end without anybody loses nothing

  push_config {
    push_endpoint = var.push_to
    oidc_token {
      service_account_email = var.pushed_as
      audience              = var.push_to
    }
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  dead_letter_policy {
    dead_letter_topic     = var.dead_letter_topic
    max_delivery_attempts = var.delivery_attempts
  }
  expiration_policy {
    ttl = "" # never; without, it would be gone after 31 idle days
  }
}

# Pub/Sub acknowledges here what it has moved to the dead letters.
resource "google_pubsub_subscription_iam_member" "service_agent" {
  project      = var.project_id
  subscription = google_pubsub_subscription.this.name
  role         = "roles/pubsub.subscriber"
  member       = var.service_agent
}
