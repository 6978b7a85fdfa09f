"""Engines that any provider can use."""
