"""The machine around a series: what it can do before it, and the memory that each run of it held."""
