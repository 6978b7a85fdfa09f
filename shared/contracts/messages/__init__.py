"""The messages that travel through Pub/Sub."""
