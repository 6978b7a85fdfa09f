# What has no sensible default has none: a plan without it is refused. dev.tfvars and prod.tfvars show all that usually differs.

variable "project_id" {
  description = "Project of the functions, topics, keys, secrets and the control dataset."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is a project's id, such as acme-convergence: 6 to 30 lowercase letters, digits and hyphens."
  }
}

variable "data_project_id" {
  description = "Project of the tenant datasets, made beforehand. Empty: project_id, whose control dataset and sources IAM conditions then keep apart."
  type        = string
  default     = ""
  validation {
    condition     = var.data_project_id == "" || can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.data_project_id))
    error_message = "data_project_id is a project's id, or empty."
  }
}

variable "region" {
  description = "Region of functions, keys, Cloud Scheduler and Memorystore."
  type        = string
  default     = "us-central1"
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is such as us-central1 or europe-west3."
  }
}

variable "location" {
  description = "BigQuery location of all datasets: where the sources are. It cannot be changed later."
  type        = string
  default     = "US"
  validation {
    condition     = can(regex("^(US|EU|[a-z]+-[a-z]+[0-9]+)$", var.location))
    error_message = "location is US, EU, or a region such as europe-west3."
  }
}

variable "operator_email" {
  description = "Where the platform writes to its operator; {operator_email} in templates."
  type        = string
  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.operator_email))
    error_message = "operator_email is an address, such as finops@acme.com."
  }
}

variable "mail_from" {
  description = "Sender of all mails, verified at SendGrid."
  type        = string
  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.mail_from))
    error_message = "mail_from is an address that SendGrid may send from, such as convergence@acme.com."
  }
}

variable "operator_mail_domains" {
  description = "Further addresses or domains that any tenant's mail may go to."
  type        = list(string)
  default     = []
}

variable "alert_emails" {
  description = "Who is told of alerts. Empty: the alerts are only to be seen in Monitoring."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))])
    error_message = "alert_emails are addresses, such as on-call@acme.com."
  }
}

variable "template_variables" {
  description = "Operator settings for templates, such as billing_export_table."
  type        = map(string)
  default     = {}
}

