"""From a template and its variables to text and SQL that are safe to run for one tenant."""
