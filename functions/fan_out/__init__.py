"""The function that makes runs of batches."""
