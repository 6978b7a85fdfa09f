"""The life of a run: accepted, resolved, executed, recorded. Pure: ports in, decisions out."""
