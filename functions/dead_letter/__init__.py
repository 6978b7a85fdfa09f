"""The function `dead_letter`."""
