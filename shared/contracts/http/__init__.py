"""The bodies and queries that the HTTP API takes and the answers that it gives, by resource."""
