"""The runner that plays a script, for tests and benchmarks."""
