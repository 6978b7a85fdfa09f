"""Commands that people run: `convergence --help`. One module for each."""
