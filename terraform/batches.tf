# Batch messages.

module "batches" {
  source = "./modules/push"

  topic             = local.topics.batches
  push_to           = module.fan_out.uri
  delivery_attempts = local.delivery_attempts.batches
  publishers = {
    admin     = local.members.admin   # batches over HTTP
    fan_out   = local.members.fan_out # continuations
    scheduler = local.agents["cloudscheduler"]
  }

  project_id        = var.project_id
  pushed_as         = google_service_account.push.email
  ack_deadline_s    = local.ack_deadline_s
  dead_letter_topic = google_pubsub_topic.dead_letters.id
  service_agent     = local.agents["pubsub"]
}
