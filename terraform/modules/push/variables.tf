variable "topic" {
  description = "Name of the topic; its subscription is {topic}-push."
  type        = string
}

variable "project_id" {
  description = "The project."
  type        = string
}

variable "publishers" {
  description = "Who may publish, an IAM member by a name of its own choice."
  type        = map(string)
}

variable "push_to" {
  description = "Address of the function that the messages are pushed to."
  type        = string
}

variable "pushed_as" {
  description = "E-mail of the service account that the pushes are made as."
  type        = string
}

variable "ack_deadline_s" {
  description = "Seconds that the function may take, which is also the push timeout: 10 to 600."
  type        = number
}

variable "delivery_attempts" {
  description = "Deliveries, 5 to 100, before the message goes to the dead-letter topic."
  type        = number
}

variable "dead_letter_topic" {
  description = "Id of the topic of dead letters."
  type        = string
}

variable "service_agent" {
  description = "Pub/Sub's own account in this project, as an IAM member: it moves dead letters."
  type        = string
}
