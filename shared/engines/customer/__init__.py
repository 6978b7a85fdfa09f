"""Engines for the tenant life cycle."""