variable "source_datasets" {
  description = "Datasets that templates read, as project.dataset: those of configs/sources.yml."
  type        = set(string)
  default     = []
  validation {
    condition     = alltrue([for name in var.source_datasets : can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]\\.[A-Za-z0-9_]+$", name))])
    error_message = "source_datasets are of the form project.dataset."
  }
}

variable "schedules" {
  description = "Batches that Cloud Scheduler starts, by name: template, cron, time_zone (Etc/UTC), lookback_days (0). The date is yesterday in the time zone; lookback_days runs so many days before it too."
  type        = map(map(string)) # not objects: of those Terraform drops a field that it does not know, without a word
  default     = {}
  validation {
    condition     = alltrue([for name in keys(var.schedules) : can(regex("^[a-z0-9][a-z0-9_-]{0,99}$", name)) && name != "reconcile"])
    error_message = "A schedule's name has lowercase letters, digits, _ and -, and is not reconcile."
  }
  validation {
    condition     = alltrue([for one in values(var.schedules) : length(setsubtract(keys(one), ["template", "cron", "time_zone", "lookback_days"])) == 0])
    error_message = "A schedule has template, cron, time_zone and lookback_days, and nothing else."
  }
  validation {
    condition     = alltrue([for one in values(var.schedules) : can(regex("^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$", one.template))])
    error_message = "A schedule's template is provider/domain/template_name, such as gcp/cost/cost_billing."
  }
  validation {
    condition     = alltrue([for one in values(var.schedules) : !can(regex("^[a-z0-9_/]+$", one.template)) || fileexists("${path.module}/../configs/${one.template}.yml")])
    error_message = "A schedule's template is not there: configs/{template}.yml."
  }
  validation {
    condition     = alltrue([for one in values(var.schedules) : can(regex("^([0-9*/,-]+\\s+){3}[0-9A-Za-z*/,-]+\\s+[0-9A-Za-z*/,-]+$", one.cron))])
    error_message = "A schedule's cron has five fields (minute, hour, day, month, day of the week), such as 0 4 * * *."
  }
  validation {
    condition     = alltrue([for one in values(var.schedules) : can(regex("^(UTC|[A-Z][A-Za-z]+/[A-Za-z0-9_+/-]+)$", lookup(one, "time_zone", "UTC")))])
    error_message = "A schedule's time_zone is a name of the tz database, such as Europe/Berlin."
  }
  validation {
    condition     = alltrue([for one in values(var.schedules) : can(regex("^([0-9]|[12][0-9]|3[01])$", lookup(one, "lookback_days", "0")))])
    error_message = "lookback_days is a whole number, 0 to 31."
  }
}

variable "publishers" {
  description = "Other systems that may publish runs, by name: tenants (ids, or [\"*\"] for all), templates, and members, the IAM members that publish to its topic."
  type        = map(map(list(string)))
  default     = {}
  validation {
    condition     = alltrue([for name in keys(var.publishers) : can(regex("^[a-z][a-z0-9-]{0,62}$", name))])
    error_message = "A publisher's name has lowercase letters, digits and hyphens, and begins with a letter."
  }
  validation {
    condition     = alltrue([for one in values(var.publishers) : length(setsubtract(keys(one), ["tenants", "templates", "members"])) == 0])
    error_message = "A publisher has tenants, templates and members, and nothing else."
  }
  validation {
    condition = alltrue([for one in values(var.publishers) : length(lookup(one, "tenants", [])) > 0 && alltrue([
      for tenant in lookup(one, "tenants", []) : one.tenants == tolist(["*"]) || can(regex("^[a-z][a-z0-9]{1,30}_[a-z0-9]{4,12}$", tenant))
    ])])
    error_message = "A publisher's tenants are tenant ids, such as acmeinc_23xv2, or [\"*\"]."
  }
  validation {
    condition = alltrue([for one in values(var.publishers) : length(lookup(one, "templates", [])) > 0 && alltrue([
      for template in lookup(one, "templates", []) :
      can(regex("^[a-z][a-z0-9_]{0,63}(/[a-z][a-z0-9_]{0,63}){2}$", template)) && fileexists("${path.module}/../configs/${template}.yml")
    ])])
    error_message = "A publisher has one template or more, each provider/domain/template_name of a file in configs."
  }
  validation {
    condition     = alltrue([for one in values(var.publishers) : length(setintersection(lookup(one, "members", []), ["allUsers", "allAuthenticatedUsers"])) == 0])
    error_message = "A publisher's members are named: whoever publishes to its topic runs templates for its tenants."
  }
}

variable "admin_invokers" {
  description = "IAM members that may call the admin api, such as group:finops@acme.com. They need the admin key besides."
  type        = set(string)
  default     = []
  validation {
    condition     = length(setintersection(var.admin_invokers, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "The admin api is for named members only."
  }
}

variable "public_api" {
  description = "Whether tenants anywhere may call the api (allUsers may invoke it; it asks for API keys itself)."
  type        = bool
  default     = false
}

variable "all_users_allowed" {
  description = "Whether the organisation lets allUsers be a member. false under domain restricted sharing (iam.allowedPolicyMemberDomains): then a public api is opened by gcloud run services update api --no-invoker-iam-check."
  type        = bool
  default     = true
}

variable "api_invokers" {
  description = "IAM members that may call the api where it is not public."
  type        = set(string)
  default     = []
  validation {
    condition     = length(setintersection(var.api_invokers, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "Whether everybody may call the api is said by public_api."
  }
}

variable "front" {
  description = "A load balancer with Cloud Armor and a certificate for this domain in front of the api. null: callers use the function's own address."
  type        = object({ domain = string })
  default     = null
  validation {
    condition     = var.front == null ? true : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.front.domain))
    error_message = "front.domain is a domain, such as convergence.acme.com."
  }
}

variable "redis" {
  description = "Memorystore, where all instances of the api count calls together: memory_gb (1), tier (BASIC or STANDARD_HA), connector_cidr (the /28 of its VPC connector, 10.8.0.0/28). null: each instance counts for itself."
  type        = map(string)
  default     = null
  validation {
    condition     = var.redis == null ? true : length(setsubtract(keys(var.redis), ["memory_gb", "tier", "connector_cidr"])) == 0
    error_message = "redis has memory_gb, tier and connector_cidr, and nothing else."
  }
  validation {
    condition = var.redis == null ? true : (
      can(regex("^[1-9][0-9]{0,2}$", lookup(var.redis, "memory_gb", "1"))) &&
      contains(["BASIC", "STANDARD_HA"], lookup(var.redis, "tier", "BASIC")) &&
      can(cidrnetmask(lookup(var.redis, "connector_cidr", "10.8.0.0/28"))) && endswith(lookup(var.redis, "connector_cidr", "10.8.0.0/28"), "/28")
    )
    error_message = "memory_gb is a whole number, tier is BASIC or STANDARD_HA, connector_cidr a /28 such as 10.8.0.0/28."
  }
}

variable "limits" {
  description = "Limits of the platform where they are not those of local.limits (settings.tf): rates as 50/minute, bytes, seconds."
  type        = map(string)
  default     = {}
  validation {
    condition = length(setsubtract(keys(var.limits), [
      "rate_limit_runs", "rate_limit_reads", "rate_limit_endpoint", "rate_limit_global", "rate_limit_lookups",
      "rate_limit_lookups_per_address", "maximum_bytes_billed", "run_deadline_s", "api_key_grace_s",
    ])) == 0
    error_message = "limits are rate_limit_runs, _reads, _endpoint, _global, _lookups, _lookups_per_address, maximum_bytes_billed, run_deadline_s, api_key_grace_s."
  }
  validation {
    condition = alltrue([for name, value in var.limits :
    can(regex(startswith(name, "rate_limit") ? "^[1-9][0-9]{0,8}/(second|minute|hour|day)$" : "^[0-9]+$", value))])
    error_message = "A rate is a number and a unit, such as 50/minute; the others are whole numbers."
  }
  # The bounds of shared/settings.py.
  validation {
    condition     = try(tonumber(var.limits.maximum_bytes_billed), 10485760) >= 10485760
    error_message = "maximum_bytes_billed is 10485760 (10 MiB, the least that BigQuery bills) or more."
  }
  validation {
    condition     = try(tonumber(var.limits.run_deadline_s), 60) >= 60 && try(tonumber(var.limits.run_deadline_s), 60) <= 604800
    error_message = "run_deadline_s is 60 to 604800 (a week)."
  }
  validation {
    condition     = try(tonumber(var.limits.api_key_grace_s), 0) <= 2592000
    error_message = "api_key_grace_s is 0 to 2592000 (thirty days)."
  }
}

variable "run_history_days" {
  description = "For how many days events of runs and batches are kept. A smaller number drops what is older as soon as it is applied. A tenant's own x_meta_pipeline_runs is not touched."
  type        = number
  default     = 400
  validation {
    condition     = var.run_history_days >= 31 && var.run_history_days <= 3650 && floor(var.run_history_days) == var.run_history_days
    error_message = "run_history_days is a whole number, 31 to 3650: history, replay and reconciliation look back 30 days."
  }
}

variable "delivery_attempts" {
  description = "Deliveries before a message is a dead letter, of interactive, bulk, batches, where they are not those of push.tf (5 to 100). A full service refuses deliveries too (429), and the bulk lane is full by design."
  type        = map(number)
  default     = {}
  validation {
    condition     = length(setsubtract(keys(var.delivery_attempts), ["interactive", "bulk", "batches"])) == 0
    error_message = "delivery_attempts are of interactive, bulk, batches."
  }
  validation {
    condition     = alltrue([for attempts in values(var.delivery_attempts) : attempts >= 5 && attempts <= 100 && floor(attempts) == attempts])
    error_message = "delivery_attempts are whole numbers, 5 to 100 (Pub/Sub's bounds)."
  }
}

variable "bulk_reservation" {
  description = "BigQuery reservation whose slots the queries of batches run in: projects/PROJECT/locations/LOCATION/reservations/NAME. Empty: as the project is assigned, else on demand. The account of run-pipeline-bulk needs bigquery.reservations.use on it."
  type        = string
  default     = ""
  validation {
    condition     = var.bulk_reservation == "" || can(regex("^projects/[^/]+/locations/[^/]+/reservations/[^/]+$", var.bulk_reservation))
    error_message = "bulk_reservation is projects/PROJECT/locations/LOCATION/reservations/NAME, or empty."
  }
}

variable "sizes" {
  description = "Instances of a function where they are not those of sizes.tf, by function: max_instances, min_instances, concurrency, memory, cpu."
  type        = map(map(string))
  default     = {}
  validation {
    condition     = length(setsubtract(keys(var.sizes), ["api", "admin", "run_pipeline", "run_pipeline_bulk", "fan_out", "dead_letter"])) == 0
    error_message = "sizes are of api, admin, run_pipeline, run_pipeline_bulk, fan_out, dead_letter."
  }
  validation {
    condition     = alltrue([for one in values(var.sizes) : length(setsubtract(keys(one), ["max_instances", "min_instances", "concurrency", "memory", "cpu"])) == 0])
    error_message = "A size has max_instances, min_instances, concurrency, memory and cpu, and nothing else."
  }
  validation {
    condition = alltrue([for one in values(var.sizes) :
      can(regex("^[1-9][0-9]*$", lookup(one, "max_instances", "1"))) && can(regex("^[0-9]+$", lookup(one, "min_instances", "0"))) &&
      can(regex("^([1-9][0-9]{0,2}|1000)$", lookup(one, "concurrency", "1")))
    ])
    error_message = "max_instances and concurrency are whole numbers of 1 or more (concurrency: 1000 at most), min_instances of 0 or more."
  }
  validation {
    condition     = alltrue([for one in values(var.sizes) : can(regex("^[1-9][0-9]*(Mi|Gi)$", lookup(one, "memory", "1Gi"))) && contains(["1", "2", "4", "6", "8"], lookup(one, "cpu", "1"))])
    error_message = "memory is such as 512Mi or 2Gi; cpu is 1, 2, 4, 6 or 8: with less than one Cloud Run lets a function work on one request at a time."
  }
}

variable "daily_query_tib_per_account" {
  description = "How many TiB the queries of one account may read in a day (BigQuery's quota QueryUsagePerUserPerDay). null: BigQuery's own, which is no limit. Once it is used up, that account's queries fail until midnight Pacific time."
  type        = number
  default     = null
  validation {
    condition     = var.daily_query_tib_per_account == null ? true : var.daily_query_tib_per_account >= 1 && floor(var.daily_query_tib_per_account) == var.daily_query_tib_per_account
    error_message = "daily_query_tib_per_account is a whole number, 1 or more."
  }
}

variable "secret_versions" {
  description = "Which version of admin_key and sendgrid_key the functions read, where it is not 1. Add a version, then name it here: they are pinned, and read once."
  type        = map(number)
  default     = {}
  validation {
    condition     = length(setsubtract(keys(var.secret_versions), ["admin_key", "sendgrid_key"])) == 0
    error_message = "secret_versions are of admin_key and sendgrid_key."
  }
  validation {
    condition     = alltrue([for version in values(var.secret_versions) : version >= 1 && floor(version) == version])
    error_message = "secret_versions are the numbers of versions, 1 or more."
  }
}

variable "protect_data" {
  description = "Whether Terraform refuses to destroy KMS keys, the control dataset and its tables. true wherever tenants are real."
  type        = bool
  default     = true
}

variable "dataset_acls_enforced" {
  description = "Whether the organisation has opted into BigQuery's enable_fine_grained_dataset_acls_option: to make a dataset with an access list then takes bigquery.datasets.setIamPolicy."
  type        = bool
  default     = false
}

variable "runtime" {
  description = "Runtime of the functions: python312 or newer."
  type        = string
  default     = "python312"
  validation {
    condition     = can(regex("^python3(1[2-9]|[2-9][0-9])$", var.runtime))
    error_message = "runtime is python312 or newer."
  }
}

variable "bundles_dir" {
  description = "Folder of the bundles that `make bundle` writes, from this folder."
  type        = string
  default     = "../dist"
}
