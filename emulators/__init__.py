"""Embedded services: BigQuery, Pub/Sub, KMS, Secret Manager and SendGrid on one machine. A product of its own."""
