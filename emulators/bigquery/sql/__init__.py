"""GoogleSQL to DuckDB: read/ makes a syntax tree of the text, compile/ types it and writes SQL that means the same."""
