"""The edges: what Google Cloud calls. Parse, call, answer, map errors."""
