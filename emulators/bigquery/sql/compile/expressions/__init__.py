"""Compile the forms of expressions: names, operators, casts."""
