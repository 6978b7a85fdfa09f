"""A batch: one template for many tenants, from the request to the status of its runs."""
