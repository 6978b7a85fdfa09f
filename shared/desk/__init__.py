"""The author's desk: what is wrong with templates, and what one would do, before anything runs."""
