"""Comparisons with peers, each `python -m benchmarks.NAME [--quick] [--json] [--check]`."""
