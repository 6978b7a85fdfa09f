"""Compile queries: SELECT and its clauses, set operations, CTEs."""
