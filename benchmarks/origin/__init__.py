"""Benchmarks of the origin: segments through its data plane, and what a large library takes."""
