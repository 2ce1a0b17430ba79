"""Claims of speed and cost, checked against runs and published entries."""
