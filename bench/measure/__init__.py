"""Measuring: the clock, runs in series, and the machine they ran on."""
