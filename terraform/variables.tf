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
}

variable "location" {
  description = "BigQuery location of all datasets: where the sources are. It cannot be changed later."
  type        = string
  default     = "US"
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
  description = "Batches that Cloud Scheduler starts, by name. The date is yesterday in the time zone; lookback_days runs so many days before it too."
  type = map(object({
    template      = string
    cron          = string
    time_zone     = optional(string, "Etc/UTC")
    lookback_days = optional(number, 0)
  }))
  default = {}
  validation {
    condition     = alltrue([for name in keys(var.schedules) : can(regex("^[a-z0-9][a-z0-9_-]{0,99}$", name)) && name != "reconcile"])
    error_message = "A schedule's name has lowercase letters, digits, _ and -, and is not reconcile."
  }
  validation {
    condition     = alltrue([for one in values(var.schedules) : can(regex("^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$", one.template))])
    error_message = "A schedule's template is provider/domain/template_name, such as gcp/cost/cost_billing."
  }
  validation {
    condition     = alltrue([for one in values(var.schedules) : can(regex("^(\\S+\\s+){4}\\S+$", one.cron))])
    error_message = "A schedule's cron has five fields, such as 0 4 * * *."
  }
  validation {
    condition     = alltrue([for one in values(var.schedules) : one.lookback_days >= 0 && one.lookback_days <= 31 && floor(one.lookback_days) == one.lookback_days])
    error_message = "lookback_days is a whole number, 0 to 31."
  }
}

variable "publishers" {
  description = "Other systems that may publish runs, by name: which tenants ([\"*\"]: all), which templates, and the IAM members that publish to its topic."
  type = map(object({
    tenants   = list(string)
    templates = list(string)
    members   = optional(list(string), [])
  }))
  default = {}
  validation {
    condition     = alltrue([for name in keys(var.publishers) : can(regex("^[a-z][a-z0-9-]{0,62}$", name))])
    error_message = "A publisher's name has lowercase letters, digits and hyphens, and begins with a letter."
  }
  validation {
    condition = alltrue(flatten([for one in values(var.publishers) : [
      for tenant in one.tenants : one.tenants == tolist(["*"]) || can(regex("^[a-z][a-z0-9]{1,30}_[a-z0-9]{4,12}$", tenant))
    ]]))
    error_message = "A publisher's tenants are tenant ids, such as acmeinc_23xv2, or [\"*\"]."
  }
  validation {
    condition = alltrue([for one in values(var.publishers) : length(one.templates) > 0 && alltrue([
      for template in one.templates : can(regex("^[a-z][a-z0-9_]{0,63}(/[a-z][a-z0-9_]{0,63}){2}$", template))
    ])])
    error_message = "A publisher has one template or more, each provider/domain/template_name."
  }
  validation {
    condition     = alltrue([for one in values(var.publishers) : length(setintersection(one.members, ["allUsers", "allAuthenticatedUsers"])) == 0])
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
}

variable "redis" {
  description = "Memorystore, where all instances of the api count calls together, and the /28 of its VPC connector. null: each instance counts for itself."
  type = object({
    memory_gb      = optional(number, 1)
    tier           = optional(string, "BASIC")
    connector_cidr = optional(string, "10.8.0.0/28")
  })
  default = null
}

variable "limits" {
  description = "Limits of the platform, where they are not the defaults of shared/settings.py: rates as 50/minute, bytes, seconds."
  type = object({
    rate_limit_runs                = optional(string, "50/minute")
    rate_limit_reads               = optional(string, "600/minute")
    rate_limit_endpoint            = optional(string, "6000/minute")
    rate_limit_global              = optional(string, "12000/minute")
    rate_limit_lookups             = optional(string, "3000/minute")
    rate_limit_lookups_per_address = optional(string, "600/minute")
    maximum_bytes_billed           = optional(number, 107374182400)
    run_deadline_s                 = optional(number, 21600)
    api_key_grace_s                = optional(number, 86400)
  })
  default = {}
  validation {
    condition = alltrue([for name, value in var.limits :
    !startswith(name, "rate_limit") || can(regex("^[1-9][0-9]{0,8}/(second|minute|hour|day)$", value))])
    error_message = "A rate is a number and a unit, such as 50/minute."
  }
  validation {
    condition     = var.limits.maximum_bytes_billed >= 10485760 && floor(var.limits.maximum_bytes_billed) == var.limits.maximum_bytes_billed
    error_message = "maximum_bytes_billed is 10485760 (10 MiB, the least that BigQuery bills) or more."
  }
  validation {
    condition     = var.limits.run_deadline_s >= 60 && var.limits.run_deadline_s <= 604800 && floor(var.limits.run_deadline_s) == var.limits.run_deadline_s
    error_message = "run_deadline_s is 60 to 604800 (a week)."
  }
  validation {
    condition     = var.limits.api_key_grace_s >= 0 && var.limits.api_key_grace_s <= 2592000 && floor(var.limits.api_key_grace_s) == var.limits.api_key_grace_s
    error_message = "api_key_grace_s is 0 to 2592000 (thirty days)."
  }
}

variable "delivery_attempts" {
  description = "Deliveries before a message is a dead letter, per lane (5 to 100). A full service refuses deliveries too (429), and the bulk lane is full by design."
  type = object({
    interactive = optional(number, 5)
    bulk        = optional(number, 20)
    batches     = optional(number, 10)
  })
  default = {}
  validation {
    condition     = alltrue([for attempts in values(var.delivery_attempts) : attempts >= 5 && attempts <= 100 && floor(attempts) == attempts])
    error_message = "delivery_attempts are 5 to 100 (Pub/Sub's bounds)."
  }
}

variable "sizes" {
  description = "Instances of a function where they are not those of sizes.tf, by function: api, admin, run_pipeline, run_pipeline_bulk, fan_out, dead_letter."
  type = map(object({
    max_instances = optional(number)
    min_instances = optional(number)
    concurrency   = optional(number)
    memory        = optional(string)
    cpu           = optional(string)
  }))
  default = {}
  validation {
    condition     = length(setsubtract(keys(var.sizes), ["api", "admin", "run_pipeline", "run_pipeline_bulk", "fan_out", "dead_letter"])) == 0
    error_message = "sizes are of api, admin, run_pipeline, run_pipeline_bulk, fan_out, dead_letter."
  }
  validation {
    condition = alltrue([for one in values(var.sizes) :
      alltrue([for count in [one.max_instances, one.concurrency] : count == null ? true : count >= 1 && floor(count) == count]) &&
      (one.min_instances == null ? true : one.min_instances >= 0 && floor(one.min_instances) == one.min_instances) &&
      (one.concurrency == null ? true : one.concurrency <= 1000)
    ])
    error_message = "max_instances and concurrency are whole numbers of 1 or more (concurrency: 1000 at most), min_instances of 0 or more."
  }
  validation {
    condition     = alltrue([for one in values(var.sizes) : one.cpu == null ? true : contains(["1", "2", "4", "6", "8"], one.cpu)])
    error_message = "cpu is \"1\", \"2\", \"4\", \"6\" or \"8\": with less than one Cloud Run lets a function work on one request at a time."
  }
}

variable "secret_versions" {
  description = "Which version of each secret the functions read. Add a version, then name it here (FACTS: pinned, read once)."
  type = object({
    admin_key    = optional(number, 1)
    sendgrid_key = optional(number, 1)
  })
  default = {}
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
