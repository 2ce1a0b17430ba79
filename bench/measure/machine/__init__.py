"""The machine around a series: its fingerprint before it, and the peak memory of each run."""
