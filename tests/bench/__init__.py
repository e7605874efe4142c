"""Benchmarks. Each module prints a table, or JSON with --json. Compare ratios of one run, because machines differ."""
