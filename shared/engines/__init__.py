"""Engines: the work that a template's steps name by `ps_type`."""
