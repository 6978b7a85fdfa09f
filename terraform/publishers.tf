# Other systems that publish runs, each to a topic of its own: who a message is from is said by its subscription.

locals {
  # As the setting PUBLISHERS has it: "*" stands for all tenants.
  publishers = merge(
    { for name, one in var.publishers : name => { tenants = one.tenants, templates = one.templates } if !contains(one.tenants, "*") },
    { for name, one in var.publishers : name => { tenants = "*", templates = one.templates } if contains(one.tenants, "*") },
  )
}

module "publishers" {
  source   = "./modules/push"
  for_each = var.publishers

  topic             = "pipeline-from-${each.key}"
  push_to           = module.run_pipeline.uri
  delivery_attempts = local.delivery_attempts.interactive
  publishers        = { for member in lookup(each.value, "members", []) : member => member }

  project_id        = var.project_id
  pushed_as         = google_service_account.push.email
  ack_deadline_s    = local.ack_deadline_s
  dead_letter_topic = google_pubsub_topic.dead_letters.id
  service_agent     = local.agents["pubsub"]
}
