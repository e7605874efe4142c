"""Entries that no agent should publish, thousands of them, through a real Redis into a file and onto the screens."""
