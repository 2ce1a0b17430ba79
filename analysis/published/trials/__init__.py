"""Trials that others made: a file with a line or a row a run."""
