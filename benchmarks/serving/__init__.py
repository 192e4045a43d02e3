"""What a prediction costs here and elsewhere, in one run on one machine: ``python -m benchmarks.serving``."""
