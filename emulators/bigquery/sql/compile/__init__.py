"""Compile a syntax tree: type every expression as BigQuery does, and write DuckDB SQL that means the same."""
