"""Measurements. Each module prints a table, or JSON with --json; they quote ratios, since machines differ."""
