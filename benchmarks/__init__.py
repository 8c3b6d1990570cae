"""Speed, beside a yardstick of others or of the arithmetic, as ratios in one run: python -m benchmarks --help."""
