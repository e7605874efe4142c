"""Thousands of malformed entries, from a real Redis into a file and onto the screens."""
