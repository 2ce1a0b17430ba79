"""Statistics: intervals of one sample, differences between two, and types of machine. Pure functions of numbers."""
