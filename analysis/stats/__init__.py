"""Statistics: intervals, two-sample differences, cost per success, power. Pure functions."""
