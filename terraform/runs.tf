# Run messages, in two lanes.

module "runs" {
  source = "./modules/push"

  topic             = local.topics.runs
  push_to           = module.run_pipeline.uri
  delivery_attempts = local.delivery_attempts.interactive
  publishers = { for name in [
    "admin",        # replays
    "api",          # run requests
    "dead_letter",  # runs that go on
    "fan_out",      # runs that reconciliation publishes again
    "run_pipeline", # continuations
  ] : name => local.members[name] }

  project_id        = var.project_id
  pushed_as         = google_service_account.push.email
  ack_deadline_s    = local.ack_deadline_s
  dead_letter_topic = google_pubsub_topic.dead_letters.id
  service_agent     = local.agents["pubsub"]
}

module "runs_bulk" {
  source = "./modules/push"

  topic             = local.topics.runs_bulk
  push_to           = module.run_pipeline_bulk.uri
  delivery_attempts = local.delivery_attempts.bulk
  publishers = { for name in [
    "admin",             # replays
    "dead_letter",       # runs that go on
    "fan_out",           # the runs of batches
    "run_pipeline_bulk", # continuations
  ] : name => local.members[name] }

  project_id        = var.project_id
  pushed_as         = google_service_account.push.email
  ack_deadline_s    = local.ack_deadline_s
  dead_letter_topic = google_pubsub_topic.dead_letters.id
  service_agent     = local.agents["pubsub"]
}
