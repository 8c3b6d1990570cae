"""Speed, beside a yardstick of others, as ratios in one run: python -m benchmarks evaluation."""
