"""What BigQuery's functions compute where DuckDB has none, or one that differs: plain Python, run by DuckDB."""
