"""One script a claim; `python -m benchmarks` runs them all and prints one table."""
