"""Benchmarks: speed as a ratio to other code or to the bare arithmetic, in one run: python -m benchmarks --help."""
