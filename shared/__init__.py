"""The library that every function shares, to be read in the order in which a run travels."""
