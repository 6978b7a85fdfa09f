output "topic" {
  description = "Name of the topic."
  value       = google_pubsub_topic.this.name
}

output "topic_id" {
  description = "Id of the topic: projects/…/topics/…"
  value       = google_pubsub_topic.this.id
}

output "subscription" {
  description = "Name of its push subscription."
  value       = google_pubsub_subscription.this.name
}
