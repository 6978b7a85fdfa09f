"""What belongs to a tenant: its datasets, its API keys, its record."""
