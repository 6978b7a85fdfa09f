"""Jobs: queries, loads and copies from configuration to committed result."""
