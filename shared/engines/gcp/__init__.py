"""Engines for Google Cloud."""
