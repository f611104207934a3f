"""Benchmarks: run by hand (`make bench`), never as tests. Each measures its floor in the same run."""
