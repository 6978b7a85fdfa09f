"""The files that people write, each read strictly, with the line of each fault: templates, table schemas, sources."""
