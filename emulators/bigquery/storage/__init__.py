"""What survives a restart: one SQLite database with immutable fragments of rows beside it."""
