"""Running a sweep to its end: its cells, their state and their records."""
