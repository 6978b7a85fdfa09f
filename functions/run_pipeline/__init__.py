"""The function that runs pipelines."""
