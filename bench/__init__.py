"""Figures that the documents quote, each measured by a command of its own."""
