"""Who may do what: grants out of a file, what each call asks for, and what was asked for."""
