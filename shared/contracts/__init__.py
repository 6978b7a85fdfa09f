"""The shapes of what travels: requests, messages, templates, table schemas, tenants."""
