"""GoogleSQL to DuckDB: read strictly, type every expression, write SQL that means the same."""
