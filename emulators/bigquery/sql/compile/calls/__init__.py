"""Compile calls of functions: scalar functions, aggregates, windows, and functions that the request defines."""
