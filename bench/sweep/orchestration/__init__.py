"""A sweep run to its end: its cells, their state and their records."""
