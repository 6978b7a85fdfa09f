variable "name" {
  description = "Name of the function and of its Cloud Run service, such as run-pipeline."
  type        = string
}

variable "description" {
  description = "What it does, in a line."
  type        = string
}

variable "project_id" {
  description = "The project."
  type        = string
}

variable "region" {
  description = "The region."
  type        = string
}

variable "entry_point" {
  description = "The function in the bundle's main.py."
  type        = string
}

variable "runtime" {
  description = "python312 or newer."
  type        = string
}

variable "bundle" {
  description = "The bundle: a bucket and the name of an object in it."
  type        = object({ bucket = string, object = string })
}

variable "build" {
  description = "What builds the image: the id of a service account, and the repository for the image."
  type        = object({ service_account = string, repository = string })
}

variable "size" {
  description = "How large and how many. `concurrency` requests at once, each in a thread of its own."
  type = object({
    max_instances = number
    min_instances = number
    concurrency   = number
    memory        = string
    cpu           = string
  })
}

variable "timeout_s" {
  description = "Seconds after which Cloud Run ends a request."
  type        = number
}

variable "environment" {
  description = "Environment variables. Names of secrets, never secrets."
  type        = map(string)
}

variable "ingress" {
  description = "ALLOW_ALL, ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB."
  type        = string
}

variable "invokers" {
  description = "Who may call it, an IAM member by a name of its own choice."
  type        = map(string)
}

variable "connector" {
  description = "A VPC connector, for what is reached through a network alone; null: none."
  type        = string
  default     = null
}
