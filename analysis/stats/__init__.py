"""Statistics: intervals of one sample and differences between two. Pure functions of numbers."""
