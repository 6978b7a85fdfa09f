"""Commands that people run: `python -m cli --help`. One module for each."""
