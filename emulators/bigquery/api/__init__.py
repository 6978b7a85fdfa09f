"""The REST API, v2: paths and JSON in, service calls, JSON out."""
